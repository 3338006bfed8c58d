"""Listening sockets: binding them, and taking over a socket file that a killed process left."""

from __future__ import annotations

import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["BACKLOG", "Listeners", "SocketFile", "is_listening_tcp", "listen_tcp", "listen_unix"]

BACKLOG = 2048


class SocketFile:
    """A Unix socket's path, remembered with what the file is, so that only our own is ever removed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._identity = _identity(path)

    def remove(self) -> None:
        """Remove the file if it is still ours; silently nothing otherwise."""
        if self._identity is not None and _identity(self.path) == self._identity:
            with suppress(OSError):
                Path(self.path).unlink()


class Listeners:
    """The listening sockets that a process begins with, bound before anything slow is imported."""

    def __init__(self) -> None:
        self.tcp: socket.socket | None = None
        self.private: socket.socket | None = None
        self.control: socket.socket | None = None
        self._files: list[SocketFile] = []

    def unix(self, path: str) -> socket.socket:
        """Bind and listen on a Unix socket, as :func:`listen_unix`, and remember its file."""
        listener, file = listen_unix(path)
        self._files.append(file)
        return listener

    def remove_files(self) -> None:
        """Remove the socket files that are still ours."""
        for file in self._files:
            file.remove()


def listen_tcp(host: str, port: int) -> socket.socket:
    """Bind and listen on a TCP port; connections are taken by the kernel from here on.

    Raises:
        OSError: The address is in use or is not this machine's; the text names it.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    listener.setblocking(False)
    return listener


def listen_unix(path: str) -> tuple[socket.socket, SocketFile]:
    """Bind and listen on a Unix socket that only this user may connect to (mode 0600).

    A socket file that nobody listens on is replaced. Call it before there are threads, since it sets the umask.

    Raises:
        OSError: Somebody listens there, the path is too long for a socket, or something else lies there.
    """
    if sys.platform == "win32":
        raise OSError("Unix sockets are not served on Windows")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _clear_stale(path)
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener, SocketFile(path)


def is_listening_tcp(candidate: socket.socket) -> bool:
    """Whether a socket is a listening TCP one."""
    try:
        return (
            candidate.family in (socket.AF_INET, socket.AF_INET6)
            and candidate.type == socket.SOCK_STREAM
            and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0  # macOS answers 2
        )
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns)  # an inode alone is used again at once


def _clear_stale(path: str) -> None:
    if sys.platform == "win32":
        return
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError("something that is not a socket lies there")
    except FileNotFoundError:
        return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(1.0)
        probe.connect(path)
    except ConnectionRefusedError:
        Path(path).unlink()
    except FileNotFoundError:
        return
    else:
        raise FileExistsError("another process listens there")
    finally:
        probe.close()
