"""Filters, order and pages of the List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from deployer.testing.sagemaker.answers import Refusal

__all__ = ["listed"]


class _Listed(Protocol):
    name: str
    created: float


Thing = TypeVar("Thing", bound=_Listed)


def listed(things: Sequence[Thing], asked: Mapping[str, Any]) -> tuple[list[Thing], str | None]:
    """One page, and the token of the next one.

    By NameContains, StatusEquals, CreationTime... and LastModifiedTime...; newest first unless it is asked otherwise;
    ten a page (all documented).

    Raises:
        Refusal: The token is none that was handed out.
    """
    found = [each for each in things if _wanted(each, asked)]
    by = {"Name": lambda each: each.name, "Status": lambda each: each.status}.get(
        str(asked.get("SortBy", "")), lambda each: each.created
    )
    found.sort(key=by, reverse=str(asked.get("SortOrder", "Descending")).startswith("Desc"))
    start = _offset(asked.get("NextToken"))
    end = start + int(asked.get("MaxResults") or 10)
    return found[start:end], base64.b64encode(f"from:{end}".encode()).decode() if end < len(found) else None


def _wanted(thing: Any, asked: Mapping[str, Any]) -> bool:
    modified = getattr(thing, "modified", thing.created)
    return (
        str(asked.get("NameContains", "")).lower() in thing.name.lower()
        and asked.get("StatusEquals", getattr(thing, "status", None)) == getattr(thing, "status", None)
        and thing.created > float(asked.get("CreationTimeAfter", float("-inf")))
        and thing.created < float(asked.get("CreationTimeBefore", float("inf")))
        and modified > float(asked.get("LastModifiedTimeAfter", float("-inf")))
        and modified < float(asked.get("LastModifiedTimeBefore", float("inf")))
    )


def _offset(token: object) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.b64decode(str(token), validate=True).decode().partition(":")
        if word != "from":
            raise ValueError(word)
        return int(number)
    except (ValueError, binascii.Error) as error:
        raise Refusal("ValidationException", "Invalid NextToken.") from error
