"""Each field's scope, and which fields two specs differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field
from pydantic_core import PydanticUndefined

from deployer.value import JSON

__all__ = ["Scope", "changed_fields", "scope_of", "scoped"]


class Scope(StrEnum):
    """What a change of a field does."""

    REVISION = "revision"
    """Makes a new revision."""
    ENDPOINT = "endpoint"
    """Is made in place."""
    CLIENT = "client"
    """Concerns only how the client works: health, roll-out, where to fetch."""


def scoped(scope: Scope, default: Any = PydanticUndefined, **options: Any) -> Any:
    """A pydantic field that declares its scope."""
    return Field(default, json_schema_extra={"scope": scope.value}, **options)


def scope_of(model: type[BaseModel], path: str) -> Scope | None:
    """The scope of a dotted field: its own, or that of the nearest field around it; None for an unknown one.

    Keys inside a mapping (``env.LOG_LEVEL``) have the mapping's scope.
    """
    found: Scope | None = None
    current: type[BaseModel] | None = model
    for name in path.split("."):
        if current is None:
            return found
        info = current.model_fields.get(name)
        if info is None:
            return None
        extra = info.json_schema_extra
        if isinstance(extra, dict) and "scope" in extra:
            found = Scope(str(extra["scope"]))
        current = _nested(info.annotation)
    return found


def _nested(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def changed_fields(
    before: Mapping[str, JSON], after: Mapping[str, JSON], prefix: str = ""
) -> Iterator[tuple[str, JSON, JSON]]:
    """The dotted fields in which two wishes differ, with both values (None: left at its default), in order."""
    for key in sorted({*before, *after}):
        old, new, path = before.get(key), after.get(key), f"{prefix}{key}"
        if old == new:
            continue
        if path != "replicas" and isinstance(old, Mapping | None) and isinstance(new, Mapping | None):
            yield from changed_fields(old or {}, new or {}, f"{path}.")  # a count is one value, a range too
        else:
            yield path, old, new
