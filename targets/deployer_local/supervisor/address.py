"""The public port: bound once, and kept for the endpoint's life."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from .wish import read_wish

__all__ = ["FIRST_PORT", "bound_to", "listen", "recorded_ports"]

FIRST_PORT = 8321
PORTS = 2000
BACKLOG = 2048


def recorded_ports(endpoints: Path, name: str) -> set[int]:
    """Ports that other endpoints hold, those that do not run now included."""
    found = set()
    for folder in endpoints.iterdir():
        wish = read_wish(folder) if folder.name != name else None
        port = wish.settings.get("port") if wish is not None else None
        if isinstance(port, int):
            found.add(port)
    return found


def listen(host: str, port: int | None, avoid: set[int]) -> socket.socket:
    """A listening socket on the port, or, without one, on the first that is free from 8321 up and not to be avoided.

    Raises:
        OSError: It is taken (EADDRINUSE), or the address is not this machine's.
    """
    if port is not None:
        return _listen(host, port)
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS):
        if candidate in avoid:
            continue
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def bound_to(listener: socket.socket) -> tuple[str, int]:
    """The address and port of a listening socket."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)
