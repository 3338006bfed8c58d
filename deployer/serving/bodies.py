"""Reading a request's body under a limit, and hearing out a client whose body is too large."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Abandoned", "TooLarge", "discard_rest", "read_body"]

LINGER = 5.0


class TooLarge(Exception):
    """The body is larger than allowed."""


class Abandoned(Exception):
    """The client went away before its body was whole."""


async def read_body(receive: Any, length: str | None, most: int) -> bytes:
    """Read the body, never holding more than ``most`` bytes and one piece.

    Args:
        receive: ASGI's.
        length: The ``Content-Length`` header; a body that announces too much is refused before it is read.
        most: Bytes.

    Raises:
        TooLarge: It is larger; the rest is unread.
        Abandoned: The client went away.
    """
    if length is not None and length.isdigit() and int(length) > most:
        raise TooLarge
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Abandoned
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise TooLarge
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def discard_rest(receive: Any, waits: bool) -> None:
    """Read on for up to 5 s and throw away, after the answer.

    Closing while the client still sends would reset the connection, and many clients would then never see the answer.
    A client that waits for ``100 Continue`` sends nothing more.
    """
    if waits:
        return
    try:
        await asyncio.wait_for(_read_on(receive), LINGER)
    except asyncio.TimeoutError:  # another class than TimeoutError before Python 3.11
        return


async def _read_on(receive: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
