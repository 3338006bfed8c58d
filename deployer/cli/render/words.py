"""Times, sizes and counts as people say them, and as JSON has them."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["ago", "counted", "iso", "joined", "seconds", "shorter", "since", "size"]

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_SHORT = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def seconds(value: float) -> str:
    """A duration that was measured: ``0.2 s``, ``14.2 s``, ``2 m 10 s``, ``1 h 5 m``."""
    if value < 60:
        return f"{max(value, 0.0):.1f} s"
    if value < 3600:
        return f"{int(value // 60)} m {int(value % 60)} s"
    return f"{int(value // 3600)} h {int(value % 3600 // 60)} m"


def since(at: float | None, now: float) -> str:
    """For a narrow column: ``4 m``, ``3 d``; empty when nobody knows."""
    if at is None:
        return ""
    age = max(now - at, 0.0)
    return next((f"{int(age // length)} {unit}" for unit, length in _SHORT if age >= length), "0 s")


def ago(at: float | None, now: float) -> str:
    """``10 minutes ago``, ``just now``; empty when nobody knows."""
    if at is None:
        return ""
    age = max(now - at, 0.0)
    for unit, length in _UNITS:
        if age >= length:
            return f"{counted(int(age // length), unit)} ago"
    return "just now"


def iso(at: float | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond: ``2026-03-01T12:00:00.000Z``."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return None


def size(value: float | None) -> str:
    """Bytes in the unit that reads best, decimal as disks are sold: ``112 MB``, ``48 KB``, ``1.5 GB``."""
    if value is None:
        return ""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= factor:
            return f"{value / factor:.0f} {unit}" if value >= 10 * factor else f"{value / factor:.1f} {unit}"
    return counted(int(value), "byte")


def counted(count: int, word: str) -> str:
    """``1 revision``, ``2 revisions``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def joined(items: list[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


_DIGEST = re.compile(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}\b")


def shorter(text: str) -> str:
    """A path below the working directory as it is said from here, one below the home folder with ``~``.

    An image's digest is cut to what Docker shows of it.
    """
    if not text.startswith(os.sep):
        return _DIGEST.sub(r"\1", text)
    for folder, said in ((_here(), ""), (str(Path("~").expanduser()), f"~{os.sep}")):
        if folder and folder != os.sep and text.startswith(f"{folder}{os.sep}"):
            return f"{said}{text[len(folder) + 1 :]}"
    return text


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the working directory is gone
        return ""
