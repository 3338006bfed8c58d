"""A request that works: from the model's own example, else made up from its signature. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.cli.render.commands import quoted
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.model import Field, Signature

__all__ = ["curl_line", "request_body"]

_LONGEST = 1500
_SAMPLES: dict[str, JSON] = {
    "boolean": True,
    "integer": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "text",
    "binary": "AA==",
    "datetime": "2026-01-01T00:00:00",
}


def request_body(example: bytes | None, signature: Signature | None) -> str | None:
    """The body of a request that the model takes; None when nothing is known of it, or the example is too long."""
    if example is not None:
        try:
            text = json.dumps(json.loads(example), ensure_ascii=True, separators=(", ", ": "))
        except ValueError:
            text = ""
        if text and len(text) <= _LONGEST:
            return text
    inputs = signature.inputs if signature else None
    if not inputs:
        return None
    made = _from_tensors(inputs) if inputs[0].shape is not None else _from_columns(inputs)
    text = json.dumps(made)
    return text if len(text) <= _LONGEST else None


def _from_columns(inputs: Sequence[Field]) -> JSON:
    data = [[_sample(each.type) for each in inputs]]
    if any(each.name is None for each in inputs):
        return {"dataframe_split": {"data": data}}
    return {"dataframe_split": {"columns": [each.name for each in inputs], "data": data}}


def _from_tensors(inputs: Sequence[Field]) -> JSON:
    values = [_filled([1 if length < 0 else length for length in each.shape or ()], each.type) for each in inputs]
    if len(inputs) == 1 and inputs[0].name is None:
        return {"inputs": values[0]}
    return {"inputs": {each.name or str(n): value for n, (each, value) in enumerate(zip(inputs, values, strict=True))}}


def _filled(shape: Sequence[int], kind: str) -> JSON:
    if not shape:
        return _number(kind)
    if len(shape) > 4 or any(length > 100 for length in shape):
        return []
    return [_filled(shape[1:], kind) for _ in range(shape[0])]


def _number(kind: str) -> JSON:
    if kind.startswith("bool"):
        return True
    return 0 if kind.startswith(("int", "uint")) else "text" if kind.startswith(("str", "object")) else 0.0


def _sample(kind: str) -> JSON:
    if kind.startswith("array<"):
        return [_sample(kind[6:-1])]
    if kind.startswith("map<"):
        return {"key": _sample(kind[4:-1])}
    return _SAMPLES.get(kind, {} if kind == "object" else "text")


def curl_line(url: str, body: str | None, key_variable: str | None = None) -> str:
    """What can be pasted into a shell.

    Args:
        url: The endpoint's.
        body: From `request_body`; None: a file that the reader has to write.
        key_variable: The variable that holds an API key, when the endpoint wants one.
    """
    words = ["curl", "-sS", quoted(f"{url.rstrip('/')}/invocations"), "-H", "'Content-Type: application/json'"]
    if key_variable and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key_variable):
        words += ["-H", f'"X-API-Key: ${key_variable}"']
    return " ".join([*words, "-d", quoted(body) if body is not None else "@request.json"])
