"""The local target: endpoints as supervised, detached processes of this host, on Linux and macOS.

It is no sandbox: a model's code runs as the person who deploys it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from deployer.errors import TargetUnavailable
from deployer.target import (
    Diagnoses,
    InvokesRevision,
    KeepsSecrets,
    Logs,
    Orphans,
    Preflight,
    Site,
    TargetKind,
    Watches,
)
from deployer_local.config import LocalConfig, LocalOptions, refuse

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["kind"]


def _connect(options: LocalOptions, site: Site) -> Target:
    if sys.platform == "win32":
        raise TargetUnavailable(
            "the local target runs on Linux and macOS only, since it passes sockets between processes",
            where=site.name, hint="use WSL, or another target: deployer targets",
        )  # fmt: skip
    from deployer_local.target import LocalTarget

    return LocalTarget(options, site)


kind = TargetKind(
    name="local",
    summary="supervised processes on this host, on a loopback port",
    options=LocalOptions,
    config=LocalConfig,
    capabilities=frozenset({Logs, Diagnoses, InvokesRevision, KeepsSecrets, Preflight, Orphans, Watches}),
    connect=_connect,
    delivers="environment",
    refuse=refuse,
)
