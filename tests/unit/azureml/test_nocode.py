"""The server that Azure gives a model by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.errors import PredictionError
from deployer_azureml.nocode import answered, asked

SPLIT = {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, None]]}


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"dataframe_split": SPLIT}, {"input_data": SPLIT}),
        ({"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}},
         {"input_data": {"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}}),
        ({"dataframe_records": [{"a": 1, "b": 2}, {"a": 3}]}, {"input_data": SPLIT}),
        ({"inputs": [[1, 2]]}, {"input_data": [[1, 2]]}),
        ({"inputs": {"x": [1]}, "params": {"k": 2}}, {"input_data": {"x": [1]}, "params": {"k": 2}}),
        ({"instances": [1]}, {"input_data": [1]}),
        ({"input_data": [1]}, {"input_data": [1]}),
    ],
)  # fmt: skip
def test_requests(sent: dict[str, Any], taken: dict[str, Any]) -> None:
    assert json.loads(asked(json.dumps(sent).encode())) == taken


@pytest.mark.parametrize(("body", "status"), [(b"a,b\n1,2", 415), (b"[1]", 415), (b"{}", 400), (b'{"x": 1}', 400)])
def test_what_it_does_not_take(body: bytes, status: int) -> None:
    with pytest.raises(PredictionError) as caught:
        asked(body)
    assert caught.value.status == status
    assert caught.value.hint


def test_answers() -> None:
    assert json.loads(answered(b"[1, 2]")) == {"predictions": [1, 2]}
    assert answered(b'{"predictions": [1]}') == b'{"predictions": [1]}'
    assert answered(b"text") == b"text"
