r"""What Azure's bodies of errors say, in one text: they lie in several layers, of which the outer say nothing. Pure.

``{"error": {"code": "BadRequest", "message": "The request is invalid.", "details": [{"code":
"InferencingClientCreateDeploymentFailed", "message": "InferencingClient HttpRequest error, error detail:
{\"errors\": {\"VmSize\": [\"Not enough quota available for ...\"]}}"}]}}``
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["anchor_of", "codes_of", "sentences_of"]

_ANCHOR = re.compile(r"oe-tsg#error-(?P<word>[a-z]+)", re.IGNORECASE)
_EMPTY = re.compile(
    r"(The request is invalid|One or more validation errors occurred|Exception of type .* was thrown)\.?"
)
_GUIDE = re.compile(
    r"\s*Please see (the )?troubleshooting guide,? available here:?\s*https?://\S+?(?=[\"\s)]|$)", re.IGNORECASE
)
_DEEPEST = 6


def anchor_of(text: str) -> str:
    """The word of Azure's troubleshooting guide in a text, ``outofquota``; "" for none."""
    found = _ANCHOR.search(text)
    return found["word"].lower() if found is not None else ""


def codes_of(error: Mapping[str, Any] | None) -> tuple[str, ...]:
    """All codes of an error and of those in it, the outermost first."""
    return tuple(_codes(error or {}, 0))


def _codes(error: Mapping[str, Any], depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if error.get("code"):
        yield str(error["code"])
    inner = error.get("innerError") or error.get("innererror")
    if isinstance(inner, Mapping):
        yield from _codes(inner, depth + 1)
    for each in error.get("details") or ():
        if isinstance(each, Mapping):
            yield from _codes(each, depth + 1)


def sentences_of(error: Mapping[str, Any] | None) -> str:
    """What an error tells, the most telling first, without the addresses of guides; "" for nothing."""
    found = dict.fromkeys(filter(None, (_clean(each) for each in _messages(error or {}, 0))))
    telling = [each for each in found if not _EMPTY.fullmatch(each)] or [*found]
    return " | ".join(each for each in telling if not any(each != other and each in other for other in telling))


def _messages(error: Mapping[str, Any], depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for each in error.get("details") or ():
        if isinstance(each, Mapping):
            yield from _messages(each, depth + 1)
    message = error.get("message")
    if isinstance(message, Mapping):  # of Azure Monitor: {"value": ...}
        message = message.get("value")
    if message:
        yield from _unpacked(str(message))


def _unpacked(message: str) -> Iterator[str]:
    """A message, or the sentences in the JSON text that it carries."""
    start = message.find("{")
    try:
        inner = json.loads(message[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        inner = None
    if not isinstance(inner, Mapping):
        yield message
        return
    told = inner.get("error") if isinstance(inner.get("error"), Mapping) else inner
    errors = told.get("errors") if isinstance(told, Mapping) else None
    if isinstance(errors, Mapping):
        for values in errors.values():
            yield from (str(each) for each in (values if isinstance(values, list) else (values,)))
    elif isinstance(told, Mapping) and (told.get("message") or told.get("detail") or told.get("title")):
        yield str(told.get("message") or told.get("detail") or told.get("title"))
    else:
        yield message


def _clean(text: str) -> str:
    return " ".join(_GUIDE.sub("", text).split())
