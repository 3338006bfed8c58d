from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployer.serving.bodies import Abandoned, TooLarge, discard_rest, read_body


class Client:
    """ASGI's ``receive`` that gives out pieces, then goes away."""

    def __init__(self, *pieces: bytes, whole: bool = True) -> None:
        self.left = [
            {"type": "http.request", "body": piece, "more_body": not whole or number < len(pieces) - 1}
            for number, piece in enumerate(pieces)
        ]

    async def __call__(self) -> dict[str, Any]:
        return self.left.pop(0) if self.left else {"type": "http.disconnect"}


def read(client: Client, length: str | None, most: int) -> bytes:
    return asyncio.run(read_body(client, length, most))


def test_whole() -> None:
    assert read(Client(b"abc"), "3", 3) == b"abc"
    assert read(Client(b"a", b"", b"bc"), None, 3) == b"abc"
    assert read(Client(b""), None, 3) == b""


def test_too_large() -> None:
    announced = Client(b"abcd")
    with pytest.raises(TooLarge):
        read(announced, "4", 3)
    assert len(announced.left) == 1
    chunked = Client(b"ab", b"cd", b"ef")
    with pytest.raises(TooLarge):
        read(chunked, None, 3)
    assert len(chunked.left) == 1
    with pytest.raises(TooLarge):
        read(Client(b"abcd"), "2", 3)  # a length that lies
    with pytest.raises(TooLarge):
        read(Client(b"abcd"), "-1", 3)


def test_gone() -> None:
    with pytest.raises(Abandoned):
        read(Client(b"ab", whole=False), None, 10)


def test_the_rest_is_heard_out() -> None:
    client = Client(b"a", b"b", b"c")
    asyncio.run(discard_rest(client, waits=False))
    assert client.left == []
    waiting = Client(b"a")
    asyncio.run(discard_rest(waiting, waits=True))
    assert len(waiting.left) == 1
