"""The client's side of a control socket: one JSON object per line, sockets by SCM_RIGHTS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from .system import connect_unix, open_unix, receive, send, unix_socket

__all__ = ["ask", "ask_now", "follow"]

_MOST = 4 * 1024 * 1024


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _answer(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.partition(b"\n")[0])
    except (ValueError, RecursionError) as error:
        raise ConnectionError("what came is no JSON line") from error
    if not isinstance(found, dict):
        raise ConnectionError("what came is no JSON object")
    return found


def ask_now(path: Path, message: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send a command and wait for its answer, at most so many seconds in all.

    Raises:
        OSError: Nobody listens, or the answer did not come (`TimeoutError`).
    """
    until = time.monotonic() + timeout
    with connect_unix(path, timeout) as connection:
        connection.sendall(_line(message))
        data = b""
        while b"\n" not in data and len(data) < _MOST:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer in time")
            connection.settimeout(left)
            more = connection.recv(65536)
            if not more:
                raise ConnectionError("hung up without an answer")
            data += more
    return _answer(data)


async def ask(
    path: str, message: dict[str, Any], *, patience: float, with_socket: socket.socket | None = None
) -> tuple[dict[str, Any], list[int]]:
    """Send a command, with a socket if there is one, and wait for its answer and the descriptors that come with it.

    Raises:
        OSError: Nobody listens, or the answer did not come (`TimeoutError`).
    """
    loop = asyncio.get_running_loop()
    data, descriptors = b"", list[int]()
    connection = unix_socket()
    try:
        connection.setblocking(False)
        async with asyncio.timeout(patience):
            await loop.sock_connect(connection, path)
            send(connection, _line(message), with_socket.fileno() if with_socket else None)
            while b"\n" not in data and len(data) < _MOST:
                await _readable(loop, connection)
                more, came = receive(connection)
                descriptors += came
                if not more:
                    raise ConnectionError("hung up without an answer")
                data += more
        return _answer(data), descriptors
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    finally:
        connection.close()


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = loop.create_future()
    loop.add_reader(connection.fileno(), lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(connection.fileno())


async def follow(path: str) -> AsyncIterator[dict[str, Any]]:
    """The status lines that a worker pushes, until it hangs up. Raises OSError when nobody listens."""
    reader, writer = await open_unix(path)
    try:
        writer.write(_line({"do": "subscribe"}))
        await writer.drain()
        while line := await reader.readline():
            with contextlib.suppress(ConnectionError):
                yield _answer(line)
    finally:
        writer.close()
