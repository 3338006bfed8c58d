"""The JSON Schema of a spec file, for editors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deployer.spec.fields import scope_of
from deployer.spec.model import DeploymentSpec
from deployer.spec.shape import fields_of

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALAR = {"type": ["string", "number", "boolean"]}


def schema(config_model: type[BaseModel] | None = None) -> dict[str, Any]:
    """JSON Schema (2020-12) of one document of a spec file: every field with its description, default and ``x-scope``.

    Args:
        config_model: Of one target's ``config``; without it ``config`` takes anything.
    """
    found = DeploymentSpec.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = found.setdefault("$defs", {})
    _take_scopes(found["properties"])
    for each in definitions.values():
        _take_scopes(each.get("properties", {}))
    for path, model in _groups(DeploymentSpec):
        for name, each in definitions[model.__name__].get("properties", {}).items():
            scope = scope_of(DeploymentSpec, f"{path}.{name}")
            if scope is not None:
                each["x-scope"] = scope.value
    for name in ("env", "labels"):
        found["properties"][name]["additionalProperties"] = _SCALAR
    if config_model is not None:
        _put_config(found, config_model)
    properties = dict(found["properties"])
    definitions["Override"] = {
        "type": "object",
        "description": "Fields for one target, laid over those of the file.",
        "additionalProperties": False,
        "properties": {k: v for k, v in properties.items() if k not in ("apiVersion", "target")},
    }
    found["properties"]["overrides"] = {
        "type": "object",
        "description": "By a target's name: fields that are laid over those of the file when that target is meant.",
        "additionalProperties": {"$ref": "#/$defs/Override"},
    }
    return {"$schema": _DIALECT, **found, "title": "deployer spec"}


def _take_scopes(properties: dict[str, Any]) -> None:
    for each in properties.values():
        if "scope" in each:
            each["x-scope"] = each.pop("scope")


def _groups(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The groups of fields that stand at one place only; a scope is then theirs."""
    for name, shape in fields_of(model).items():
        if shape.model is not None:
            yield f"{prefix}{name}", shape.model
            yield from _groups(shape.model, f"{prefix}{name}.")


def _put_config(found: dict[str, Any], config_model: type[BaseModel]) -> None:
    config = config_model.model_json_schema(by_alias=True, ref_template="#/$defs/config.{model}")
    for name, each in config.pop("$defs", {}).items():
        _take_scopes(each.get("properties", {}))
        found["$defs"][f"config.{name}"] = each
    _take_scopes(config.get("properties", {}))
    found["properties"]["config"] = config
