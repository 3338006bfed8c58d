"""ISO 8601 durations, as probes and request settings have them: ``PT1M30S``, ``PT0.5S``, ``P1DT2H``."""

from __future__ import annotations

import re

__all__ = ["seconds"]

_PERIOD = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def seconds(text: str) -> float:
    """How long one is.

    Raises:
        ValueError: It is none.
    """
    found = _PERIOD.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"not an ISO 8601 duration: {text}")
    days, hours, minutes, rest = (float(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
