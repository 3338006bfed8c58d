"""The HTTP side: routes, headers, and the refusals that come before the model is asked.

A raw ASGI application: there are seven paths, and a framework would bring its pins into the model's environment.
"""

from __future__ import annotations

import json
import platform
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .answers import Answer, error_answer
from .bodies import Abandoned, TooLarge, discard_rest, read_body
from .failure import evidence
from .hosts import refusal
from .keys import take_keys
from .libraries import mlflow_version
from .standing import READY, Standing
from .threads import OutOfTime, Pool
from .version import RUNTIME_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from .attributes import Attributes
    from .keys import KeyFile
    from .log import Log
    from .scorer import Scorer

__all__ = ["Application", "Limits"]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEYLESS = ("/live", "/ping", "/health", "/ready")
"""What probes and load balancers ask, who have no key. ``/version`` needs one: it is what a scanner looks for."""

PROBES = (*KEYLESS, "/version")
INVOCATIONS = "/invocations"
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
PATH = b"deployer-path"
"""Where a request is meant for that Azure ML could lead to its one route alone; our other headers simply pass there."""
NEWLINE = Answer(200, b"\n")
SERVER_FAILURE = 500


@dataclass(frozen=True)
class Limits:
    """What a request may be and take.

    Attributes:
        revision: The id that a request's ``Deployer-Revision`` must have, or None.
        max_body: Bytes.
        timeout: Seconds.
        trusted_hosts: Names for ``Host`` and ``Origin``, checked on public doors; empty lets in all.
    """

    revision: str | None
    max_body: int
    timeout: float
    trusted_hosts: tuple[str, ...]


