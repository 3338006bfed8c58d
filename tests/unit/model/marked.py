"""Tells what is marked as used, whether or not the file system notes by itself that it was read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.model import used

if TYPE_CHECKING:
    import pytest

__all__ = ["LONG_AGO", "aged", "marks"]

LONG_AGO = 1_000_000_000.0


def marks(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """The files that are marked from now on; fresh ones, too."""
    found, utime = set[Path](), os.utime

    def told(path: str | Path, *times: Any, **named: Any) -> None:
        found.add(Path(path))
        utime(path, *times, **named)

    monkeypatch.setattr(used, "_FRESH", 0)
    monkeypatch.setattr(os, "utime", told)
    return found


def aged(folder: Path) -> dict[Path, int]:
    """Lets nothing in a folder be used or changed for long; the times of change, in nanoseconds."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, times=(LONG_AGO, LONG_AGO))
    return {path: path.stat().st_mtime_ns for path in files}
