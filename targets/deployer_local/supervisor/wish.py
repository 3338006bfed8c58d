"""``desired.json`` as the supervisor reads it, and the record's lock under which it changes it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from .files import write_whole
from .system import lock

__all__ = ["DESIRED", "RECORD", "RECORD_LOCK", "Wish", "read_wish", "record_lock", "rewrite"]

DESIRED = Path("desired.json")
RECORD = Path("record.json")
RECORD_LOCK = Path("record.lock")


class Wish:
    """What is wished, and the digest of the bytes that said so."""

    def __init__(self, seen: str, content: dict[str, Any]) -> None:
        self.seen = seen
        self.content = content
        self.settings: dict[str, Any] = content.get("settings") or {}
        self.revisions: dict[str, dict[str, Any]] = content.get("revisions") or {}
        self.remove: list[str] = list(content.get("remove") or ())
        self.gone = bool(content.get("gone"))

    @property
    def routed(self) -> str | None:
        """The revision that has the traffic, or None."""
        traffic = self.content.get("traffic") or {}
        return next((revision for revision, percent in traffic.items() if percent), None)

    @property
    def drain(self) -> float:
        """Seconds that a worker has to end its requests."""
        return float(self.settings.get("drain", 30.0))

    def count(self, revision: str) -> int:
        """How many workers a revision is to have."""
        return int(self.revisions.get(revision, {}).get("replicas", 0))


def read_wish() -> Wish | None:
    """What is wished now; None when it cannot be read, and then what was wished before goes on."""
    try:
        data = DESIRED.read_bytes()
        content = json.loads(data)
    except (OSError, ValueError):
        return None
    return Wish(hashlib.sha256(data).hexdigest(), content) if isinstance(content, dict) else None


@contextlib.asynccontextmanager
async def record_lock(patience: float) -> AsyncIterator[None]:
    """Hold the lock that every writer of the record and of the wish holds. Raises TimeoutError."""
    until = time.monotonic() + patience
    while True:
        descriptor = os.open(RECORD_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if lock(descriptor) and _is(descriptor, RECORD_LOCK):
                yield
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > until:
            raise TimeoutError("another process holds the record's lock")
        await asyncio.sleep(0.02)


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


async def rewrite(change: Callable[[dict[str, Any]], bool], patience: float = 2.0) -> bool:
    """Change the wish under the lock; ``change`` answers whether it changed anything. Raises OSError."""
    async with record_lock(patience):
        wish = read_wish()
        if wish is None or wish.gone or not change(wish.content):
            return False
        write_whole(DESIRED, json.dumps(wish.content, indent=1, sort_keys=True).encode())
        return True
