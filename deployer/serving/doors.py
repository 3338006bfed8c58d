"""Doors: a listening socket each, with the HTTP connections that came through it.

uvicorn's protocol classes speak HTTP; accepting is done here, one connection at each wake-up, so that processes which
share a listener share its connections, and so that a listener can be taken away and given back while connections live.
"""

from __future__ import annotations

import errno
import inspect
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from email.utils import formatdate
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from .sockets import BACKLOG

if TYPE_CHECKING:
    import asyncio

    from .log import Log

__all__ = ["Door"]

KEEP_ALIVE = 75
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
TRY_AGAIN = 0.5

Application = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Door:
    """One way in, public (TCP) or private (Unix socket).

    Args:
        application: The ASGI application that answers what comes in here.
        headers: Headers of every answer (with httptools of uvicorn's own 400 too, for what is no HTTP).
        loop: The event loop.
        log: Where trouble is told.

    Attributes:
        listener: The listening socket, or None while nothing is accepted.
    """

    def __init__(
        self,
        application: Application,
        headers: list[tuple[bytes, bytes]],
        loop: asyncio.AbstractEventLoop,
        log: Log,
    ) -> None:
        self.listener: socket.socket | None = None
        self._loop = loop
        self._log = log
        self._headers = headers
        self._arriving: set[asyncio.Task[None]] = set()
        self._state = ServerState()
        self._config = Config(
            app=application,
            interface="asgi3",
            http="httptools" if find_spec("httptools") else "h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()
        protocol: Any = self._config.http_protocol_class
        takes_state = "app_state" in inspect.signature(protocol.__init__).parameters
        self._options: dict[str, Any] = {"config": self._config, "server_state": self._state}
        if takes_state:
            self._options["app_state"] = {}
        self._protocol = protocol
        self.renew_date()

    @property
    def accepting(self) -> bool:
        """Whether connections are taken in here."""
        return self.listener is not None

    @property
    def connections(self) -> int:
        """How many connections are open, those that are just being taken in included."""
        return len(self._state.connections) + len(self._arriving)

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return bool(self._state.tasks)

    def open(self, listener: socket.socket) -> None:
        """Accept on a listening socket from now on; the socket is this door's own to close."""
        listener.setblocking(False)
        self.listener = listener
        self._loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting and close this process's copy of the listener; connections stay."""
        if self.listener is not None:
            self._loop.remove_reader(self.listener.fileno())
            self.listener.close()
            self.listener = None

    def sweep(self) -> None:
        """Take in all that wait in the kernel's queue; closing a listener that nobody shares would reset them."""
        for _ in range(BACKLOG):
            if not self._accept():
                return

    def hang_up(self) -> None:
        """Close the connections that are idle, and let the others end with their answer."""
        for connection in list(self._state.connections):
            connection.shutdown()

    def renew_date(self) -> None:
        """Write the time into the headers; called each second."""
        date = (b"date", formatdate(time.time(), usegmt=True).encode())
        self._state.default_headers = [date, *self._headers]

    def _accept(self) -> bool:
        if self.listener is None:
            return False
        try:
            connection, _ = self.listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            self._pause(error)
            return False
        connection.setblocking(False)
        if connection.family != getattr(socket, "AF_UNIX", None):
            with suppress(OSError):  # it may be gone already
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._take_in(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    async def _take_in(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._protocol(**self._options), connection)
        except OSError as error:
            connection.close()
            self._log.event("connection-failed", "warning", error=str(error))

    def _pause(self, error: OSError) -> None:
        if error.errno not in OUT_OF_FILES or self.listener is None:
            self._log.event("accept-failed", "warning", error=str(error))
            return
        self._log.event("accept-failed", "error", error=str(error), seconds=TRY_AGAIN)
        paused = self.listener
        self._loop.remove_reader(paused.fileno())
        self._loop.call_later(TRY_AGAIN, self._resume, paused)

    def _resume(self, paused: socket.socket) -> None:
        if self.listener is paused:
            self._loop.add_reader(paused.fileno(), self._accept)
