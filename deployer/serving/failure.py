"""An exception as evidence: values that a Diagnosis can be made from without reading Python's text."""

from __future__ import annotations

import os
import traceback
from typing import Any

__all__ = ["evidence", "one_line"]

MOST_LINES = 80
LONGEST_LINE = 500
LONGEST_TEXT = 4000


def evidence(error: BaseException, model: str | None = None) -> dict[str, Any]:
    """Describe an exception.

    Args:
        error: What was raised.
        model: The model's folder; ``where`` is the innermost line in it.

    Returns:
        ``error_type``, ``error`` (its text, at most 4,000 characters), ``traceback`` (at most 80 lines, the last ones),
        ``missing_module`` (the name, when a module that is not installed is behind it, else None) and ``where``
        (``code/features.py:7``, else None).
    """
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    return {
        "error_type": type(error).__name__,
        "error": _text(error)[:LONGEST_TEXT],
        "traceback": [line[:LONGEST_LINE] for line in lines[-MOST_LINES:]],
        "missing_module": _missing_module(error),
        "where": _where(error, model) if model else None,
    }


def one_line(error: BaseException, longest: int = 500) -> str:
    """``ValueError: what it said``, on one line, without control characters."""
    text = " ".join(_text(error).split())
    said = "".join(c if c.isprintable() else "?" for c in text)
    return f"{type(error).__name__}: {said}"[:longest] if said else type(error).__name__


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be read)"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__ or following.__context__
    return found


def _missing_module(error: BaseException) -> str | None:
    for one in _chain(error):
        if isinstance(one, ModuleNotFoundError) and one.name:
            return one.name
    return None


def _where(error: BaseException, model: str) -> str | None:
    folder = os.path.realpath(model) + os.sep
    for one in _chain(error):
        for frame in reversed(traceback.extract_tb(one.__traceback__)):
            path = os.path.realpath(frame.filename)
            if path.startswith(folder):
                return f"{path[len(folder) :]}:{frame.lineno}"
    return None
