"""Messages of ``application/vnd.amazon.eventstream``, as AWS's SDKs read a streamed answer."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

__all__ = ["event", "failure", "message"]


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, headers of text, payload, and both checksums."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    whole = prelude + packed + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def event(kind: str, payload: bytes) -> bytes:
    """An event with a payload of bytes."""
    return message(
        {":message-type": "event", ":event-type": kind, ":content-type": "application/octet-stream"}, payload
    )


def failure(kind: str, payload: bytes) -> bytes:
    """An exception inside a stream; its payload is JSON."""
    return message(
        {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}, payload
    )
