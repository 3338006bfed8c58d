"""What an endpoint of the memory target answers: MLflow's shape, from the body and the model's digest alone."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["answer"]

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
Answer = tuple[int, bytes, dict[str, str]]


def answer(
    method: str, path: str, headers: Mapping[str, str], body: bytes, *, revision: str, model: str, differs: bool
) -> Answer:
    """Status, body and headers (lower case) of one request to a ready replica.

    Args:
        method: GET or POST.
        path: Below the endpoint's URL.
        headers: The request's; their names in any case.
        body: The request's.
        revision: The one that answers.
        model: Digest of its model; equal models give equal predictions.
        differs: Whether the server finds its answer unequal to the packaged model's.
    """
    asked = {name.lower(): value for name, value in headers.items()}
    named = {"deployer-revision": revision}
    if asked.get("deployer-revision", revision) != revision:
        return 421, _json({"error_code": "MISDIRECTED", "message": f"this is {revision}"}), _typed(named)
    route = path.partition("?")[0]
    if route in ("/live", "/ping", "/health", "/ready", "/version"):
        if method != "GET":
            return 405, b"", named
        return 200, b"memory" if route == "/version" else b"\n", named
    if route != "/invocations":
        return 404, _json({"detail": "Not Found"}), _typed(named)
    if method != "POST":
        return 405, b"", named
    try:
        rows = _rows(asked.get("content-type", "application/json"), body)
    except ValueError as error:
        return 400, _json({"error_code": "BAD_REQUEST", "message": str(error)}), _typed(named)
    if asked.get("deployer-verify") == "1":
        named["deployer-parity"] = "differs" if differs else "equal"
    return 200, _json({"predictions": [_prediction(model, row) for row in rows]}), _typed(named)


def _rows(content_type: str, body: bytes) -> list[Any]:
    if content_type.startswith("text/csv"):
        return body.decode().splitlines()[1:]
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise ValueError("the body is not JSON") from error
    forms = [form for form in _FORMS if isinstance(asked, dict) and form in asked]
    if len(forms) != 1:
        raise ValueError(f"the body must have exactly one of {', '.join(_FORMS)}")
    rows = asked[forms[0]]
    if forms[0] == "dataframe_split":
        rows = rows.get("data") if isinstance(rows, dict) else None
    if isinstance(rows, dict):
        return [list(row) for row in zip(*rows.values(), strict=True)]
    if not isinstance(rows, list):
        raise ValueError(f"{forms[0]} must be a list of rows")
    return rows


def _prediction(model: str, row: Any) -> int:
    text = model + json.dumps(row, sort_keys=True)
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) % 1000


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _typed(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "content-type": "application/json"}
