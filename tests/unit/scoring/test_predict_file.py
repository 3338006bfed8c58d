"""From a file to a file: forms, chunks, order, and what comes out."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import NotFound, PredictionError, SpecError
from deployer.scoring import Summary, column_types, predict_file
from tests.unit.scoring.endpoint import IRIS, Endpoint, always, predicted

if TYPE_CHECKING:
    from pathlib import Path


def test_csv_in_csv_out() -> None:
    endpoint = Endpoint()
    text, summary = predicted(IRIS, endpoint)
    assert text == "a,b,prediction\n5.1,3,8.1\n4.90,2,6.9\n7,1,8.0\n", "the cells as they were written"
    assert summary == Summary(rows=3, requests=1, revisions=("r1234567",))
    assert endpoint.bodies == [b'{"dataframe_split": {"columns": ["a", "b"], "data": [[5.1, 3], [4.90, 2], [7.0, 1]]}}']


def test_a_column_is_one_kind_in_every_chunk() -> None:
    endpoint = Endpoint()
    predicted(b"a,zip\n1,07\n2,95120\n2.5,95121\n", endpoint, limit=1)
    assert [each["dataframe_split"]["data"] for each in endpoint.requests] == [
        [[1.0, "07"]], [[2.0, "95120"]], [[2.5, "95121"]],
    ]  # fmt: skip
    assert isinstance(endpoint.requests[0]["dataframe_split"]["data"][0][0], float)


def test_the_signature_decides() -> None:
    endpoint = Endpoint()
    types = column_types(
        '[{"type": "string", "name": "zip", "required": true}, {"type": "double", "name": "x", "required": true},'
        ' {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}, "name": "t"}]'
    )
    assert types == {"zip": "string", "x": "double"}
    predicted(b"zip,x,y\n95120,1,1\n", endpoint, column_types=types)
    assert endpoint.bodies == [b'{"dataframe_split": {"columns": ["zip", "x", "y"], "data": [["95120", 1.0, 1]]}}']
    with pytest.raises(SpecError, match="the column 'x' has 'many', where the model takes numbers") as caught:
        predicted(b"zip,x,y\n95120,1,1\n95121,many,1\n", column_types=types)
    assert caught.value.where == "the input:3"


def test_signatures_without_named_columns() -> None:
    assert column_types(None) == {}
    assert column_types([{"type": "double"}]) == {}


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"\xef\xbb\xbfa;b\r\n1;x\r\n\r\n2;\r\n", '[[1, "x"], [2, null]]'),
        (b"a\tb\n1\t2", "[[1, 2]]"),
        (b'a,b\n1,"two\nlines, ""quoted"""\n', '[[1, "two\\nlines, \\"quoted\\""]]'),
        (" a , b\n1,ä\n".encode(), '[[1, "ä"]]'),
    ],
)
def test_dialects(raw: bytes, body: str) -> None:
    endpoint = Endpoint()
    predicted(raw, endpoint, form="csv")
    assert endpoint.bodies[0].decode() == f'{{"dataframe_split": {{"columns": ["a", "b"], "data": {body}}}}}'


def test_the_delimiter_stays() -> None:
    assert predicted(b"a;b\n1;2\n", form="csv")[0] == "a;b;prediction\n1;2;3\n"


def test_names_of_integers_are_no_data() -> None:
    assert predicted(b"0,1\n1,2\n", form="csv")[0] == "0,1,prediction\n1,2,3\n"


