"""What the double says: an answer or a refusal, in the words of the protocol in which it was asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from deployer.testing.sagemaker import cbor

__all__ = ["Answer", "Refusal", "refused", "said"]


class Refusal(Exception):
    """A call that is answered by an error.

    Args:
        code: ``ValidationException``.
        message: For a person.
        status: The HTTP status.
        more: Further members of the error's shape, as ModelError has.
    """

    def __init__(self, code: str, message: str | None, status: int = 400, **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.more = more


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: The HTTP status.
        headers: Without a length.
        body: In pieces; a list of one is sent with its length.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = (b"",)


def said(value: Mapping[str, Any], protocol: str, *, status: int = 200) -> Answer:
    """The answer of an operation; times are floats, seconds since the epoch, for JSON.

    Args:
        value: Its members; those that are None are left out.
        protocol: ``json``, ``rest-json`` or ``cbor``.
        status: The HTTP status.
    """
    value = {key: each for key, each in value.items() if each is not None}
    identity = {"x-amzn-RequestId": str(uuid.uuid4())}
    if protocol == "cbor":
        return Answer(
            status,
            {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", **identity},
            [cbor.encode(value)],
        )
    kind = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    return Answer(status, {"Content-Type": kind, **identity}, [json.dumps(value).encode()])


def refused(refusal: Refusal, protocol: str) -> Answer:
    """The answer that a client of the protocol reads as that error."""
    code, message = refusal.code, refusal.message
    if protocol in ("query", "rest-xml"):
        text = f"<Code>{escape(code)}</Code><Message>{escape(message or '')}</Message>"
        error = f"<Error>{text}</Error>"
        if protocol == "query":
            identity = f"<RequestId>{uuid.uuid4()}</RequestId>"
            error = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error>{identity}</ErrorResponse>"
        return Answer(refusal.status, {"Content-Type": "text/xml"}, [error.encode()])
    answer = said({"__type": code, "message": message, **refusal.more}, protocol, status=refusal.status)
    body = answer.body
    if message is None and protocol != "cbor":
        # Recorded: a throttled runtime call shows `{"message": null}` (opensearch-project/ml-commons#2429).
        body = [json.dumps({"message": None, **refusal.more}).encode()]
    headers = {**answer.headers, **({"x-amzn-ErrorType": code} if protocol == "rest-json" else {})}
    return Answer(refusal.status, headers, body)
