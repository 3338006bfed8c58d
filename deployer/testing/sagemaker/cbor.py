"""Enough of CBOR (RFC 8949) to read a request of AWS's newest protocol and to answer one.

CloudWatch and the tagging API are asked in it by today's botocore (Smithy RPC v2).
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

__all__ = ["decode", "encode"]

_BREAK = object()


def encode(value: Any) -> bytes:
    """A value of None, bool, int, float, str, bytes, list, dict; a datetime becomes tag 1."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack("!d", value)
    if isinstance(value, datetime):
        return b"\xc1" + encode(value.timestamp())
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list | tuple):
        return _head(4, len(value)) + b"".join(encode(each) for each in value)
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(encode(key) + encode(each) for key, each in value.items())
    raise TypeError(f"CBOR cannot say {type(value).__name__}")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for extra, form, size in ((24, "!B", 1), (25, "!H", 2), (26, "!I", 4), (27, "!Q", 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + struct.pack(form, number)
    raise ValueError("too large for CBOR")


def decode(data: bytes) -> Any:
    """The value that the bytes say; a time (tag 1) becomes a datetime.

    Raises:
        ValueError: They are no CBOR.
    """
    try:
        value, _ = _read(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError("not CBOR") from error
    return value


def _number(data: bytes, at: int) -> tuple[int, int]:
    extra = data[at] & 31
    if extra < 24:
        return extra, at + 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}[extra]
    return int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def _read(data: bytes, at: int) -> tuple[Any, int]:
    major, extra = data[at] >> 5, data[at] & 31
    if major == 7:
        return _simple(data, at, extra)
    if extra == 31:
        return _endless(data, at, major)
    number, at = _number(data, at)
    if major in (0, 1):
        return (number if major == 0 else -1 - number), at
    if major in (2, 3):
        raw = data[at : at + number]
        if len(raw) < number:
            raise IndexError(at)
        return (raw if major == 2 else raw.decode()), at + number
    if major == 6:
        value, at = _read(data, at)
        return (datetime.fromtimestamp(value, UTC) if number == 1 else value), at
    found = []
    for _ in range(number * (2 if major == 5 else 1)):
        value, at = _read(data, at)
        found.append(value)
    return (found if major == 4 else dict(zip(found[::2], found[1::2], strict=True))), at


def _endless(data: bytes, at: int, major: int) -> tuple[Any, int]:
    found: list[Any] = []
    at += 1
    while True:
        value, at = _read(data, at)
        if value is _BREAK:
            break
        found.append(value)
    if major == 5:
        return dict(zip(found[::2], found[1::2], strict=True)), at
    if major in (2, 3):
        return (b"" if major == 2 else "").join(found), at
    return found, at


def _simple(data: bytes, at: int, extra: int) -> tuple[Any, int]:
    if extra in (26, 27):
        form, size = ("!f", 4) if extra == 26 else ("!d", 8)
        return struct.unpack(form, data[at + 1 : at + 1 + size])[0], at + 1 + size
    return {20: False, 21: True, 22: None, 23: None, 31: _BREAK}[extra], at + 1