@pytest.mark.parametrize(
    ("raw", "where", "message"),
    [
        (b"5.1,3\n4.9,2\n", "the input:1", "the first line holds numbers"),
        (b"a,b,a\n1,2,3\n", "the input:1", "the column 'a' is there twice"),
        (b"a,b\n1\n", "the input:2", "1 cell, where the first line has 2"),
        (b"a,b\n1,2\n\n1,2,3\n", "the input:4", "3 cells, where the first line has 2"),
        (b"a,b\n", "the input", "there are no rows in it"),
        (b"\na,b\n", "the input:1", "the first line is empty"),
        (b'a,b\n1,"2\n', "the input:2", "not CSV"),
        (b"a,b\n1,\xff\n", "the input:1", "not UTF-8"),
        (b"a,b\n" + b"1,2\n" * 9000 + b"1,\xff\n", None, "not UTF-8"),
    ],
)
def test_csv_that_is_not_well(raw: bytes, where: str | None, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        predicted(raw, form="csv")
    assert where is None or caught.value.where == where


def test_json_is_sent_and_written_as_it_is() -> None:
    raw = '{ "dataframe_split": {"columns": ["a"], "data": [[1.10], [2]]}, "params": {"x": 1e-05} }\n'
    endpoint = Endpoint()
    text, summary = predicted(raw, endpoint)
    assert endpoint.bodies == [raw.encode()]
    assert text == '{"predictions": [1.1, 2]}\n'
    assert summary.rows is None, "nobody counted"
    odd = '{"predictions":  [NaN, 1.10,\n 1e400], "more": 1}'
    assert predicted(raw, always(odd))[0] == f"{odd}\n"


@pytest.mark.parametrize(
    ("raw", "bodies"),
    [
        (
            '{"dataframe_split": {"columns": ["a", "b"], "index": [7, "x"], "data": [[1.10, "ä"], [2, 0]]}, "x": 1}',
            [
                '{"dataframe_split": {"columns": ["a", "b"], "index": [7], "data": [[1.10, "ä"]]}, "x": 1}',
                '{"dataframe_split": {"columns": ["a", "b"], "index": ["x"], "data": [[2, 0]]}, "x": 1}',
            ],
        ),
        ('{"dataframe_split": {"data": [[1], [2]]}}', [f'{{"dataframe_split": {{"data": [[{n}]]}}}}' for n in (1, 2)]),
        (
            '{"dataframe_records": [{"a": 1.10}, {"a": 2}]}',
            ['{"dataframe_records": [{"a": 1.10}]}', '{"dataframe_records": [{"a": 2}]}'],
        ),
        ('{"instances": [{"a": 1}, {"a": 2}]}', ['{"instances": [{"a": 1}]}', '{"instances": [{"a": 2}]}']),
        ('{"inputs": [[1, 2], [3, 4]]}', ['{"inputs": [[1, 2]]}', '{"inputs": [[3, 4]]}']),
        ('[{"a": 1}, {"a": 2}]', ['{"dataframe_records": [{"a": 1}]}', '{"dataframe_records": [{"a": 2}]}']),
        ("[[1], [2]]", ['{"inputs": [[1]]}', '{"inputs": [[2]]}']),
        ("[1, 2]", ['{"inputs": [1]}', '{"inputs": [2]}']),
    ],
)
def test_json_that_is_too_large_is_divided_between_rows(raw: str, bodies: list[str]) -> None:
    endpoint = Endpoint()
    text, summary = predicted(raw, endpoint, form="json", limit=1)
    assert [each.decode() for each in endpoint.bodies] == bodies
    whole, _ = predicted(raw, form="json")
    assert json.loads(text) == json.loads(whole)
    assert summary.rows == 2


def test_columns_are_not_divided() -> None:
    send = always('{"predictions": [1, 2]}')
    assert predicted('{"inputs": {"a": [1, 2]}}', send, limit=1)[0] == '{"predictions": [1, 2]}\n'


@pytest.mark.parametrize(
    "raw", ['{"messages": [{"role": "user"}]}', '{"prompt": "hi"}', '{"input": ["a"], "inputs": 1}']
)
def test_language_models_are_answered_as_they_come(raw: str) -> None:
    send = always('{"choices": []}')
    assert predicted(raw, send)[0] == '{"choices": []}\n'
    with pytest.raises(PredictionError, match="no predictions"):
        predicted(raw, send, to="csv")


def test_params() -> None:
    endpoint = Endpoint()
    predicted(IRIS, endpoint, params={"t": 0.5})
    predicted('{"inputs": [1.10], "params": {"t": 1, "u": 2}}', endpoint, params={"t": 0.5})
    predicted('{"inputs": [1.10, 2]}', endpoint, params={"t": 0.5}, limit=1)
    assert endpoint.requests[0]["params"] == {"t": 0.5}
    assert [each.decode() for each in endpoint.bodies[1:]] == [
        '{"inputs": [1.10], "params": {"t": 0.5, "u": 2}}',
        '{"inputs": [1.10], "params": {"t": 0.5}}',
        '{"inputs": [2], "params": {"t": 0.5}}',
    ]


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        ("", "there is nothing in it", None),
        ("{", "not JSON", None),
        ('"text"', "an object or a list", None),
        ('{"a": 1}', "this one has 'a'", r"rows are put in a list"),
        ("{}", "this one has nothing", None),
        ('{"inputs": [], "instances": []}', "this one has 'instances' and 'inputs'", None),
        ("[]", "there are no rows in it", None),
        ('{"a": 1}\n{"a": 2}', "not JSON: more follows", "--format ndjson"),
    ],
)
def test_json_that_is_not_well(raw: str, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        predicted(raw, form=None if not raw else "json")
    assert hint is None or hint in (caught.value.hint or "")


def test_ndjson() -> None:
    raw = '{"a": 1.10, "n": "x"}\n\n{"a": 2, "b": 3}  \n{}\n'
    endpoint = Endpoint()
    text, summary = predicted(raw, endpoint)
    assert endpoint.bodies == [b'{"dataframe_records": [{"a": 1.10, "n": "x"}, {"a": 2, "b": 3}, {}]}']
    assert text.splitlines() == [
        '{"a": 1.10, "n": "x", "prediction": 1.1}', '{"a": 2, "b": 3, "prediction": 5}', '{"prediction": 0}',
    ]  # fmt: skip
    assert summary.rows == 3


def test_ndjson_of_values() -> None:
    endpoint = Endpoint()
    assert predicted("[1, 2]\n[3, 4]\n", endpoint, form="ndjson")[0] == '{"prediction": 3}\n{"prediction": 7}\n'
    assert endpoint.bodies == [b'{"inputs": [[1, 2], [3, 4]]}']


@pytest.mark.parametrize(
    ("raw", "where", "message"),
    [
        ('{"a": 1}\n{"a": }\n', "the input:2", "the line is not JSON"),
        ('{"a": 1}\n\n[1]\n', "the input:3", "among lines that are none"),
        ("\n\n", "the input", "there are no rows"),
    ],
)
def test_ndjson_that_is_not_well(raw: str, where: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        predicted(raw, form="ndjson")
    assert caught.value.where == where


def test_ndjson_is_streamed() -> None:
    """The first rows are answered before the last ones are read."""
    raw = b'{"a": 1}\n' * 100 + b"broken\n"
    endpoint, out = Endpoint(), io.BytesIO()
    with pytest.raises(SpecError):
        predict_file(io.BytesIO(raw), out, endpoint, form="ndjson", limit=60)
    assert len(endpoint.bodies) > 10
    assert out.getvalue().count(b"\n") > 50


def test_rows_that_differ_make_no_csv() -> None:
    raw = '{"a": 1}\n{"a": 2, "b": 3}\n'
    assert predicted(raw, to="csv")[0] == "a,b,prediction\n1,,1\n2,3,5\n"
    with pytest.raises(SpecError, match="row 2 has a field 'b' that the first rows have not"):
        predicted(raw, to="csv", limit=1)


@pytest.mark.parametrize(
    ("raw", "to", "expected"),
    [
        (IRIS, "ndjson", '{"a": 5.1, "b": 3, "prediction": 8.1}\n'),
        (IRIS, "json", '{"predictions": [8.1, 6.9, 8.0]}\n'),
        (
            b'{"dataframe_split": {"columns": ["a"], "data": [[1.10], ["x,y"]]}}',
            "csv",
            'a,prediction\n1.10,1.1\n"x,y",0\n',
        ),
        (b'{"dataframe_split": {"columns": [0], "data": [[1]]}}', "csv", "0,prediction\n1,1\n"),
        (b'{"dataframe_records":[{"a":1,"b":null},{"b":true}]}', "csv", "a,b,prediction\n1,,1\n,true,1\n"),
        (b'{"inputs": [[1, 2], [3, 4]]}', "csv", "prediction\n3\n7\n"),
        (b'{"inputs": [[1, 2], [3, 4]]}', "ndjson", '{"prediction": 3}\n{"prediction": 7}\n'),
    ],
)
def test_any_form_to_any_form(raw: bytes, to: str, expected: str) -> None:
    text, _ = predicted(raw, to=to)
    assert text.startswith(expected)


def test_from_files(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_bytes(b"a\tb\n1\t2\n")
    out = io.BytesIO()
    predict_file(tmp_path / "rows.tsv", out, Endpoint())
    assert out.getvalue() == b"a\tb\tprediction\n1\t2\t3\n"
    (tmp_path / "rows.JSONL").write_bytes(b'{"a": 1}')
    out = io.BytesIO()
    predict_file(str(tmp_path / "rows.JSONL"), out, Endpoint())
    assert out.getvalue() == b'{"a": 1, "prediction": 1}\n'
    with pytest.raises(NotFound, match="no such file"):
        predict_file(tmp_path / "no.csv", out, Endpoint())
    with pytest.raises(SpecError, match="a folder"):
        predict_file(tmp_path, out, Endpoint())


def test_from_standard_input() -> None:
    class Pipe(io.RawIOBase):
        """It can be read once only."""

        def __init__(self, raw: bytes) -> None:
            self.inner = io.BytesIO(raw)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.inner.readinto(buffer)

    out = io.BytesIO()
    predict_file("-", out, Endpoint(), stdin=io.BufferedReader(Pipe(IRIS)))
    assert out.getvalue().startswith(b"a,b,prediction\n5.1,3,8.1\n")
    with pytest.raises(SpecError) as caught:
        predict_file("-", out, Endpoint(), stdin=io.BytesIO(b"a,a\n1,2\n"))
    assert caught.value.where == "standard input:1"


def test_words_that_are_no_form() -> None:
    with pytest.raises(
        SpecError, match=r"'cvs' is not one of csv, json, ndjson, parquet \(did you mean 'csv'"
    ) as caught:
        predicted(IRIS, to="cvs")
    assert caught.value.where == "-o"
    with pytest.raises(SpecError, match="at least 1"):
        predicted(IRIS, limit=0)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6) | st.floats(allow_nan=False).map(repr)


@given(st.data(), st.integers(1, 3), st.sampled_from([1, 80, 10_000]), st.sampled_from([1, 3]))
def test_csv_rows_come_back_in_order_and_as_they_were(
    data: st.DataObject, width: int, limit: int, concurrency: int
) -> None:
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8))
    names = [f"c{n}" for n in range(width)]
    raw = io.StringIO()
    csv.writer(raw).writerows([names, *rows])
    endpoint = Endpoint()
    text, summary = predicted(raw.getvalue(), endpoint, form="csv", limit=limit, concurrency=concurrency)
    found = list(csv.reader(io.StringIO(text)))
    assert [row[:width] for row in found] == [names, *rows]
    assert summary.rows == len(rows)
    if concurrency == 1:
        sent = [row for each in endpoint.requests for row in each["dataframe_split"]["data"]]
        for row, cells in zip(sent, rows, strict=True):
            for value, cell in zip(row, cells, strict=True):
                assert value == (cell or None) or value is None or math.isclose(value, float(cell), rel_tol=0)


RECORD = st.dictionaries(
    st.text("abcß", min_size=1, max_size=3),
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
)


@given(st.lists(RECORD, min_size=1, max_size=8), st.sampled_from([1, 60, 10_000]), st.sampled_from([1, 3]))
def test_records_come_back_in_order_and_as_they_were(rows: list[Any], limit: int, concurrency: int) -> None:
    raw = "".join(f"{json.dumps(row)}\n" for row in rows)
    endpoint = Endpoint(lambda sent: [len(row) for row in sent])
    text, _ = predicted(raw, endpoint, form="ndjson", limit=limit, concurrency=concurrency)
    assert [json.loads(line) for line in text.splitlines()] == [{**row, "prediction": len(row)} for row in rows]
    for line, given_line in zip(text.splitlines(), raw.splitlines(), strict=True):
        assert line.startswith(given_line[:-1])
    listed, _ = predicted(json.dumps(rows), form="json", limit=limit)
    whole, _ = predicted(json.dumps(rows), form="json")
    assert json.loads(listed) == json.loads(whole)
