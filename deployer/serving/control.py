"""The control socket: one JSON object per line, answered by one JSON line; sockets travel by SCM_RIGHTS.

``{"do": "status"}`` · ``accept`` (with a listening TCP socket) · ``cease`` · ``give`` · ``subscribe``. What is not
understood is answered with ``{"ok": false, "error": ...}``; nothing that comes in here can harm serving.
"""

from __future__ import annotations

import array
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Control", "Refused", "Supervised"]

LONGEST_LINE = 65536
MOST_CLIENTS = 64
MOST_SOCKETS = 16


class Refused(Exception):
    """A command that is not followed; the text says why."""


class Supervised(Protocol):
    """What a supervisor can ask of the server."""

    def status(self) -> dict[str, Any]:
        """The status line."""

    def accept(self, listener: socket.socket) -> None:
        """Accept on the listener too, which is the server's from here on. Raises Refused."""

    def cease(self) -> int:
        """Stop accepting on the public listener; answers how many connections are left there."""

    def give(self) -> socket.socket:
        """The public listener, to be sent out. Raises Refused when there is none."""


class Control:
    """Serves the control socket on an event loop.

    Args:
        listener: A listening, non-blocking Unix socket.
        server: What the commands act on.
        loop: The event loop.
    """

    def __init__(self, listener: socket.socket, server: Supervised, loop: asyncio.AbstractEventLoop) -> None:
        self._listener = listener
        self._server = server
        self._loop = loop
        self._clients: set[_Client] = set()
        loop.add_reader(listener.fileno(), self._connected)

    def tell_subscribers(self) -> None:
        """Send the status line to every subscriber."""
        for client in list(self._clients):
            if client.subscribed:
                client.send(self._server.status())

    def close(self) -> None:
        """Stop, and hang up."""
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for client in list(self._clients):
            client.close()

    def _connected(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MOST_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection, self._server, self._loop, self._clients.discard)
        self._clients.add(client)


class _Client:
    def __init__(
        self,
        connection: socket.socket,
        server: Supervised,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[_Client], None],
    ) -> None:
        self.subscribed = False
        self._connection = connection
        self._server = server
        self._loop = loop
        self._on_close = on_close
        self._text = b""
        self._sockets: list[socket.socket] = []
        self._open = True
        loop.add_reader(connection.fileno(), self._readable)

    def send(self, fields: dict[str, Any], descriptor: int | None = None) -> None:
        """Send a line, with a descriptor if there is one; a client who does not read is hung up on."""
        if not self._open or sys.platform == "win32":
            return
        line = json.dumps(fields).encode() + b"\n"
        rights = []
        if descriptor is not None:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        try:
            sent = self._connection.sendmsg([line], rights)
        except OSError:
            self.close()
            return
        if sent < len(line):
            self.close()

    def close(self) -> None:
        """Hang up, closing sockets that came with no command."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._connection.fileno())
        self._drop_sockets()
        self._connection.close()
        self._on_close(self)

    def _readable(self) -> None:
        if sys.platform == "win32":
            return
        try:
            data, ancillary, _, _ = self._connection.recvmsg(LONGEST_LINE, socket.CMSG_SPACE(MOST_SOCKETS * 4))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._sockets.extend(_received(payload))
        if not data or len(self._sockets) > MOST_SOCKETS:
            self.close()
            return
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            if self._open and line.strip():
                self._obey(line)
        if len(self._text) > LONGEST_LINE:
            self.close()

    def _obey(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict) or not isinstance(request.get("do"), str):
            self._drop_sockets()
            self.send({"ok": False, "error": 'not a command: one JSON object in a line, as {"do": "status"}'})
            return
        try:
            self._do(request["do"])
        except Refused as refused:
            self.send({"ok": False, "error": str(refused)})
        except Exception as error:
            self.send({"ok": False, "error": f"{type(error).__name__}: {error}"})
        finally:
            self._drop_sockets()

    def _do(self, command: str) -> None:
        if command == "status":
            self.send(self._server.status())
        elif command == "subscribe":
            self.subscribed = True
            self.send(self._server.status())
        elif command == "accept":
            if len(self._sockets) != 1:
                raise Refused(f"accept needs one listening socket with it, {len(self._sockets)} came")
            self._server.accept(self._sockets.pop())
            self.send({"ok": True})
        elif command == "cease":
            self.send({"ok": True, "connections": self._server.cease()})
        elif command == "give":
            self.send({"ok": True}, self._server.give().fileno())
        else:
            raise Refused(f"{command[:40]!r} is no command: accept, cease, give, status, subscribe")

    def _drop_sockets(self) -> None:
        while self._sockets:
            self._sockets.pop().close()


def _received(payload: bytes) -> list[socket.socket]:
    descriptors = array.array("i")
    descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    found = []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        try:
            found.append(socket.socket(fileno=descriptor))
        except OSError:
            os.close(descriptor)
    return found
