"""API keys: who may ask over TCP, told by a file of digests that is read again when it changes.

A line is ``[NAME] sha256:DIGEST``, where DIGEST is the SHA-256 of the key's bytes, 64 hexadecimal digits; an empty line
and what follows a ``#`` say nothing. The name is written to the log with each request, the key never is; several keys
may share a name, so that an old and a new one work while they are changed.

A plain SHA-256 is enough, since the keys are long and random (a slow hash guards what people think up, and would be
paid again at each request); the file is for the server's eyes only all the same.

The file is looked at before each request (some 2 us), and replaced best by a rename. While it is missing, cannot be
read or is not understood, the keys that were read last stay, and the log says so; a file that was understood and lists
no key lets nobody in. There is no state of the file that lets everybody in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .failure import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .log import Log

__all__ = ["Key", "KeyFile", "parse_keys", "take_keys"]

LONGEST_KEY = 512
MOST_PRESENTED = 2
LARGEST_FILE = 1 << 20
MOST_KEYS = 1000
UNSETTLED = 2.0
REMIND = 60.0

OF_NOTHING = hashlib.sha256().hexdigest()
LINE = re.compile(r"(?:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})\s+)?sha256:(?P<digest>[0-9A-Fa-f]{64})")

Headers = list[tuple[bytes, bytes]]


class Key(NamedTuple):
    """Whose key it is, for the log, and its SHA-256 (32 bytes)."""

    name: str
    digest: bytes


def parse_keys(text: bytes) -> tuple[Key, ...]:
    """Read the text of a file of keys. A key without a name is called ``key-N``, by its place among the keys.

    Raises:
        ValueError: A line is not understood or is the digest of an empty key, or there are more than 1,000 keys. The
            text names the line by its number only, since there may stand a key that somebody wrote down as it is.
    """
    keys: list[Key] = []
    for number, raw in enumerate(text.split(b"\n"), start=1):
        line = raw.partition(b"#")[0].strip()
        if not line:
            continue
        found = LINE.fullmatch(line.decode("ascii", "replace"))
        if found is None:
            raise ValueError(f"line {number} is not [NAME] sha256:DIGEST, with 64 hexadecimal digits")
        if found["digest"].lower() == OF_NOTHING:
            raise ValueError(f"line {number} is the digest of an empty key")
        keys.append(Key(found["name"] or f"key-{len(keys) + 1}", bytes.fromhex(found["digest"])))
    if len(keys) > MOST_KEYS:
        raise ValueError(f"there are {len(keys)} keys, more than {MOST_KEYS}")
    return tuple(keys)


def take_keys(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, ...], Headers]:
    """Part a request's headers into the keys that it presents and the headers that anyone may see.

    A key comes as ``X-API-Key: KEY`` or ``Authorization: Bearer KEY``. Whatever else ``Authorization`` holds is taken
    away too. A request that presents more than two keys, or a very long one, presents none.

    Args:
        headers: ASGI's: names in lower case.
    """
    keys: list[bytes] = []
    others: Headers = []
    for name, value in headers:
        if name == b"x-api-key":
            keys.append(value.strip(b" \t"))
        elif name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                keys.append(key.strip(b" \t"))
        else:
            others.append((name, value))
    usable = len(keys) <= MOST_PRESENTED and all(len(key) <= LONGEST_KEY for key in keys)
    return tuple(keys) if usable else (), others


class KeyFile:
    """The keys of a file, as it is now. Used from one thread, the event loop's.

    Args:
        path: The file.
        log: Told how many keys there are at each change, and when the file is not usable.
        clock: Seconds since the epoch.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not understood or lists no key: a server does not start that way. The path is in the text, a
            line's content is not.
    """

    def __init__(self, path: str, log: Log, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path)
        self._log = log
        self._clock = clock
        self._fault: str | None = None
        self._reminded = 0.0
        self._stamp: tuple[int, ...] = ()
        self._settled = False
        self._text = b""
        self._understood: tuple[Key, ...] = ()
        try:
            self._keys = self._read()
        except ValueError as error:
            raise ValueError(f"the API keys in {path} are not usable: {error}") from None
        if not self._keys:
            raise ValueError(f"the API keys in {path} are not usable: the file lists no key")
        self._tell()

    def owner(self, presented: Sequence[bytes]) -> str | None:
        """The name of a key that is presented and listed, or None. Takes the same time whichever key it is."""
        self._refresh()
        owner = None
        for key in presented:
            digest = hashlib.sha256(key).digest()
            for listed in self._keys:
                if hmac.compare_digest(listed.digest, digest):
                    owner = listed.name
        return owner

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            if self._settled and _stamp(found) == self._stamp:
                self._remind()
                return
            self._saw(found)
            keys = self._read()
        except OSError as error:
            self._stamp = ()  # it may pass without a trace on the file, as when there are no descriptors left
            self._unusable(one_line(error))
            return
        except ValueError as error:
            self._unusable(one_line(error))
            return
        changed = keys != self._keys or self._fault is not None
        self._keys, self._fault = keys, None
        if changed:
            self._tell()

    def _read(self) -> tuple[Key, ...]:
        # O_NONBLOCK: a named pipe that was put in its place must not hold up the event loop.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(self._path, flags)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("it is not a regular file")
            self._saw(found)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                text = file.read(LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
        if len(text) > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
        if text != self._text:
            self._understood, self._text = parse_keys(text), text
        return self._understood

    def _saw(self, found: os.stat_result) -> None:
        """Remember what was looked at. A file that changed just now may change again within its clock's grain."""
        self._stamp = _stamp(found)
        self._settled = abs(self._clock() - max(found.st_mtime, found.st_ctime)) > UNSETTLED

    def _tell(self) -> None:
        names = sorted({key.name for key in self._keys})
        self._log.event("api-keys", "info" if names else "warning", count=len(self._keys), names=names[:20])

    def _unusable(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._reminded = 0.0
        self._remind()

    def _remind(self) -> None:
        if self._fault is None or 0 <= self._clock() - self._reminded < REMIND:
            return
        self._reminded = self._clock()
        self._log.event("api-keys-unusable", "error", file=str(self._path), error=self._fault, kept=len(self._keys))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
