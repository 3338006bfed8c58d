"""The small gateway before an endpoint's replicas: HAProxy's configuration, its changes while it runs, and its report.

Pure: `files` is what it starts with, `queries` is what to ask a running one, `read_loaded` reads its answers, and
`changes` says what to send next. Whoever has a gateway asks, sends and looks again::

    loaded = read_loaded(
        [answer for line in exchanges(queries(settings)) for answer in split_answers(ask(line))], settings
    )
    step = changes(loaded, wished)
    trouble = [text for line in exchanges(step.commands) for text in complaints(ask(line))]

until ``step.done``. The new `files` are written, and checked by `check_command`, before the first command is sent, so
that a gateway which starts anew starts with what is wished.
"""

from __future__ import annotations

from deployer.gateway.admin import complaints, exchanges, new_certificate, split_answers
from deployer.gateway.changes import Changes, changes
from deployer.gateway.loaded import Copies, Figures, Loaded, Server, queries, read_loaded
from deployer.gateway.render import check_command, files, render, run_command
from deployer.gateway.values import GatewaySettings, Member, Mirror, Pool, Routing
from deployer.gateway.wishing import with_mirror, with_traffic, without_pool

__all__ = [
    "Changes",
    "Copies",
    "Figures",
    "GatewaySettings",
    "Loaded",
    "Member",
    "Mirror",
    "Pool",
    "Routing",
    "Server",
    "changes",
    "check_command",
    "complaints",
    "exchanges",
    "files",
    "new_certificate",
    "queries",
    "read_loaded",
    "render",
    "run_command",
    "split_answers",
    "with_mirror",
    "with_traffic",
    "without_pool",
]
