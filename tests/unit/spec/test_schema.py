"""The JSON Schema for editors."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from deployer.spec import DeploymentSpec, schema


class Zone(BaseModel):
    name: str = ""


class Options(BaseModel):
    namespace: str = Field(default="default", json_schema_extra={"scope": "endpoint"})
    zone: Zone = Zone()


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*map(references, node.values())) if node else found
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_field_is_there() -> None:
    found = schema()
    assert set(found["properties"]) == {*DeploymentSpec.model_fields, "overrides"}
    assert found["required"] == ["name"]
    assert found["additionalProperties"] is False
    assert json.loads(json.dumps(found)) == found


def test_scopes() -> None:
    found = schema()
    assert found["properties"]["model"]["x-scope"] == "revision"
    assert found["properties"]["replicas"]["x-scope"] == "endpoint"
    assert found["$defs"]["Health"]["properties"]["timeout"]["x-scope"] == "client"
    assert found["$defs"]["Resources"]["properties"]["memory"]["x-scope"] == "revision", "of the group around it"
    assert found["$defs"]["Requirements"]["properties"]["index_url"]["x-scope"] == "client"
    assert '"scope"' not in json.dumps(found)


def test_overrides_are_a_part_of_a_spec() -> None:
    found = schema()
    override = found["$defs"]["Override"]
    assert "required" not in override
    assert override["additionalProperties"] is False
    assert set(override["properties"]) == {*DeploymentSpec.model_fields} - {"apiVersion", "target"}


def test_the_options_of_a_target() -> None:
    found = schema(Options)
    config = found["properties"]["config"]
    assert config["properties"]["namespace"]["x-scope"] == "endpoint"
    for each in references(found):
        assert each.removeprefix("#/$defs/") in found["$defs"]


def test_what_is_written_as_a_number_may_be_a_text() -> None:
    assert schema()["properties"]["env"]["additionalProperties"]["type"] == ["string", "number", "boolean"]
