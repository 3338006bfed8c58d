"""The requests that MLflow's own server and ours are both asked, model by model: name, content type, body."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"

Request = tuple[str, str | None, bytes]
ROW, ROWS, C = [5.1, 3.5], [[5.1, 3.5], [4.9, 3.0]], ["a", "b"]
RECORD = {"a": 5.1, "b": 3.5}


def _json(name: str, body: Any, content_type: str | None = JSON) -> Request:
    return name, content_type, json.dumps(body).encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


FRAME = pd.DataFrame({"a": [5.1, 4.9], "b": [3.5, 3.0]})

TABULAR: list[Request] = [
    _json("split", {"dataframe_split": {"columns": C, "data": ROWS}}),
    _json("split, index", {"dataframe_split": {"columns": C, "index": [7, 8], "data": ROWS}}),
    _json("split, index too short", {"dataframe_split": {"columns": C, "index": [7], "data": ROWS}}),
    _json("split, no columns", {"dataframe_split": {"data": ROWS}}),
    _json("split, no data", {"dataframe_split": {"columns": C}}),
    _json("split, strange key", {"dataframe_split": {"columns": C, "data": ROWS, "x": 1}}),
    _json("split, list", {"dataframe_split": [1]}),
    _json("split, text", {"dataframe_split": "x"}),
    _json("split, null", {"dataframe_split": None}),
    _json("split, ragged", {"dataframe_split": {"columns": C, "data": [[1.0, 2.0], [1.0]]}}),
    _json("split, one column", {"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}),
    _json("split, columns swapped", {"dataframe_split": {"columns": ["b", "a"], "data": [[1.0, 2.0]]}}),
    _json("split, no rows", {"dataframe_split": {"columns": C, "data": []}}),
    _json("records", {"dataframe_records": [RECORD]}),
    _json("records, further column", {"dataframe_records": [{**RECORD, "c": 1}]}),
    _json("records, ints", {"dataframe_records": [{"a": 1, "b": 2}]}),
    _json("records, texts of numbers", {"dataframe_records": [{"a": "1.5", "b": "2"}]}),
    _json("records, a column missing", {"dataframe_records": [{"a": 1.0}]}),
    _json("records, none", {"dataframe_records": []}),
    _json("records, dict", {"dataframe_records": {"a": [1.0]}}),
    _json("records, of a split", {"dataframe_records": {"columns": C, "data": ROWS}}),
    _json("records, text for a number", {"dataframe_records": [{"a": "abc", "b": 1.0}]}),
    _json("records, null", {"dataframe_records": [{"a": None, "b": 1.0}]}),
    _json("records, booleans", {"dataframe_records": [{"a": True, "b": False}]}),
    ("records, NaN literal", JSON, b'{"dataframe_records": [{"a": NaN, "b": 1.0}]}'),
    ("records, Infinity literal", JSON, b'{"dataframe_records": [{"a": Infinity, "b": 1.0}]}'),
    _json("instances, records", {"instances": [RECORD, RECORD]}),
    _json("instances, columns", {"instances": {"a": [1.0, 2.0], "b": [3.0, 4.0]}}),
    _json("instances, columns of unequal length", {"instances": {"a": [1.0, 2.0], "b": [3.0]}}),
    _json("instances, rows", {"instances": ROWS}),
    _json("instances, empty", {"instances": []}),
    _json("instances, text", {"instances": "x"}),
    _json("instances, null", {"instances": None}),
    _json("inputs, records", {"inputs": [RECORD]}),
    _json("inputs, columns", {"inputs": {"a": [1.0, 2.0], "b": [3.0, 4.0]}}),
    _json("inputs, scalars", {"inputs": RECORD}),
    _json("inputs, rows", {"inputs": ROWS}),
    _json("inputs, number", {"inputs": 3}),
    _json("inputs, text", {"inputs": "x"}),
    _json("inputs, empty dict", {"inputs": {}}),
    _json("inputs, mixed list", {"inputs": [RECORD, 1]}),
    _json("inputs, null", {"inputs": None}),
    _json("two forms", {"instances": ROWS, "inputs": ROWS}),
    _json("no form", {"x": 1}),
    _json("empty object", {}),
    _json("the form of MLflow 1", {"columns": C, "data": ROWS}),
    _json("list", [1, "1", [1]]),
    _json("text", "x"),
    _json("null", None),
    _json("number", 1),
    ("not JSON", JSON, b"{nope"),
    ("empty", JSON, b""),
    ("not UTF-8", JSON, b'{"dataframe_records": [{"a": "\xff\xfe"}]}'),
    ("UTF-16", JSON, json.dumps({"dataframe_records": [RECORD]}).encode("utf-16")),
    ("UTF-8 with a mark", JSON, b"\xef\xbb\xbf" + json.dumps({"dataframe_records": [RECORD]}).encode()),
    ("a number of 5,000 digits", JSON, b'{"inputs": ' + b"1" * 5000 + b"}"),
    ("nested 100,000 deep", JSON, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    _json("params, unknown", {"dataframe_records": [RECORD], "params": {"x": 1}}),
    _json("params, null", {"dataframe_records": [RECORD], "params": None}),
    _json("params, list", {"dataframe_records": [RECORD], "params": [1]}),
    _json("strange key beside", {"dataframe_records": [RECORD], "x": 1, "signature_name": "s"}),
    _json("messages", {"messages": [{"role": "user", "content": "hi"}]}),
    _json("charset", {"dataframe_records": [RECORD]}, "application/json; charset=utf-8"),
    _json("charset, large letters", {"dataframe_records": [RECORD]}, "application/json;charset=UTF-8"),
    _json("charset, quoted", {"dataframe_records": [RECORD]}, 'application/json; charset="UTF-8"'),
    _json("charset, latin-1", {"dataframe_records": [RECORD]}, "application/json; charset=latin-1"),
    _json("parameter of MLflow 1", {"dataframe_records": [RECORD]}, "application/json; format=pandas-split"),
    _json("large letters", {"dataframe_records": [RECORD]}, "Application/JSON"),
    _json("plain text", {"dataframe_records": [RECORD]}, "text/plain"),
    _json("form", {"dataframe_records": [RECORD]}, "application/x-www-form-urlencoded"),
    _json("no content type", {"dataframe_records": [RECORD]}, None),
    ("csv", CSV, b"a,b\n5.1,3.5\n4.9,3.0\n"),
    ("csv, large letters in charset", "text/csv; charset=UTF-8", b"a,b\n5.1,3.5\n"),
    ("csv, columns swapped", CSV, b"b,a\n3.5,5.1\n"),
    ("csv, further column", CSV, b"a,b,c\n1,2,3\n"),
    ("csv, no header", CSV, b"5.1,3.5\n"),
    ("csv, empty", CSV, b""),
    ("csv, header only", CSV, b"a,b\n"),
    ("csv, ragged", CSV, b"a,b\n1,2\n1,2,3,4\n"),
    ("csv, texts", CSV, b"a,b\nx,y\n"),
    ("csv, a value missing", CSV, b"a,b\n1,\n"),
    ("csv, not UTF-8", CSV, b"a,b\n\xff,1\n"),
    ("csv, header=present", "text/csv; header=present", b"a,b\n1,2\n"),
    ("parquet", PARQUET, _parquet(FRAME)),
    ("parquet, index", PARQUET, _parquet(FRAME.set_index(pd.Index([4, 5])))),
    ("parquet, a column missing", PARQUET, _parquet(FRAME[["a"]])),
    ("parquet, garbage", PARQUET, b"PAR1 no"),
    ("parquet, empty", PARQUET, b""),
]

TYPES = {
    "boolean": True,
    "integer": 1,
    "long": 2**40,
    "float": 0.1,
    "double": 0.1,
    "string": "95120",
    "binary": "AP9hYmM=",
    "datetime": "2024-02-03T04:05:06.789",
}


def _types(**changed: Any) -> dict[str, Any]:
    return {"dataframe_records": [{**TYPES, **changed}]}


TYPED: list[Request] = [
    _json("all", _types()),
    _json("all, as split", {"dataframe_split": {"columns": list(TYPES), "data": [list(TYPES.values())]}}),
    _json("all, as instances", {"instances": [TYPES]}),
    _json("all, as inputs", {"inputs": [TYPES]}),
    _json("note", _types(note="http://example.com/a?b=c")),
    _json("note, null", _types(note=None)),
    _json("two rows, one note", {"dataframe_records": [TYPES, {**TYPES, "note": "x"}]}),
    _json("integer, too large", _types(integer=2**40)),
    _json("integer, fraction", _types(integer=1.5)),
    _json("integer, null", _types(integer=None)),
    _json("long, fraction of zero", _types(long=3.0)),
    _json("boolean, number", _types(boolean=1)),
    _json("boolean, text", _types(boolean="no")),
    _json("string, number", _types(string=95120)),
    _json("string, unicode", _types(string="\u2028é\U0001f600")),
    _json("binary, no base64", _types(binary="%%%")),
    _json("binary, number", _types(binary=1)),
    _json("datetime, day", _types(datetime="2024-02-03")),
    _json("datetime, zone", _types(datetime="2024-02-03T04:05:06+02:00")),
    _json("datetime, number", _types(datetime=1_700_000_000_000)),
    _json("datetime, nonsense", _types(datetime="soon")),
    ("csv", CSV, b"boolean,integer,long,float,double,string,datetime\nTrue,1,2,0.5,0.25,95120,2024-02-03\n"),
]

NESTED: list[Request] = [
    _json("records", {"dataframe_records": [{"prices": [1.0, 2.5], "person": {"name": "x", "age": 3}}]}),
    _json("inputs", {"inputs": [{"prices": [1.0], "person": {"name": "x"}}]}),
    _json("inputs, columns", {"inputs": {"prices": [1.0], "person": {"name": "x"}}}),
    _json("instances", {"instances": [{"prices": [1.0], "person": {"name": "x"}}]}),
    _json("ints for doubles", {"dataframe_records": [{"prices": [1, 2], "person": {"name": "x"}}]}),
    _json("no name", {"dataframe_records": [{"prices": [1.0], "person": {"age": 3}}]}),
    _json("person is text", {"dataframe_records": [{"prices": [1.0], "person": "x"}]}),
    _json("prices is a number", {"dataframe_records": [{"prices": 1.0, "person": {"name": "x"}}]}),
]

TENSOR: list[Request] = [
    _json("instances", {"instances": ROWS}),
    _json("inputs", {"inputs": ROWS}),
    _json("inputs, one dimension", {"inputs": ROW}),
    _json("inputs, three columns", {"inputs": [[1, 2, 3]]}),
    _json("inputs, ragged", {"inputs": [[1, 2], [1]]}),
    _json("inputs, texts", {"inputs": [["a", "b"]]}),
    _json("inputs, dict", {"inputs": {"x": ROWS}}),
    _json("split", {"dataframe_split": {"columns": C, "data": ROWS}}),
    _json("records", {"dataframe_records": [RECORD]}),
    ("csv", CSV, b"a,b\n5.1,3.5\n"),
    ("parquet", PARQUET, _parquet(FRAME)),
    _json("instances and signature_name", {"instances": ROWS, "signature_name": "s"}),
]

TENSORS: list[Request] = [
    _json("instances, records", {"instances": [{"x": ROW, "y": ROW}, {"x": ROW, "y": ROW}]}),
    _json("instances, unequal", {"instances": [{"x": ROW, "y": ROW}, {"x": ROW}]}),
    _json("inputs, columns", {"inputs": {"x": ROWS, "y": ROWS}}),
    _json("inputs, a name missing", {"inputs": {"x": ROWS}}),
    _json("inputs, list", {"inputs": ROWS}),
    _json("split", {"dataframe_split": {"columns": ["x", "y"], "data": [[ROW, ROW]]}}),
]

PARAMS: list[Request] = [
    _json("none", {"dataframe_records": [{"a": 1.0}]}),
    *(
        _json(f"{name}={value!r}", {"dataframe_records": [{"a": 1.0}], "params": {name: value}})
        for name, value in [
            ("k", 2.5), ("k", 2), ("k", "abc"), ("k", None), ("k", [1.0]), ("n", 5), ("n", 5.0), ("n", "3"), ("n", 5.5),
            ("words", ["x", "y"]), ("words", "x"), ("words", []), ("words", [1]), ("unknown", 1),
        ]
    ),
    _json("list", {"dataframe_records": [{"a": 1.0}], "params": [1]}),
    _json("text", {"dataframe_records": [{"a": 1.0}], "params": "k"}),
    _json("empty", {"dataframe_records": [{"a": 1.0}], "params": {}}),
    _json("inputs", {"inputs": {"a": [1.0]}, "params": {"k": 3.0}}),
    ("csv", CSV, b"a\n1\n"),
    _json("messages with a parameter", {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.1, "x": 2}),
    _json("prompt with params", {"prompt": "hi", "params": {"k": 2.0}, "k": 4.0}),
]  # fmt: skip

FREE: list[Request] = [
    *TABULAR,
    _json("messages, stream", {"messages": [{"role": "user", "content": "hi"}], "stream": True}),
    _json("prompt", {"prompt": "hi", "n": 2}),
    _json("input", {"input": ["a", "b"]}),
    _json("input and inputs", {"input": "a", "inputs": [1]}),
    _json("inputs, nested", {"inputs": {"messages": [{"role": "user", "content": "hi"}]}}),
    _json("instances, uneven", {"instances": [[1, 2], [3]]}),
    _json("dates stay texts", {"dataframe_records": [{"t": "2024-02-03T04:05:06", "u": "http://x/y"}]}),
]

TEXTS: list[Request] = [
    _json("inputs, list", {"inputs": ["a", "b"]}),
    _json("inputs, text", {"inputs": "a"}),
    _json("inputs, number", {"inputs": 1}),
    _json("inputs, dict", {"inputs": {"x": "a"}}),
    _json("instances", {"instances": ["a"]}),
    _json("records", {"dataframe_records": [{"x": "a"}]}),
    ("csv", CSV, b"x\na\n"),
]


HINTS: list[Request] = [
    _json("inputs", {"inputs": ["a", "b"]}),
    _json("inputs, number", {"inputs": [1]}),
    _json("inputs, text", {"inputs": "a"}),
    _json("instances", {"instances": ["a"]}),
    _json("records", {"dataframe_records": [{"x": "a"}]}),
    _json("prompt", {"prompt": "a"}),
    ("csv", CSV, b"x\na\n"),
]

SAID = [{"role": "user", "content": "hi"}]
CHAT: list[Request] = [
    _json("messages", {"messages": SAID}),
    _json("messages with parameters", {"messages": SAID, "temperature": 0.25, "max_tokens": 5}),
    _json("messages in inputs", {"inputs": {"messages": SAID}}),
    _json("messages, stream", {"messages": SAID, "stream": True}),
    _json("messages, unknown key", {"messages": SAID, "x": 1}),
    _json("messages, none", {"messages": []}),
    _json("messages, text", {"messages": "hi"}),
    _json("messages, no role", {"messages": [{"content": "hi"}]}),
    _json("messages, temperature as text", {"messages": SAID, "temperature": "warm"}),
    _json("prompt", {"prompt": "hi"}),
    _json("records", {"dataframe_records": [{"messages": SAID}]}),
]


def outputs(names: list[str]) -> list[Request]:
    """Requests that ask the model ``outputs`` for a kind of value."""
    return [_json(name, {"dataframe_records": [{"what": name}]}) for name in names]
