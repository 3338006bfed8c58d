"""The fields of a pydantic model as rows: name, type, default, scope and description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from deployer.cli.render.layout import Column
from deployer.quantity import format_duration, format_memory
from deployer.spec.fields import Scope, scope_of
from deployer.value import JSON

__all__ = ["FIELDS", "field_rows", "fields_of_model"]

FIELDS = (
    Column("FIELD"),
    Column("TYPE", yields=2),
    Column("DEFAULT", yields=1),
    Column("A CHANGE"),
    Column("WHAT IT IS", yields=3),
)

_EFFECTS = {"revision": "makes a revision", "endpoint": "is made in place", "client": "is the client's"}


def fields_of_model(model: type[BaseModel], *, scopes: bool = False) -> list[dict[str, JSON]]:
    """Each field, those of groups with their dotted names.

    Args:
        model: Options of a named target, or a spec's ``config``.
        scopes: Whether its fields have scopes.
    """
    schema = model.model_json_schema(by_alias=True)
    scope = (lambda path: scope_of(model, path)) if scopes else (lambda _path: None)
    return list(_fields(model, schema, schema, "", scope))


def _fields(
    model: type[BaseModel],
    schema: dict[str, Any],
    whole: dict[str, Any],
    prefix: str,
    scope_at: Callable[[str], Scope | None],
) -> Iterator[dict[str, JSON]]:
    required = set(schema.get("required", ()))
    for name, info in model.model_fields.items():
        shown = info.alias or name
        found = schema.get("properties", {}).get(shown, {})
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(inner, _resolved(found, whole), whole, f"{prefix}{shown}.", scope_at)
            continue
        scope = scope_at(f"{prefix}{name}")
        yield {
            "name": f"{prefix}{shown}",
            "type": _type(_resolved(found, whole), whole),
            "default": None if shown in required else _default(info.get_default(call_default_factory=True), found),
            "required": shown in required,
            "scope": scope.value if scope else None,
            "description": info.description or "",
        }


def _resolved(found: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    for each in (found, *found.get("allOf", ())):
        if "$ref" in each:
            target: dict[str, Any] = whole.get("$defs", {}).get(each["$ref"].rpartition("/")[2], {})
            return target
    return found


def _type(found: dict[str, Any], whole: dict[str, Any]) -> str:
    if "const" in found:
        return str(found["const"])
    if "enum" in found:
        return " | ".join(map(str, found["enum"]))
    choices = found.get("anyOf") or found.get("oneOf")
    if choices:
        words = [_type(_resolved(each, whole), whole) for each in choices if each.get("type") != "null"]
        return " | ".join(dict.fromkeys(words))
    kind = found.get("type", "any")
    if isinstance(kind, list):
        return _QUANTITIES.get(tuple(found.get("examples", ())), " | ".join(kind))
    if kind == "array":
        return f"list of {_type(_resolved(found.get('items', {}), whole), whole)}"
    if found.get("format") in ("path", "file-path", "directory-path"):
        return "path"
    return {"string": "text", "integer": "whole number", "boolean": "true | false", "object": "mapping"}.get(
        kind, str(kind)
    )


_QUANTITIES = {("30s", "10m", "1h30m"): "duration", ("512Mi", "2Gi"): "size"}
"""By their examples in the schema: what `deployer.quantity` reads."""


def _default(value: Any, found: dict[str, Any]) -> JSON:
    """As it would be written in a spec."""
    quantity = _QUANTITIES.get(tuple(found.get("examples", ())))
    if quantity is None or not isinstance(value, int | float):
        return _plain(value)
    return format_duration(value) if quantity == "duration" else format_memory(int(value))


def _plain(value: Any) -> JSON:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value if isinstance(value, None | bool | int | float | str | list | dict) else str(value)


def field_rows(fields: Sequence[dict[str, JSON]]) -> list[list[str]]:
    """As a table's."""
    return [
        [
            each["name"],
            each["type"],
            "(required)" if each["required"] else _words(each["default"]),
            _EFFECTS.get(each["scope"] or "", ""),
            each["description"],
        ]
        for each in fields
    ]


def _words(value: JSON) -> str:
    if value is None or value in ([], {}):
        return ""
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
