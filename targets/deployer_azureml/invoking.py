"""From a request to one that an endpoint's scoring address takes, and from what that answers to a response. Pure.

Azure leads to the scoring route alone, and hands a request's headers on to the container, and an answer's back. A
deployment is asked for by a header of its own, whether it has traffic or not. Every status of the container that is no
success is told as a 424, with the container's own in a header ("Troubleshoot online endpoint deployment and scoring",
HTTP status codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.errors import NotFound, PredictionError, TargetUnavailable
from deployer.quantity import format_memory
from deployer.target import Request, Response
from deployer_azureml.facts import Facts
from deployer_azureml.observe import serves

__all__ = ["DEPLOYMENT", "PATH", "Sent", "answer_of", "key_refused", "sent", "trouble_of_answer"]

DEPLOYMENT = "azureml-model-deployment"
"""What pins a request to a deployment, and tells in an answer which one it was."""
PATH = "Deployer-Path"
"""Where our server is to be asked, for paths other than its own scoring route."""
_INVOCATIONS = "/invocations"
_OUR_PATHS = frozenset({_INVOCATIONS, "/live", "/ping", "/health", "/ready", "/version"})
_MODEL_STATUS = "ms-azureml-model-error-statuscode"
_DROPPED = frozenset({"authorization", "host", "content-length", DEPLOYMENT})
_NOT_YET = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Sent:
    """What is sent.

    Attributes:
        url: The endpoint's scoring address, as Azure tells it: it changes with what was deployed last.
        headers: Without who asks.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    timeout: float = 60.0


def sent(facts: Facts, request: Request, *, revision: str | None = None, largest: int | None = None) -> Sent:
    """How a request goes, and no later than here what is wrong with it.

    Args:
        facts: What was found of the endpoint.
        request: The request.
        revision: To ask that one alone.
        largest: Bytes that the server reads, where that is known: a larger one is not sent.

    Raises:
        NotFound: There is no such endpoint or path.
        PredictionError: The request is too large.
        TargetUnavailable: Nothing was deployed yet; transient.
    """
    main = facts.endpoint
    if main is None:
        raise NotFound(f"there is no endpoint {facts.name} in the workspace", hint="deployer list")
    if request.path not in _OUR_PATHS:
        raise NotFound(
            f"Azure leads to {_INVOCATIONS} alone, not to {request.path}", where=facts.name,
            hint="other paths answer where the image runs elsewhere, such as on docker",
        )  # fmt: skip
    if largest is not None and len(request.body) > largest:
        raise PredictionError(
            f"the request has {len(request.body)} bytes, and the server reads {format_memory(largest)}", status=413,
            where=facts.name, hint="send fewer rows at once, or --set config.max_body=SIZE",
        )  # fmt: skip
    if not serves(main):
        raise TargetUnavailable(f"{facts.name} has no address yet ({main.state})", transient=True, where=facts.name)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
    if request.path != _INVOCATIONS:
        headers[PATH] = request.path
    if revision is not None:
        headers[DEPLOYMENT] = _deployment(facts, revision)
    return Sent(main.scoring_uri, headers, request.body or b"{}", "POST", request.timeout)


def _deployment(facts: Facts, revision: str) -> str:
    found = facts.find(revision)
    if found is None:
        raise TargetUnavailable(f"nothing runs of {revision} (yet)", transient=True, where=facts.name)
    return found.name


def key_refused(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the key or token is not good any more, so that a new one is fetched, once.

    A 401 of the container itself is told as a 424; Azure's own has the headers of a container's answer, too.
    """
    return status == 401 and "deployer-revision" not in {name.lower() for name in headers}


def answer_of(facts: Facts, status: int, body: bytes, headers: Mapping[str, str]) -> Response:
    """The container's own answer: its status, and the revision that it is of."""
    lower = {name.lower(): value for name, value in headers.items()}
    own = lower.get(_MODEL_STATUS, "")
    if status == 424 and own.isdigit() and 100 <= int(own) <= 599:
        status = int(own)
    if "deployer-revision" not in lower and lower.get(DEPLOYMENT):
        lower["deployer-revision"] = facts.runs(lower[DEPLOYMENT])
    return Response(status, body, lower)


def trouble_of_answer(
    facts: Facts, status: int, body: bytes, headers: Mapping[str, str]
) -> NotFound | TargetUnavailable | None:
    """Why no container answered; None where one did, or where the answer is the caller's to read (a 429, say)."""
    if status == 424 or "deployer-revision" in {name.lower() for name in headers}:
        return None
    said = body[:300].decode(errors="replace").strip()
    if status in (401, 403):
        return TargetUnavailable(
            f"{facts.name} lets nobody in with that: {said or status}", where=facts.name,
            hint="it may read the keys? (onlineEndpoints/listKeys/action); with auth_mode: aad_token, call it? "
            "(onlineEndpoints/score/action)",
        )  # fmt: skip
    if status == 404:
        # What was just made, or given traffic, not every front end knows at once.
        return TargetUnavailable(f"it leads nowhere (yet): {said or status}", transient=True, where=facts.name)
    if status == 408:
        return TargetUnavailable(f"no answer in time: {said or status}", transient=True, where=facts.name)
    if status in _NOT_YET:
        return TargetUnavailable(f"it does not answer (yet): {said or status}", transient=True, where=facts.name)
    return None
