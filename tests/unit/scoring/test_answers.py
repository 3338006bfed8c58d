"""What a model may answer, errors, and the order of many requests."""

from __future__ import annotations

import io
from typing import Any

import pytest

from deployer.errors import PredictionError
from deployer.scoring import predict_file
from tests.unit.scoring.endpoint import IRIS, Endpoint, always, predicted


@pytest.mark.parametrize(
    ("answer", "header", "row"),
    [
        ('["setosa", "x,y"]', "a,prediction", "1,setosa"),
        ("[1.10, NaN]", "a,prediction", "1,1.10"),
        ("[null, true]", "a,prediction", "1,"),
        ('[{"label": "x", "p": 0.90}, {"label": "y", "p": 1}]', "a,label,p", "1,x,0.90"),
        ('[{"0": 1.10}, {"0": 2}]', "a,prediction", "1,1.10"),
        ('[{"a": 1, "prediction": 2}, {"a": 3}]', "a,prediction_a,prediction", "1,1,2"),
        ("[[0.1, 0.90], [0.5, 0.5]]", "a,prediction_0,prediction_1", "1,0.1,0.90"),
        ("[[1], [2]]", "a,prediction", "1,1"),
        ("[[1, 2], [3]]", "a,prediction", '1,"[1, 2]"'),
        ('{"x": [1, 2], "y": ["p", "q"]}', "a,x,y", "1,1,p"),
    ],
)
def test_what_a_model_may_answer(answer: str, header: str, row: str) -> None:
    lines = predicted(b"a\n1\n2\n", always(f'{{"predictions": {answer}}}'), form="csv")[0].splitlines()
    assert lines[:2] == [header, row]
    assert len(lines) == 3


def test_a_name_that_is_taken() -> None:
    send = always('{"predictions": [1]}')
    assert predicted(b"a,prediction\n1,2\n", send)[0] == "a,prediction,prediction_prediction\n1,2,1\n"
    assert predicted(b'{"prediction": 2}\n', send, form="ndjson")[0] == (
        '{"prediction": 2, "prediction_prediction": 1}\n'
    )


@pytest.mark.parametrize("answer", ["[1]", "[1, 2, 3]", '{"x": [1], "y": [2]}', '"text"', "[]"])
def test_not_row_by_row(answer: str) -> None:
    body = f'{{"predictions": {answer}}}'
    with pytest.raises(PredictionError, match="for 2 rows") as caught:
        predicted(b"a\n1\n2\n", always(body), form="csv", endpoint="iris")
    assert caught.value.where == "iris, rows 1 to 2"
    assert predicted(b"a\n1\n2\n", always(body), form="csv", to="json")[0] == f"{body}\n", "as it came"


def test_answers_that_cannot_be_joined() -> None:
    for answer in (
        '{"predictions": 3}',
        '{"predictions": {"a": 1}}',
        "[]",
        '{"choices": []}',
        '{"predictions": [1, 2]}',
    ):
        with pytest.raises(PredictionError):
            predicted(b"a\n1\n2\n", always(answer), form="csv", to="json", limit=1)
    joined = predicted(b"a\n1\n2\n", always('{"predictions": {"x": [1.10], "y": [2]}}'), form="csv", to="json", limit=1)
    assert joined[0] == '{"predictions": {"x": [1.10, 1.10], "y": [2, 2]}}\n'


@pytest.mark.parametrize(
    ("status", "body", "message", "hint"),
    [
        (400, '{"error_code": "BAD_REQUEST", "message": "no\\nway\\u001b[31m"}', "answered 400: no way [31m", None),
        (404, '{"detail": "Not Found"}', "answered 404: Not Found", None),
        (500, "Internal Server Error", "answered 500: Internal Server Error", None),
        (502, "", "answered 502: no reason given", None),
        (413, b"\xff\xfe", "answered 413", "send smaller requests"),
        (504, '"late"', "answered 504: late", "allow more time"),
        (401, "{}", "answered 401", "API key"),
        (500, "x" * 5000, "x…", None),
    ],
)
def test_an_error_is_told(status: int, body: str | bytes, message: str, hint: str | None) -> None:
    with pytest.raises(PredictionError) as caught:
        predicted(IRIS, always(body, status), endpoint="iris")
    error = caught.value
    assert message in error.message
    assert len(error.message) < 600
    assert (error.status, error.where) == (status, "iris, rows 1 to 3")
    assert hint is None or hint in (error.hint or "")


def test_an_answer_that_is_not_json() -> None:
    for raw, to in ((IRIS, "csv"), (IRIS, "ndjson")):
        with pytest.raises(PredictionError, match="the answer is not JSON"):
            predicted(raw, always("<html>"), to=to)


def test_the_chunk_that_failed_is_named() -> None:
    endpoint = Endpoint(lambda rows: [x / (x - 3) for (x,) in rows])
    with pytest.raises(ZeroDivisionError):
        predicted(b"a\n1\n2\n3\n4\n", endpoint, form="csv", limit=1)

    def send(path: str, body: bytes, headers: Any) -> Any:
        return always("no", 400)(path, body, headers) if b"[3]" in body else Endpoint()(path, body, headers)

    out = io.BytesIO()
    with pytest.raises(PredictionError) as caught:
        predict_file(io.BytesIO(b"a\n1\n2\n3\n4\n"), out, send, form="csv", limit=1)
    assert caught.value.where == "row 3"
    assert out.getvalue() == b"a,prediction\n1,1\n2,2\n", "what was answered is written"


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_the_order_stays(concurrency: int) -> None:
    raw = b"a\n" + b"".join(b"%d\n" % n for n in range(500))
    endpoint = Endpoint()
    text, summary = predicted(raw, endpoint, form="csv", limit=120, concurrency=concurrency)
    assert text.splitlines()[1:] == [f"{n},{n}" for n in range(500)]
    assert summary.requests == len(endpoint.bodies) > 10
    assert all(len(body) <= 120 for body in endpoint.bodies)


def test_an_error_among_many_at_once_ends_it() -> None:
    def send(path: str, body: bytes, headers: Any) -> Any:
        return always("no", 400)(path, body, headers) if b"[7]" in body else Endpoint()(path, body, headers)

    raw = b"a\n" + b"".join(b"%d\n" % n for n in range(50))
    with pytest.raises(PredictionError) as caught:
        predicted(raw, send, form="csv", limit=1, concurrency=4)
    assert caught.value.where == "row 8"
