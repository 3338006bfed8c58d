from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deployer.serving.answers import NotWritable, encode, error_answer, model_error, text_answer

NAN, INF = float("nan"), float("inf")


def refuse(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (np.array([1.5, NAN]), [1.5, None]),
        (pd.DataFrame({"x": [INF], "y": ["NaN"]}), [{"x": None, "y": "NaN"}]),
        ({"a": [np.float32(NAN), -INF]}, {"a": [None, None]}),
        (b"\x00\xff", "AP8=\n"),
        (pd.Series([1, 2], name="n"), [{"n": 1}, {"n": 2}]),
        ([0.1 + 0.2, NAN, 2**70], [0.1 + 0.2, None, 2**70]),
    ],
)
def test_encode(raw: Any, expected: Any) -> None:
    assert json.loads(encode(raw, unwrapped=False), parse_constant=refuse) == {"predictions": expected}
    assert json.loads(encode(raw, unwrapped=True), parse_constant=refuse) == expected


def test_what_json_cannot_hold() -> None:
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for raw in (object(), {1, 2}, {(1, 2): 3}, circle, deep):
        with pytest.raises(NotWritable):
            encode(raw, unwrapped=False)


def test_error_answer() -> None:
    answer = error_answer(503, "TEMPORARILY_UNAVAILABLE", "x" * 10_000)
    assert answer.status == 503
    assert len(json.loads(answer.body)["message"]) == 4000
    assert text_answer(415, "no").content_type == "text/plain; charset=utf-8"


def test_model_error() -> None:
    answer = model_error(ValueError("secret\ntext"), "ValueError: *** text")
    fields = json.loads(answer.body)
    assert (answer.status, fields["error_code"], fields["detail"]) == (400, "BAD_REQUEST", "ValueError: *** text")
    assert "secret" not in answer.body.decode()
    assert model_error(SystemExit(3), "SystemExit: 3").status == 500
