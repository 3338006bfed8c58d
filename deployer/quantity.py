"""Durations, memory sizes and cores: seconds, bytes and cores inside, ``10m``, ``2Gi`` and ``500m`` outside."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

__all__ = [
    "Bytes",
    "Cores",
    "Seconds",
    "format_duration",
    "format_memory",
    "parse_cores",
    "parse_duration",
    "parse_memory",
]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|K|M|G|T)?")
_CORES = re.compile(r"(\d+(?:\.\d+)?)(m)?")
_SIZES = {
    None: 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def parse_duration(value: Any) -> float:
    """Seconds of ``90``, ``90s``, ``10m`` or ``1h30m``.

    Raises:
        ValueError: It is none of these, or negative.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value < float("inf"):
            return float(value)
        raise ValueError("a duration is not negative, such as 30s, 10m or 1h30m")
    text = str(value).strip().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is not a duration such as 30s, 10m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back: ``10m``, ``1h30m``, ``2.5s``."""
    if seconds % 1 or seconds == 0:
        return f"{seconds:g}s"
    rest, parts = int(seconds), []
    for unit in ("d", "h", "m", "s"):
        size = int(_UNITS[unit])
        if rest >= size:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return "".join(parts)


def parse_cores(value: Any) -> float:
    """Cores of ``2``, ``0.5`` or ``500m``, thousandths as Kubernetes writes them.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    found = _CORES.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if found is None:
        raise ValueError(f"{value!r} is not a number of cores such as 2, 0.5 or 500m")
    return float(found[1]) / 1000 if found[2] else float(found[1])


def parse_memory(value: Any) -> int:
    """Bytes of ``2Gi``, ``512Mi``, ``1.5G`` or a plain number.

    Raises:
        ValueError: It is none of these.
    """
    found = _MEMORY.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if found is None:
        raise ValueError(f"{value!r} is not a size such as 512Mi or 2Gi")
    return int(float(found[1]) * _SIZES[found[2]])


def format_memory(size: int) -> str:
    """The shortest text that `parse_memory` reads back: ``2Gi``, ``1500M``."""
    for unit in ("Ti", "Gi", "Mi", "Ki", "T", "G", "M", "K"):
        if size >= _SIZES[unit] and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return str(size)


Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "10m", "1h30m"]}),
]
Bytes = Annotated[
    int,
    BeforeValidator(parse_memory),
    PlainSerializer(format_memory, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["512Mi", "2Gi"]}),
]
Cores = Annotated[
    float,
    BeforeValidator(parse_cores),
    WithJsonSchema({"type": ["string", "number"], "examples": [2, 0.5, "500m"]}),
]
