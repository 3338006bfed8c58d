"""What the double answers with: an answer, or a refusal in the shape that the service it stands for refuses with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

__all__ = ["Answer", "Refusal", "arm_error", "refused", "told"]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: The HTTP status.
        headers: Its headers; the length is added where the body is bytes.
        body: All of it, or pieces that are sent as they come.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


class Refusal(Exception):
    """An error that the service answers with.

    Args:
        status: The HTTP status.
        code: The service's code.
        message: The service's words.
        details: ARM's ``details``: (code, message) of each.
        inner: ARM's ``innerError``: its codes, the outermost first.
        headers: More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[tuple[str, str]] = (),
        inner: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.details, self.inner, self.headers = tuple(details), tuple(inner), dict(headers or {})

    @property
    def error(self) -> dict[str, Any]:
        """ARM's error object (recorded: azure-ai-ml's published recordings)."""
        return arm_error(self.code, self.message, self.details, self.inner)


def arm_error(
    code: str, message: str, details: Sequence[tuple[str, str]] = (), inner: Sequence[str] = ()
) -> dict[str, Any]:
    """ARM's error object, as Azure ML's front end writes it."""
    innermost: dict[str, Any] | None = None
    for each in reversed(inner):
        innermost = {"code": each, "innerError": innermost}
    told: dict[str, Any] = {
        "code": code,
        "message": message,
        "target": None,
        "details": [
            {"code": kind, "message": said, "target": None, "details": [], "additionalInfo": []}
            for kind, said in details
        ],
        "additionalInfo": [{"type": "ComponentName", "info": {"value": "managementfrontend"}}],
    }
    if innermost is not None:
        told["innerError"] = innermost
    return told


def told(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """JSON."""
    return Answer(
        status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, json.dumps(value).encode()
    )


def refused(refusal: Refusal, service: str) -> Answer:
    """A refusal in the words of a service.

    Args:
        refusal: What is refused.
        service: ``arm``, ``identity``, ``blob``, ``registry`` or ``scoring``.
    """
    status, headers = refusal.status, refusal.headers
    if service == "identity":  # documented: RFC 6749 with Entra's error_codes
        number = refusal.message.removeprefix("AADSTS").partition(":")[0]
        codes = [int(number)] if number.isdigit() else []
        body = {"error": refusal.code, "error_description": refusal.message, "error_codes": codes}
        return told(body, status, headers)
    if service == "blob":  # documented: Blob service REST API, status and error codes
        text = f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
        about = {"Content-Type": "application/xml", "x-ms-error-code": refusal.code, **headers}
        return Answer(status, about, f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode())
    if service == "registry":  # documented: OCI distribution specification
        return told({"errors": [{"code": refusal.code, "message": refusal.message, "detail": None}]}, status, headers)
    if service == "scoring":
        return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **headers}, refusal.message.encode())
    return told({"error": refusal.error}, status, {"x-ms-error-code": refusal.code, **headers})
