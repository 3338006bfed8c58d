from __future__ import annotations

import pytest

from deployer.serving.protocol import Call, UnsupportedMediaType, media_type, parse


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=UTF-8", "application/json"),
        ("text/csv;charset=utf-8", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    ],
)
def test_media_type(header: str, expected: str) -> None:
    assert media_type(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "application/x-json",
        "Application/JSON",
        'application/json; charset="utf-8"',
        "text/csv; header=present",
    ],
)
def test_other_media_types(header: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        media_type(header)


class Metadata:
    """Of a model without a signature."""


@pytest.mark.parametrize(
    "body", [b"{nope secret-value", b'"secret-value"', b'{"x": "secret-value"}', b"\xffsecret-value"]
)
def test_messages_do_not_repeat_the_body(body: bytes) -> None:
    with pytest.raises(Exception, match=r".") as raised:
        parse("application/json", body, Metadata(), None)
    assert raised.value.get_http_status_code() == 400  # type: ignore[attr-defined]
    assert "secret-value" not in str(raised.value)


def test_forms() -> None:
    call = parse("application/json", b'{"inputs": [1, 2], "params": {"k": 1}, "more": 3}', Metadata(), None)
    assert (list(call.data), call.params, call.unwrapped) == ([1, 2], {"k": 1}, False)
    call = parse("application/json", b'{"prompt": "x", "k": 1}', Metadata(), None)
    assert (call.data, call.params, call.unwrapped) == ({"prompt": "x", "k": 1}, {}, True)
    frame = parse("text/csv", b"a,b\n1,2\n", Metadata(), None).data
    assert frame.to_dict("list") == {"a": [1], "b": [2]}


def test_models_of_an_mlflow_that_knows_no_parameters() -> None:
    class Old:
        def predict(self, data: list[int]) -> list[int]:
            return data

    class New:
        def predict(self, data: list[int], params: object = None) -> tuple[list[int], object]:
            return data, params

    call = Call([1], {"k": 2})
    assert call.ask(Old()) == [1]
    assert call.ask(New()) == ([1], {"k": 2})
