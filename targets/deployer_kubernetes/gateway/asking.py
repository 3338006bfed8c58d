"""One pod of a gateway, asked and told by its admin socket, which only the pod's own loopback reaches.

The way there is the API server's port-forward: no program is run in the pod, and nothing else in the cluster has a way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from deployer.errors import DeployerError, TargetUnavailable
from deployer.gateway import (
    GatewaySettings,
    complaints,
    exchanges,
    queries,
    read_loaded,
    split_answers,
)
from deployer_kubernetes.client import REQUEST, Cluster
from deployer_kubernetes.forwarding import forwarded
from deployer_kubernetes.gateway.facts import Report
from deployer_kubernetes.gateway.objects import ADMIN_PORT
from deployer_kubernetes.gateway.wish import read_wish

__all__ = ["is_whole", "report", "send"]

_PATIENCE = 10.0
"""Seconds that it may take to answer one line."""
_WISH = "show wish"


def report(cluster: Cluster, pod: str, settings: GatewaySettings) -> Report:
    """Ask it; whatever keeps it from answering is told as its trouble."""
    try:
        return _read(_talk(cluster, pod, [_question(settings)])[0], settings)
    except DeployerError as error:
        return Report(trouble=error.message)


def send(cluster: Cluster, pod: str, settings: GatewaySettings, commands: Sequence[str]) -> tuple[list[str], Report]:
    """Have it carry out commands: its complaints, and what it says then.

    Raises:
        TargetUnavailable: It does not answer; transient.
    """
    sys.audit(REQUEST, f"gateway commands {pod}")
    lines = exchanges(commands)
    *answers, last = _talk(cluster, pod, [*lines, _question(settings)])
    said = [text for each in answers for text in complaints(each)]
    try:
        return said, _read(last, settings)
    except DeployerError as error:
        return said, Report(trouble=error.message)


def _question(settings: GatewaySettings) -> str:
    (line,) = exchanges([_WISH, *queries(settings)])
    return line


def _read(text: str, settings: GatewaySettings) -> Report:
    wish, *answers = split_answers(text)
    return Report(read_loaded(answers, settings), read_wish(wish))


def _talk(cluster: Cluster, pod: str, lines: Sequence[str]) -> list[str]:
    """The answers, each by a connection of its own: the gateway closes it after a line."""
    return [_exchange(cluster, pod, line) for line in lines]


def _exchange(cluster: Cluster, pod: str, line: str) -> str:
    with forwarded(cluster, pod, ADMIN_PORT) as way:
        try:
            way.settimeout(_PATIENCE)
            way.sendall(line.encode() + b"\n")
            text = b""
            # The kubelet takes a second to tell that the other side has closed; the answers tell it themselves.
            while not is_whole(text, line) and (part := way.recv(65536)):
                text += part
        except OSError as error:
            raise TargetUnavailable(
                f"the gateway does not answer: {str(error) or type(error).__name__}", transient=True, where=pod
            ) from error
        if not is_whole(text, line):
            raise TargetUnavailable("the gateway does not answer, or not to the end", transient=True, where=pod)
    return text.decode("utf-8", "replace")


def is_whole(text: bytes, line: str) -> bool:
    """Whether all commands of a line are answered: each answer ends with an empty line, and holds none."""
    return text.endswith(b"\n") and text[:-1].split(b"\n").count(b"") > line.count(";")
