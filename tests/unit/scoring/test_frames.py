"""The Python twin, and parquet."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deployer
from deployer.errors import PredictionError, SpecError
from deployer.scoring import predict_data, predict_file, predict_frame
from tests.unit.scoring.endpoint import Endpoint, always

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.1, np.nan, 0.3]}, index=pd.Index(["x", "y", "y"], name="id"))


def test_a_frame_gives_a_frame() -> None:
    endpoint = Endpoint()
    found = predict_frame(FRAME, endpoint)
    assert list(found.columns) == ["prediction"]
    assert found.index.equals(FRAME.index)
    assert found.index.name == "id"
    assert found["prediction"].tolist() == [1.1, 2, 3.3]
    assert endpoint.bodies == [b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 0.1], [2, null], [3, 0.3]]}}']


def test_joined() -> None:
    found = predict_frame(FRAME.rename(columns={"b": "prediction"}), Endpoint(), join=True)
    assert list(found.columns) == ["a", "prediction", "prediction_prediction"]
    assert found["a"].tolist() == [1, 2, 3]


def test_kinds_of_predictions() -> None:
    whole = predict_frame(FRAME, Endpoint(lambda rows: [7 for _ in rows]))
    assert whole["prediction"].dtype == np.int64
    assert predict_frame(FRAME, Endpoint(lambda rows: ["s" for _ in rows]))["prediction"].tolist() == ["s"] * 3
    some = predict_frame(FRAME, Endpoint(lambda rows: [{"label": "s", "p": 0.5} for _ in rows]), limit=1)
    assert list(some.columns) == ["label", "p"]
    assert some["p"].dtype == np.float64
    many = predict_frame(FRAME, Endpoint(lambda rows: [[0.1, 0.9] for _ in rows]))
    assert list(many.columns) == ["prediction_0", "prediction_1"]


def test_columns_keep_their_names() -> None:
    endpoint = Endpoint()
    predict_frame(pd.DataFrame([[1, 2.5]]), endpoint)
    predict_frame(pd.DataFrame([["x", None]], columns=["ä", "b c"]), endpoint)
    assert endpoint.requests[0]["dataframe_split"] == {"columns": [0, 1], "data": [[1, 2.5]]}
    assert endpoint.requests[1]["dataframe_split"] == {"columns": ["ä", "b c"], "data": [["x", None]]}
    with pytest.raises(SpecError, match="several levels"):
        predict_frame(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), endpoint)


def test_types_of_a_frame() -> None:
    frame = pd.DataFrame(
        {
            "when": [pd.Timestamp("2026-01-02T03:04:05Z"), pd.NaT],
            "whole": pd.array([2**53 + 1, None], dtype="Int64"),
            "kind": pd.Categorical(["x", None]),
            "yes": [True, False],
            "raw": [b"hi", b""],
            "small": np.array([0.1, 0.2], dtype="float32"),
            "nested": [[1, 2], {"a": np.int64(1)}],
        }
    )
    endpoint = Endpoint(lambda rows: [0 for _ in rows])
    predict_frame(frame, endpoint)
    assert endpoint.requests[0]["dataframe_split"]["data"] == [
        ["2026-01-02T03:04:05+00:00", 2**53 + 1, "x", True, "aGk=", 0.10000000149011612, [1, 2]],
        [None, None, None, False, "", 0.20000000298023224, {"a": 1}],
    ]


def test_an_empty_frame_is_not_sent() -> None:
    found = predict_frame(FRAME.iloc[:0], always("", 500))
    assert len(found) == 0
    assert list(found.columns) == ["prediction"]


def test_a_series_is_one_column() -> None:
    endpoint = Endpoint()
    found = predict_data(pd.Series([1, 2], name="a"), endpoint)
    assert found["prediction"].tolist() == [1, 2]
    assert endpoint.requests[0]["dataframe_split"]["columns"] == ["a"]


def test_a_frame_that_is_not_answered_row_by_row() -> None:
    with pytest.raises(PredictionError, match="2 predictions for 3 rows"):
        predict_frame(FRAME, always('{"predictions": [1, 2]}'))
    answers = iter(['{"predictions": [{"a": 1}]}', '{"predictions": [{"b": 1}]}'])

    def send(path: str, body: bytes, headers: Any) -> Any:
        return always(next(answers))(path, body, headers)

    with pytest.raises(PredictionError, match="row 2: the answer has other columns than the first one"):
        predict_frame(FRAME, send, limit=1)


@pytest.mark.parametrize(
    ("data", "request_body", "found"),
    [
        ([[1, 2], [3, 4]], {"inputs": [[1, 2], [3, 4]]}, [3, 7]),
        ((1, 2), {"inputs": [1, 2]}, [1, 2]),
        ([{"a": 1}, {"a": 2}], {"dataframe_records": [{"a": 1}, {"a": 2}]}, [1, 2]),
        (np.array([[1.5, 2], [3, 4]]), {"instances": [[1.5, 2.0], [3.0, 4.0]]}, [3.5, 7.0]),
        ({"instances": [[1]]}, {"instances": [[1]]}, [1]),
        (
            {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
            {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
            [1],
        ),
    ],
)
def test_values_give_values(data: Any, request_body: Any, found: Any) -> None:
    endpoint = Endpoint()
    assert predict_data(data, endpoint) == found
    assert endpoint.requests == [request_body]


def test_values_are_divided_and_joined() -> None:
    endpoint = Endpoint()
    assert predict_data([[n] for n in range(50)], endpoint, limit=60, concurrency=3) == list(range(50))
    assert len(endpoint.bodies) > 5


def test_objects() -> None:
    bodies: list[Any] = []

    def send(path: str, body: bytes, headers: Any) -> Any:
        bodies.append(json.loads(body))
        return always('{"choices": [1]}')(path, body, headers)

    assert predict_data({"messages": [{"role": "user"}]}, send) == {"choices": [1]}
    predict_data({"x": np.array([1, 2])}, send, params={"t": 1})
    predict_data({"prompt": "hi", "params": {"t": 0}}, send, params={"u": 1})
    assert bodies[1:] == [
        {"inputs": {"x": [1, 2]}, "params": {"t": 1}}, {"prompt": "hi", "params": {"t": 0, "u": 1}},
    ]  # fmt: skip


@pytest.mark.parametrize("data", ["text", b"raw", 7, None, [], object()])
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(SpecError):
        predict_data(data, Endpoint())


def test_an_answer_that_is_no_json() -> None:
    for data in ([1], FRAME):
        with pytest.raises(PredictionError, match="not JSON"):
            predict_data(data, always("<html>"))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53), min_size=1))
def test_numbers_come_through_exactly(values: list[float]) -> None:
    frame = pd.DataFrame({"a": values})
    found = predict_frame(frame, Endpoint(lambda rows: [row[0] for row in rows]), limit=100)
    assert found["prediction"].tolist() == frame["a"].tolist()


def parquet(frame: pd.DataFrame) -> io.BytesIO:
    raw = io.BytesIO()
    frame.to_parquet(raw)
    return io.BytesIO(raw.getvalue())


def test_parquet_in_parquet_out() -> None:
    frame = FRAME.assign(small=np.array([1, 2, 3], dtype="int8"))
    endpoint, out = Endpoint(), io.BytesIO()
    summary = predict_file(parquet(frame), out, endpoint, form="parquet", limit=90)
    found = pq.read_table(io.BytesIO(out.getvalue()))
    assert found.column_names == ["a", "b", "small", "id", "prediction"]
    assert found.schema.field("small").type == pa.int8(), "its own types"
    assert found["prediction"].to_pylist() == [2.1, 4, 6.3]
    assert summary.requests == len(endpoint.bodies) > 1


def test_the_index_that_pandas_keeps_is_no_feature() -> None:
    endpoint, out = Endpoint(), io.BytesIO()
    predict_file(parquet(FRAME.rename_axis(None)), out, endpoint)
    assert endpoint.requests[0]["dataframe_split"]["columns"] == ["a", "b"]
    assert pd.read_parquet(io.BytesIO(out.getvalue())).index.tolist() == ["x", "y", "y"]


def test_parquet_to_others_and_others_to_parquet() -> None:
    out = io.BytesIO()
    predict_file(parquet(FRAME.reset_index(drop=True)), out, Endpoint(), to="csv")
    assert out.getvalue() == b"a,b,prediction\n1,0.1,1.1\n2,,2\n3,0.3,3.3\n"
    out = io.BytesIO()
    predict_file(io.BytesIO(b"a,b\n1,x\n2,\n"), out, Endpoint(), form="csv", to="parquet", limit=1)
    found = pq.read_table(io.BytesIO(out.getvalue())).to_pydict()
    assert found == {"a": [1, 2], "b": ["x", None], "prediction": [1, 2]}


def test_parquet_that_is_not_well() -> None:
    with pytest.raises(SpecError, match="not parquet"):
        predict_file(io.BytesIO(b"PAR1 nothing"), io.BytesIO(), Endpoint())
    mixed = always('{"predictions": [1, "x"]}')
    with pytest.raises(SpecError, match="the column 'prediction' mixes kinds"):
        predict_file(io.BytesIO(b"a\n1\n2\n"), io.BytesIO(), mixed, form="csv", to="parquet")


WITHOUT_PANDAS = """
import io, sys
sys.modules["pandas"] = sys.modules["pyarrow"] = sys.modules["numpy"] = None
from types import SimpleNamespace
from deployer.errors import SpecError
from deployer.scoring import predict_data, predict_file

send = lambda *_: SimpleNamespace(status=200, body=b'{"predictions": [3]}', headers={})
for raw, form in ((b"a,b\\n1,2\\n", "csv"), (b'{"a": 1}', "ndjson"), (b'[{"a": 1}]', "json")):
    predict_file(io.BytesIO(raw), io.BytesIO(), send, form=form)
assert predict_data([[1]], send) == [3]
for options in ({"form": "parquet"}, {"form": "csv", "to": "parquet"}):
    try:
        predict_file(io.BytesIO(b"a\\n1\\n"), io.BytesIO(), send, **options)
    except SpecError as error:
        print(error.message, "|", error.hint)
"""


def test_only_parquet_and_frames_need_pandas(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(deployer.__file__).parents[1])},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    line = "pyarrow is needed for this, and is not installed | pip install 'mlflow-deployer[dataframe]'\n"
    assert done.stdout == line * 2
