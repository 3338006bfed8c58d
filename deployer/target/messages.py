"""One HTTP exchange with an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Request", "Response"]


@dataclass(frozen=True)
class Request:
    """One HTTP request to an endpoint.

    Attributes:
        path: Below the endpoint's URL, beginning with a slash.
        body: The bytes to send.
        headers: Names in their usual case.
        method: GET or POST.
        timeout: Seconds for the whole exchange; of an answer that is passed on, between two pieces of it.
        passed: Handed each piece of a successful answer's body as it comes; the `Response` has none of it then.
    """

    path: str = "/invocations"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    timeout: float = 60.0
    passed: Callable[[bytes], None] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Response:
    """An endpoint's answer; header names are lower case. ``revision`` is the `Deployer-Revision` that answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def revision(self) -> str | None:
        """The revision that answered, or None when the answer does not say."""
        return self.headers.get("deployer-revision")
