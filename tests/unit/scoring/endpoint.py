"""An endpoint that reads requests as MLflow's scoring server does, and remembers what it was sent."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.scoring import Sender, Summary, predict_file

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")

Model = Callable[[list[list[Any]]], Any]
"""From rows to what stands under ``predictions``."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def total(rows: Sequence[Sequence[Any]]) -> list[float]:
    """The sum of each row's numbers."""
    return [sum(x for x in row if isinstance(x, int | float)) for row in rows]


class Endpoint:
    """Answers with a model's predictions of the rows.

    Args:
        model: By default the sum of each row.
        revision: Said in the answer's headers.
    """

    def __init__(self, model: Model = total, revision: str = "r1234567") -> None:
        self.model = model
        self.revision = revision
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()

    def __call__(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        assert path == "/invocations"
        assert headers["Content-Type"] == "application/json"
        with self._lock:
            self.bodies.append(body)
        request = json.loads(body)
        forms = [key for key in FORMS if key in request]
        assert len(forms) == 1, "exactly one of the input fields"
        answer = {"predictions": self.model(self._rows(forms[0], request[forms[0]]))}
        return Reply(200, json.dumps(answer).encode(), {"deployer-revision": self.revision})

    def _rows(self, form: str, value: Any) -> list[list[Any]]:
        if form == "dataframe_split":
            width = len(value["columns"]) if "columns" in value else len(value["data"][0])
            assert all(len(row) == width for row in value["data"])
            return list(value["data"])
        if form == "dataframe_records":
            assert all(isinstance(row, dict) for row in value)
        return [
            list(row.values()) if isinstance(row, dict) else row if isinstance(row, list) else [row] for row in value
        ]

    @property
    def requests(self) -> list[Any]:
        """What was sent, as values."""
        return [json.loads(body) for body in self.bodies]


def always(body: str | bytes, status: int = 200) -> Callable[[str, bytes, Mapping[str, str]], Reply]:
    """An endpoint that answers the same to everything."""
    raw = body.encode() if isinstance(body, str) else body
    return lambda _path, _body, _headers: Reply(status, raw)


IRIS = b"a,b\n5.1,3\n4.90,2\n7,1\n"


def predicted(raw: bytes | str, send: Sender | None = None, **options: Any) -> tuple[str, Summary]:
    """What `predict_file` writes and tells."""
    out = io.BytesIO()
    source = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    summary = predict_file(source, out, send or Endpoint(), **options)
    return out.getvalue().decode(), summary
