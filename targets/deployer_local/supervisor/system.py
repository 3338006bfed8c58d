"""The few calls that only Unix has, each under one name, so that the rest imports and type-checks anywhere."""

from __future__ import annotations

import array
import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

__all__ = [
    "LONGEST_SOCKET_PATH",
    "Process",
    "boot_id",
    "connect_unix",
    "end_group",
    "exit_code",
    "lock",
    "on_signals",
    "open_unix",
    "receive",
    "resident_bytes",
    "send",
    "serve_unix",
    "start_time",
    "unix_socket",
]

LONGEST_SOCKET_PATH = 103
"""Bytes of a Unix socket's path that every Unix takes (macOS: 104 with the final NUL, Linux: 108)."""


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Unsupported(OSError):
    """This system has no such call."""


def lock(descriptor: int) -> bool:
    """Take the kernel's exclusive lock on an open file; False when another holds it.

    It ends with the last copy of the descriptor, so at the latest with the processes that have it.
    """
    if sys.platform == "win32":
        raise Unsupported("no flock on Windows")
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unix_socket() -> socket.socket:
    """A stream socket of the Unix family."""
    if sys.platform == "win32":
        raise Unsupported("no Unix sockets on Windows")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def connect_unix(path: Path, timeout: float) -> socket.socket:
    """A connection to a Unix socket, however long its path is where ``/proc`` is; raises OSError."""
    if sys.platform == "win32":
        raise Unsupported("no Unix sockets on Windows")
    connection = unix_socket()
    folder = None
    try:
        connection.settimeout(timeout)
        name = os.fspath(path)
        if len(os.fsencode(name)) > LONGEST_SOCKET_PATH and sys.platform == "linux":
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            name = f"/proc/self/fd/{folder}/{path.name}"
        connection.connect(name)
    except BaseException:
        connection.close()
        raise
    finally:
        if folder is not None:
            os.close(folder)
    return connection


async def open_unix(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """`asyncio.open_unix_connection`."""
    if sys.platform == "win32":
        raise Unsupported("no Unix sockets on Windows")
    return await asyncio.open_unix_connection(path)


async def serve_unix(handler: Handler, path: str) -> asyncio.AbstractServer:
    """`asyncio.start_unix_server`, in place of whatever lies at the path."""
    if sys.platform == "win32":
        raise Unsupported("no Unix sockets on Windows")
    with suppress(FileNotFoundError):
        Path(path).unlink()
    return await asyncio.start_unix_server(handler, path, backlog=128)


def send(connection: socket.socket, data: bytes, descriptor: int | None = None) -> None:
    """Send a short message, with an open descriptor if there is one."""
    if sys.platform == "win32":
        raise Unsupported("no descriptors over sockets on Windows")
    rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    sent = connection.sendmsg([data], rights)
    if sent < len(data):
        raise BlockingIOError(f"only {sent} of {len(data)} bytes were taken")


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What came, at most 64 KiB, and the open descriptors that came with it."""
    if sys.platform == "win32":
        raise Unsupported("no descriptors over sockets on Windows")
    data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4 * 4))
    found: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors = array.array("i")
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
            found += descriptors
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return data, found


def on_signals(loop: asyncio.AbstractEventLoop, child: Callable[[], None], end: Callable[[], None]) -> None:
    """Call ``child`` when a child has ended, and ``end`` when this process is told to."""
    if sys.platform == "win32":
        raise Unsupported("no such signals on Windows")
    loop.add_signal_handler(signal.SIGCHLD, child)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


def exit_code(child: subprocess.Popen[bytes]) -> int | None:
    """How a child ended, or None while it runs; whatever else is left of its process group is ended with it.

    On Linux that happens before the child is reaped, while its number cannot be another's.
    """
    if sys.platform == "linux":
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            end_group(child.pid)
        return child.poll()
    code = child.poll()
    if code is not None:
        end_group(child.pid)
    return code


def end_group(leader: int) -> None:
    """End what is left of the process group of a process that has ended."""
    if sys.platform == "win32":
        raise Unsupported("no process groups on Windows")
    with suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def boot_id() -> str:
    """What names this start of the host; another after each reboot. ``unknown`` where the system does not tell."""
    if sys.platform == "linux":
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return "unknown"
    return _output("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid") or "unknown"


def start_time(pid: int | None = None) -> str | None:
    """When a process began (this one without a pid), in the system's own form; with the pid it names one process.

    None when there is no such process, or it has ended and only waits to be reaped.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid or 'self'}/stat").read_text("utf-8", "replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    return _output("/bin/ps", "-o", "lstart=", "-p", str(pid or os.getpid()))


def resident_bytes(pid: int) -> int | None:
    """Memory that a process has in RAM, shared pages included; None when it cannot be told."""
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return None
    told = _output("/bin/ps", "-o", "rss=", "-p", str(pid))
    return int(told) * 1024 if told and told.isdigit() else None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


class Process:
    """One process of this host, known by pid and start time, and signalled through a pidfd where there is one.

    So another process that was given the same number later is never touched.
    """

    def __init__(self, pid: int, started: str | None, descriptor: int | None) -> None:
        self.pid = pid
        self.started = started
        self._descriptor = descriptor

    @classmethod
    def find(cls, pid: int, started: str | None = None) -> Process | None:
        """The living process of this pid, if it began when it is said to have."""
        descriptor: int | None = None
        if sys.platform == "linux":
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return None
            except OSError:
                descriptor = None  # a kernel before 5.3
        began = start_time(pid)
        if began is None or (started is not None and began != started):
            if descriptor is not None:
                os.close(descriptor)
            return None
        return cls(pid, began, descriptor)

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when the process ends, or None."""
        return self._descriptor

    def alive(self) -> bool:
        """Whether it still runs."""
        if sys.platform == "linux" and self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return not poll.poll(0)
        return start_time(self.pid) == self.started

    def signal(self, number: int) -> bool:
        """Send a signal; False when it has ended."""
        try:
            if sys.platform == "linux" and self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, number)
            elif start_time(self.pid) == self.started:
                os.kill(self.pid, number)
            else:
                return False
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Forget it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
