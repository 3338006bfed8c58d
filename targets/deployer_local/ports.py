"""Who has a TCP port, as far as the system tells an unprivileged user."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

__all__ = ["is_free", "owner_of_port"]

LISTEN = "0A"


def is_free(host: str, port: int) -> bool:
    """Whether a port could be bound now; True for an address that is not this machine's, whose binding will say so."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return not _means_taken(error)
    return True


def _means_taken(error: OSError) -> bool:
    return error.errno in (98, 48, 13)  # EADDRINUSE on Linux and macOS, EACCES for a port below 1024


def owner_of_port(port: int) -> str:
    """``nginx (pid 812)``, or "" when it cannot be told (another user's process, or not on Linux)."""
    if sys.platform != "linux":
        return ""
    inodes = set[str]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    return _holder(inodes) if inodes else ""


def _holder(sockets: set[str]) -> str:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for each in (process / "fd").iterdir():
                if str(each.readlink()) in sockets:
                    return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""
