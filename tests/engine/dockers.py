"""Which Docker an engine of a test's own is: this machine's, or a newer one in a Debian of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["NEWER", "OWN", "Docker", "newer"]

NEWER = "DEPLOYER_TEST_NEWER_ENGINE"
"""Names the folder that tests/engine/newer has made."""


@dataclass(frozen=True)
class Docker:
    """Which Docker an engine is, and how it keeps images.

    Attributes:
        root: Of the system that it is started in, and which all that runs on the host sees; None: this machine's.
        settings: Of its daemon.json.
        options: Of dockerd's.
    """

    root: Path | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ()


OWN = Docker(options=("--storage-driver=overlay2",))
"""This machine's, with Docker's own store."""


def newer() -> Docker | str:
    """One with containerd's store, as new installations have since Docker 29; or a line that says why there is none."""
    folder = os.environ.get(NEWER)
    if not folder:
        return f"no newer Docker: {NEWER} is not set; run as root: tests/engine/up FOLDER && set -a && . FOLDER/env"
    return Docker(Path(folder), {"features": {"containerd-snapshotter": True}})
