"""What AWS itself takes: the limits of its service model, which botocore packages as data. Read when first asked."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

__all__ = ["enum", "problem", "refused"]

_CLASSES = {r"\p{L}": r"[^\W\d_]", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


@cache
def _shapes(service: str) -> Any:
    from botocore.loaders import Loader

    return Loader().load_service_model(service, "service-2")["shapes"]


def enum(shape: str, service: str = "sagemaker") -> tuple[str, ...]:
    """The words that a shape takes; () where this botocore has no such shape."""
    return tuple(_shapes(service).get(shape, {}).get("enum", ()))


def problem(shape: str, value: float | str, service: str = "sagemaker") -> str | None:
    """Why AWS would refuse a value, as the end of a sentence; None when it takes it.

    botocore's client checks neither patterns nor maxima nor enums, so a bad value would be found out in the midst of a
    release.

    Args:
        shape: Its name in the service model, ``VariantName``.
        value: Of a field.
        service: botocore's name of the service.
    """
    rules = _shapes(service).get(shape, {})
    least, most = rules.get("min"), rules.get("max")
    if isinstance(value, str):
        if rules.get("enum") and value not in rules["enum"]:
            near = _near(value, rules["enum"])
            return f"is none that AWS has{f' (did you mean {near}?)' if near else ''}"
        if most is not None and len(value) > most:
            return f"has {len(value)} characters, and AWS takes {most}"
        if least is not None and len(value) < least:
            return f"has {len(value)} characters, and AWS asks for {least}"
        pattern = _compiled(rules["pattern"]) if rules.get("pattern") else None
        return f"does not match {rules['pattern']}" if pattern is not None and not pattern.fullmatch(value) else None
    if (least is not None and value < least) or (most is not None and value > most):
        return f"is not {least} to {most}" if most is not None else f"is less than {least}"
    return None


def refused(shape: str, value: float | str, service: str = "sagemaker") -> None:
    """For validators of a field.

    Raises:
        ValueError: AWS would refuse it.
    """
    found = problem(shape, value, service)
    if found is not None:
        raise ValueError(f"{value} {found}")


def _near(value: str, words: list[str]) -> str | None:
    import difflib

    found = difflib.get_close_matches(value, words, n=1, cutoff=0.7)
    return found[0] if found else None


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A Java pattern in Python's words; None where Python has none for it."""
    for theirs, ours in _CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    try:
        return re.compile(pattern)
    except re.error:
        return None