class _Request:
    """What is used of an ASGI scope."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.keys, self._headers = take_keys(scope["headers"])
        scope["headers"][:] = self._headers  # the list is uvicorn's own: nothing that holds it on keeps a key
        self.owner: str | None = None
        given = self.header(b"x-request-id") or ""
        self.id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        self.began = time.perf_counter()
        self.read = 0
        self.close = False
        self.theirs = ""

    def unpack(self, attributes: Attributes) -> None:
        """Take what SageMaker lets through in one header for what it stands for: headers of ours, and a path."""
        found = attributes.read(self.every(ATTRIBUTES))
        self._headers.extend((name.encode(), value.encode()) for name, value in found.headers.items())
        self.theirs = found.theirs
        self.lead_to(found.path)

    def lead_to(self, path: str | None) -> None:
        """Take a request for one to another path of ours, where a service leads to one alone.

        A service asks that one by POST; of a probe that is no matter.
        """
        if path and self.path == INVOCATIONS:
            self.path = path
            self.method = "GET" if path in PROBES else self.method

    def header(self, name: bytes) -> str | None:
        for key, value in self._headers:
            if key == name:
                return value.decode("latin-1")
        return None

    def every(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self._headers if key == name]


class Application:
    """Answers requests for all doors; :meth:`door` makes the ASGI application of one.

    Args:
        limits: What a request may be and take.
        standing: The state.
        pool: Where predictions run.
        log: Where requests are told.
        keys: Who is let in; None lets in all.
        attributes: Reads and writes the one header that passes SageMaker; None where headers simply pass.
        one_route: Whether requests come to ``/invocations`` alone, and a header says where they are meant for, as
            behind Azure ML.

    Attributes:
        scorer: The loaded model, None until it is there and has answered its example.
    """

    def __init__(
        self,
        limits: Limits,
        standing: Standing,
        pool: Pool,
        log: Log,
        keys: KeyFile | None = None,
        *,
        attributes: Attributes | None = None,
        one_route: bool = False,
    ) -> None:
        self.scorer: Scorer | None = None
        self._limits = limits
        self._standing = standing
        self._pool = pool
        self._log = log
        self._keys = keys
        self._attributes = attributes
        self._one_route = one_route

    def door(self, public: bool, closing: Callable[[], bool]) -> Callable[..., Any]:
        """The ASGI application of one door.

        Args:
            public: Whether ``Host``, ``Origin`` and API keys are checked. A Unix socket of mode 0600 is not public: who
                can connect to it is this very user, who could read the model and the keys' file as well.
            closing: Asked when an answer is sent: whether its connection shall be closed after it.
        """

        async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return
            request = _Request(scope)
            if self._attributes is not None:
                request.unpack(self._attributes)
            if self._one_route:
                request.lead_to(request.header(PATH))
            try:
                answer = await self._answer(request, receive, public)
            except Abandoned:
                return
            except TooLarge:
                request.close = True
                size = self._limits.max_body
                answer = error_answer(413, "PAYLOAD_TOO_LARGE", f"The request's body is larger than {size} bytes.")
            await self._send(request, answer, receive, send, request.close or closing())

        return application

    async def _answer(self, request: _Request, receive: Any, public: bool) -> Answer:
        refused = self._refused(request, public)
        if refused is not None:
            request.close = request.header(b"expect") is not None  # whether it sends its body all the same is not known
            return refused
        if request.path == INVOCATIONS:
            if request.method != "POST":
                return _not_allowed("POST")
            return await self._invocation(request, receive)
        if request.path == INVOCATIONS + "/":
            return Answer(307, b"", headers=((b"location", INVOCATIONS.encode()),))
        if request.path in PROBES:
            return self._probe(request) if request.method in ("GET", "HEAD") else _not_allowed("GET, HEAD")
        return error_answer(404, "ENDPOINT_NOT_FOUND", f"There is no {request.path[:200]} here. POST to {INVOCATIONS}.")

    def _refused(self, request: _Request, public: bool) -> Answer | None:
        if public and self._limits.trusted_hosts:
            found = refusal(request.every(b"host"), request.every(b"origin"), self._limits.trusted_hosts)
            if found is not None:
                code = {400: "BAD_REQUEST", 403: "PERMISSION_DENIED"}.get(found[0], "MISDIRECTED_REQUEST")
                return error_answer(found[0], code, found[1][0].upper() + found[1][1:] + ".")
        wished = request.header(b"deployer-revision")
        ours = self._limits.revision
        if wished is not None and wished != ours:
            message = f"This is revision {ours or '(none)'}; the request asks for another one."
            return error_answer(421, "MISDIRECTED_REQUEST", message)
        return self._keyless(request) if public else None  # after 421, since a gateway may ask another server then

    def _keyless(self, request: _Request) -> Answer | None:
        presented, request.keys = request.keys, ()
        if self._keys is None or request.path in KEYLESS:
            return None
        request.owner = self._keys.owner(presented)
        if request.owner is not None:
            return None
        message = "A valid API key is needed, as X-API-Key: KEY or Authorization: Bearer KEY."
        answer = error_answer(401, "UNAUTHENTICATED", message)
        return Answer(answer.status, answer.body, headers=((b"www-authenticate", b"Bearer"),))

    def _probe(self, request: _Request) -> Answer:
        if request.path == "/version":
            return _version(request.header(b"accept") or "", self._limits.revision)
        if self._pool.all_stuck:
            message = f"All {self._pool.size} prediction threads are kept by calls that ran out of time."
            return error_answer(503, "TEMPORARILY_UNAVAILABLE", message)
        state = self._standing.state
        if request.path == "/live":
            return _state_answer(200, state)
        if request.path == "/ready":
            return _state_answer(200 if state == READY else 503, state)
        return NEWLINE if self.scorer is not None else _state_answer(503, state)

    async def _invocation(self, request: _Request, receive: Any) -> Answer:
        scorer = self.scorer
        if scorer is None:
            answer = error_answer(503, "TEMPORARILY_UNAVAILABLE", f"The model is {self._standing.state}.")
            return Answer(answer.status, answer.body, headers=((b"retry-after", b"1"),))
        length = request.header(b"content-length")
        standing = self._standing
        standing.in_flight += 1
        try:
            body = await read_body(receive, length, self._limits.max_body)
            request.read = len(body)
            verify = request.header(b"deployer-verify") == "1"
            call = partial(scorer.answer, request.header(b"content-type"), body, verify)
            return await self._predicted(request, call)
        finally:
            standing.in_flight -= 1

    async def _predicted(self, request: _Request, call: Callable[[], Answer]) -> Answer:
        try:
            return await self._pool.run(call, self._limits.timeout)
        except OutOfTime as late:
            where = "was still running" if late.started else f"had not begun, behind {self._pool.size} others"
            self._log.event("prediction-timeout", "error", id=request.id, began=late.started, stuck=self._pool.stuck)
            message = f"Request processing time exceeded limit: after {self._limits.timeout:g} s it {where}."
            return error_answer(504, "DEADLINE_EXCEEDED", message)
        except Exception as error:
            message = "The request could not be answered; the log has the reason under the request's id."
            return error_answer(500, "INTERNAL_ERROR", message, cause=error)

    async def _send(self, request: _Request, answer: Answer, receive: Any, send: Any, close: bool) -> None:
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", request.id.encode()),
            *answer.headers,
        ]
        if self._attributes is not None and (text := self._attributes.write(answer.headers, request.theirs)):
            headers.append((ATTRIBUTES, text))
        if close:
            headers.append((b"connection", b"close"))
        if request.path == INVOCATIONS:
            self._count(request, answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": request.close})
        if request.close:
            await discard_rest(receive, request.header(b"expect") is not None)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _count(self, request: _Request, answer: Answer) -> None:
        self._standing.answered += 1
        self._standing.failed += answer.status >= SERVER_FAILURE
        for name, value in answer.headers:
            if name == b"deployer-parity-detail":
                self._log.event("parity-differs", "warning", id=request.id, difference=value.decode())
        if answer.cause is not None:
            level = "error" if answer.status >= SERVER_FAILURE else "warning"
            self._log.event("request-failed", level, id=request.id, status=answer.status, **evidence(answer.cause))
        self._log.event(
            "request",
            id=request.id,
            method=request.method,
            path=request.path,
            status=answer.status,
            ms=round((time.perf_counter() - request.began) * 1000, 2),
            bytes_in=request.read,
            bytes_out=len(answer.body),
            **({"key": request.owner} if request.owner else {}),
        )


def _not_allowed(methods: str) -> Answer:
    answer = error_answer(405, "METHOD_NOT_ALLOWED", f"Only {methods} is answered here.")
    return Answer(answer.status, answer.body, headers=((b"allow", methods.encode()),))


def _state_answer(status: int, state: str) -> Answer:
    return Answer(status, json.dumps({"state": state}).encode())


def _version(accept: str, revision: str | None) -> Answer:
    """MLflow's version as bare text, as MLflow's own server has it; the whole as JSON for a client that asks for it."""
    if "application/json" not in accept:
        return Answer(200, mlflow_version().encode(), "text/plain; charset=utf-8")
    fields = {
        "runtime": RUNTIME_VERSION,
        "revision": revision,
        "mlflow": mlflow_version(),
        "python": platform.python_version(),
    }
    return Answer(200, json.dumps(fields).encode())
