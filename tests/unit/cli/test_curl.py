"""A request that the model takes."""

from __future__ import annotations

import json

from deployer.cli.render.curl import curl_line, request_body
from deployer.model import Field, Signature


def body(*inputs: Field) -> object:
    made = request_body(None, Signature(inputs=tuple(inputs)))
    return json.loads(made) if made is not None else None


def test_the_models_own_example_comes_first() -> None:
    assert request_body(b'{ "inputs":\n [1, 2] }', None) == '{"inputs": [1, 2]}'


def test_an_example_that_is_no_json_or_too_long_is_left_out() -> None:
    assert request_body(b"{", None) is None
    assert request_body(json.dumps({"inputs": ["x" * 2000]}).encode(), None) is None


def test_columns() -> None:
    found = body(Field("a", "double"), Field("b", "string"), Field("c", "array<long>"), Field("d", "map<boolean>"))
    assert found == {"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[0.0, "text", [0], {"key": True}]]}}
    assert body(Field(None, "long")) == {"dataframe_split": {"data": [[0]]}}


def test_tensors() -> None:
    assert body(Field(None, "float64", shape=(-1, 2))) == {"inputs": [[0.0, 0.0]]}
    assert body(Field("x", "int64", shape=(-1,)), Field("y", "bool", shape=(1,))) == {"inputs": {"x": [0], "y": [True]}}


def test_without_a_signature_the_reader_writes_the_body() -> None:
    assert request_body(None, None) is None
    assert (
        curl_line("http://h:1", None)
        == "curl -sS http://h:1/invocations -H 'Content-Type: application/json' -d @request.json"
    )
