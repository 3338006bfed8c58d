"""What is wished (``desired.N.json``), as the supervisor reads and, for its own part, changes it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .versioned import Moved, Version, read_version, write_version

__all__ = ["DESIRED", "HERE", "RECORD", "Wish", "read_wish", "rewrite"]

DESIRED = "desired"
RECORD = "record"
HERE = Path()
_TRIES = 20


class Wish:
    """What is wished, and the version that said so."""

    def __init__(self, version: Version, content: dict[str, Any]) -> None:
        self.version = version
        self.content = content
        self.settings: dict[str, Any] = content.get("settings") or {}
        self.revisions: dict[str, dict[str, Any]] = content.get("revisions") or {}
        self.remove: list[str] = list(content.get("remove") or ())
        self.gone = bool(content.get("gone"))

    @property
    def seen(self) -> str:
        """Names the version."""
        return self.version.token

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


def read_wish(folder: Path = HERE) -> Wish | None:
    """What is wished now; None when it cannot be read, and then what was wished before goes on."""
    try:
        version = read_version(folder, DESIRED)
        content = json.loads(version.data) if version is not None else None
    except (OSError, ValueError):
        return None
    return Wish(version, content) if version is not None and isinstance(content, dict) else None


def rewrite(change: Callable[[dict[str, Any]], bool], folder: Path = HERE) -> bool:
    """Change the wish; ``change`` answers whether it changed anything, and may be called again. Raises OSError."""
    for _ in range(_TRIES):
        wish = read_wish(folder)
        if wish is None or wish.gone or not change(wish.content):
            return False
        with contextlib.suppress(Moved):
            data = json.dumps(wish.content, indent=1, sort_keys=True).encode()
            write_version(folder, DESIRED, data, wish.version)
            return True
    return False
