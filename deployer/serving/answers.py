"""MLflow's scoring protocol, the way out: what the model answered, or what went wrong, becomes bytes.

Values are written by the model's own MLflow, so dates, bytes and frames look as its own server writes them.
What differs from MLflow 3.17 on purpose:

- ``NaN``, ``Infinity`` and ``-Infinity`` are ``null`` (there: literals that no JSON parser but Python's accepts);
- an answer that JSON cannot hold is 500 with an error code (there: 500, as text);
- ``stack_trace`` is never sent. When model code raises, ``detail`` is the exception's class and text on one line, at
  most 500 characters, with every secret given to the server replaced; the traceback is in the log only, under the
  ``X-Request-Id`` of the answer;
- messages do not repeat the request's data, and are at most 4,000 characters long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .failure import one_line
from .libraries import libraries

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer", "NotWritable", "encode", "error_answer", "mlflow_error", "model_error", "text_answer"]

LONGEST_MESSAGE = 4000
JSON = "application/json"
UNEXPECTED = (
    "Encountered an unexpected error while evaluating the model. Verify"
    " that the serialized input Dataframe is compatible with the model for"
    " inference."
)


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: The HTTP status.
        body: What is sent.
        content_type: Its media type.
        headers: Further headers, name in lower case.
        cause: What was raised, for the log; never sent.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cause: BaseException | None = field(default=None, compare=False)


class NotWritable(Exception):
    """The model's answer holds something that JSON cannot."""


def encode(raw: Any, unwrapped: bool) -> bytes:
    """Write what the model answered, as ``{"predictions": ...}`` or, for the forms of language models, as it is.

    Raises:
        NotWritable: Says what could not be written.
    """
    lent = libraries()
    try:
        value = lent.jsonable(raw, pandas_orient="records")
        value = value if unwrapped else {"predictions": value}
        try:
            return json.dumps(value, cls=lent.encoder, allow_nan=False).encode()
        except ValueError:
            finite = json.loads(json.dumps(value, cls=lent.encoder), parse_constant=_null)
            return json.dumps(finite).encode()
    except Exception as error:
        raise NotWritable(one_line(error)) from error


def _null(_name: str) -> None:
    return None


def text_answer(status: int, text: str) -> Answer:
    """A plain text, as MLflow answers with 415."""
    return Answer(status, text.encode(), "text/plain; charset=utf-8")


def error_answer(status: int, code: str, message: str, cause: BaseException | None = None, **more: Any) -> Answer:
    """An error in MLflow's shape: ``error_code`` and ``message``."""
    fields = {"error_code": code, "message": message[:LONGEST_MESSAGE], **more}
    return Answer(status, json.dumps(fields).encode(), cause=cause)


def mlflow_error(error: Any, prefix: str = "", redacted: Callable[[str], str] = str) -> Answer:
    """An ``MlflowException`` as MLflow's server sends it, but without ``stack_trace`` and known secrets."""
    fields = json.loads(error.serialize_as_json())
    fields.pop("stack_trace", None)
    fields["message"] = redacted(prefix + str(fields.get("message", "")))[:LONGEST_MESSAGE]
    return Answer(error.get_http_status_code(), json.dumps(fields).encode(), cause=error)


def model_error(error: BaseException, detail: str) -> Answer:
    """What model code raised: MLflow's sentence and 400, with ``detail``; 500 for what is no ``Exception``."""
    lent = libraries()
    code = lent.bad_request if isinstance(error, Exception) else lent.internal
    answer = mlflow_error(lent.error(UNEXPECTED, error_code=code))
    fields = {**json.loads(answer.body), "detail": detail}
    return Answer(answer.status, json.dumps(fields).encode(), cause=error)
