"""Where everything lies on this host, and what this host is."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

__all__ = ["root_folder", "uv_platform"]

_GLIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
"""The minors of glibc 2 that uv has a platform for (``uv pip compile --help``)."""
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}


def root_folder(root: Path | None) -> Path:
    """The target's folder: the given one, or ``deployer/local`` under the XDG data folder."""
    if root is not None:
        return root.expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    data = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "share"
    return data / "deployer" / "local"


def uv_platform() -> str:
    """What uv calls this host: the newest glibc that it knows and this host has."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin":
        return f"{machine}-apple-darwin"
    name, version = platform.libc_ver()
    if name != "glibc":
        return f"{machine}-unknown-linux-musl"
    minor = int(version.split(".")[1])
    return f"{machine}-manylinux_2_{next((known for known in _GLIBC if known <= minor), 17)}"
