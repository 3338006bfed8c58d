"""Compare two answers, decoded from JSON, and name the first difference."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["difference", "header_text"]

LONGEST = 200


def difference(sent: Any, plain: Any, tolerance: float, path: str = "") -> str | None:
    """The first difference between the answer that is sent and the plain call's, or None.

    Numbers are equal when they differ by at most ``tolerance``, absolutely or relative to the larger one; with 0 they
    must be the same number. A number is never equal to a truth value or a text. What is not finite in the plain answer
    is equal to ``null``, which is how it is sent.

    Returns:
        ``predictions[3].price: 1.5 is sent, 1.25 by plain pyfunc``.
    """
    if isinstance(sent, dict) and isinstance(plain, dict):
        return _fields(sent, plain, tolerance, path)
    if isinstance(sent, list) and isinstance(plain, list):
        return _items(sent, plain, tolerance, path)
    if _same(sent, plain, tolerance):
        return None
    return f"{path or 'answer'}: {_shown(sent)} is sent, {_shown(plain)} by plain pyfunc"


def _fields(sent: dict[str, Any], plain: dict[str, Any], tolerance: float, path: str) -> str | None:
    if sent.keys() != plain.keys():
        return f"{path or 'answer'}: fields {_shown(sorted(sent))} are sent, {_shown(sorted(plain))} by plain pyfunc"
    for name, value in sent.items():
        found = difference(value, plain[name], tolerance, f"{path}.{name}" if path else name)
        if found:
            return found
    return None


def _items(sent: list[Any], plain: list[Any], tolerance: float, path: str) -> str | None:
    if len(sent) != len(plain):
        return f"{path or 'answer'}: {len(sent)} items are sent, {len(plain)} by plain pyfunc"
    for index, one in enumerate(sent):
        found = difference(one, plain[index], tolerance, f"{path}[{index}]")
        if found:
            return found
    return None


def _same(sent: Any, plain: Any, tolerance: float) -> bool:
    if isinstance(plain, float) and not math.isfinite(plain):
        return sent is None or sent == plain or (math.isnan(plain) and isinstance(sent, float) and math.isnan(sent))
    if isinstance(sent, bool) or isinstance(plain, bool):
        return sent is plain
    if isinstance(sent, (int, float)) and isinstance(plain, (int, float)):
        return sent == plain or (tolerance > 0 and math.isclose(sent, plain, rel_tol=tolerance, abs_tol=tolerance))
    return type(sent) is type(plain) and bool(sent == plain)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def header_text(text: str) -> str:
    """The text as it may stand in a header: printable ASCII, at most 200 characters."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:LONGEST]
