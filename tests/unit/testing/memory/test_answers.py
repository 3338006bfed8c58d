from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.testing.memory.answers import answer


def ask(
    body: Any = b"",
    *,
    method: str = "POST",
    path: str = "/invocations",
    model: str = "m",
    differs: bool = False,
    **headers: str,
) -> tuple[int, bytes, dict[str, str]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(method, path, sent, raw, revision="r1", model=model, differs=differs)


FORMS = [
    {"inputs": [[1, 2], [3, 4]]},
    {"instances": [[1, 2], [3, 4]]},
    {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}},
    {"inputs": {"a": [1, 3], "b": [2, 4]}},
]


@pytest.mark.parametrize("form", FORMS)
def test_equal_rows_have_equal_predictions_in_every_form(form: dict[str, Any]) -> None:
    status, body, headers = ask(form)
    assert status == 200
    assert json.loads(body) == json.loads(ask(FORMS[0])[1])
    assert len(json.loads(body)["predictions"]) == 2
    assert headers == {"deployer-revision": "r1", "content-type": "application/json"}


def test_records_and_csv_have_a_prediction_for_each_row() -> None:
    assert len(json.loads(ask({"dataframe_records": [{"a": 1}, {"a": 2}]})[1])["predictions"]) == 2
    assert len(json.loads(ask(b"a,b\n1,2\n3,4\n5,6\n", Content_Type="text/csv")[1])["predictions"]) == 3


def test_predictions_are_the_model_s_and_the_row_s() -> None:
    rows = {"inputs": [[n] for n in range(20)]}
    first, again, other = (json.loads(ask(rows, model=model)[1])["predictions"] for model in ("m", "m", "n"))
    assert first == again
    assert first != other
    assert len(set(first)) > 10


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"inputs": [], "instances": []}', b'{"inputs": 3}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    status, said, _ = ask(body)
    assert status == 400
    assert json.loads(said)["message"]


def test_a_verification_is_answered_with_parity() -> None:
    rows = {"inputs": [[1]]}
    assert ask(rows, Deployer_Verify="1")[2]["deployer-parity"] == "equal"
    assert ask(rows, differs=True, Deployer_Verify="1")[2]["deployer-parity"] == "differs"
    assert "deployer-parity" not in ask(rows)[2]


def test_another_s_request_is_misdirected() -> None:
    status, _, headers = ask({"inputs": [[1]]}, Deployer_Revision="r2")
    assert (status, headers["deployer-revision"]) == (421, "r1")
    assert ask({"inputs": [[1]]}, deployer_revision="r1")[0] == 200
    assert ask(method="GET", path="/ready", Deployer_Revision="r2")[0] == 421


def test_routes_are_those_of_the_serving_protocol() -> None:
    for path in ("/live", "/ping", "/health", "/ready", "/version"):
        assert ask(method="GET", path=path)[0] == 200
        assert ask(path=path)[0] == 405
    assert ask(method="GET")[0] == 405
    assert ask(path="/nothing")[0] == 404
