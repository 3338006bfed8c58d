"""Signatures, and the one honest line about each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.model.signature import Field, Param, Signature, parse_signature


def parsed(inputs: Any = None, outputs: Any = None, params: Any = None) -> Signature:
    value = {"inputs": inputs, "outputs": outputs, "params": params}
    written = {part: item if item is None else json.dumps(item) for part, item in value.items()}
    found = parse_signature(written, where="m")
    assert found is not None
    return found


TENSOR = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}


def test_columns_tensors_and_params() -> None:
    found = parsed(
        [{"type": "double", "name": "a"}, {"type": "string", "name": "b", "required": False}],
        [TENSOR | {"name": "p"}],
        [{"name": "t", "type": "double", "default": 0.5, "shape": None}, {"name": "k", "dtype": "long", "shape": [-1]}],
    )
    assert found.inputs == (Field("a", "double"), Field("b", "string", required=False))
    assert found.outputs == (Field("p", "float64", shape=(-1, 4)),)
    assert found.params == (Param("t", "double", 0.5), Param("k", "long", None, (-1,)))


def test_nested_types() -> None:
    array = {"type": "array", "items": {"type": "array", "items": {"type": "double"}}, "name": "x"}
    mapped = {"type": "map", "values": {"type": "string"}, "name": "y"}
    thing = {"type": "object", "properties": {"a": {"type": "long"}}, "name": "z"}
    found = parsed([array, mapped, thing])
    assert [field.type for field in found.inputs or ()] == ["array<array<double>>", "map<string>", "object"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "params", "summary"),
    [
        ([{"type": "double", "name": str(n)} for n in range(4)], [{"type": "long"}], None, "4 columns -> 1 long"),
        ([{"type": "string", "name": "text"}], [{"type": "double", "name": "p"}], None, "1 column -> 1 column"),
        ([TENSOR], [TENSOR, TENSOR], None, "tensor float64[?, 4] -> 2 tensors"),
        ([{"type": "double"}], None, None, "1 double -> anything"),
        (None, None, None, "no signature"),
        (None, None, [{"name": "t", "type": "double"}], "no signature, 1 param"),
        ([{"type": "any"}], [], None, "1 any -> nothing"),
    ],
)
def test_summary(inputs: Any, outputs: Any, params: Any, summary: str) -> None:
    assert parsed(inputs, outputs, params).summary == summary


def test_none_and_deep_json() -> None:
    assert parse_signature(None, where="m") is None
    from deployer.errors import SpecError

    with pytest.raises(SpecError, match="inputs is not JSON"):
        parse_signature({"inputs": "[" * 100_000}, where="m")
