"""From a request to InvokeEndpoint, and from what that answers to a response. Pure.

AWS asks a container at ``POST /invocations`` alone, carries few headers, and answers every status of the container that
is no success as a ModelError, which has that status and the body in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import NotFound, PredictionError, TargetUnavailable
from deployer.quantity import format_memory
from deployer.target import Request, Response
from deployer.value import JSON
from deployer_sagemaker.attributes import INVOCATIONS, attributes_of, headers_in
from deployer_sagemaker.errors import Refused

__all__ = [
    "OUR_PATHS",
    "answer_of",
    "answer_of_model_error",
    "async_invocation",
    "failure_of",
    "invocation",
    "parts_of",
    "stream_of",
]

OUR_PATHS = frozenset({INVOCATIONS, "/live", "/ping", "/health", "/ready", "/version"})
"""Where our own server can be asked through AWS."""
_CARRIED = {
    "content-type": "ContentType",
    "accept": "Accept",
    "x-amzn-sagemaker-target-variant": "TargetVariant",
    "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    "x-amzn-sagemaker-inference-id": "InferenceId",
    "x-amzn-sagemaker-session-id": "SessionId",
}
_NOT_READY = frozenset(
    {"ModelNotReadyException", "ServiceUnavailable", "InternalFailure", "InternalDependencyException"}
)


def invocation(
    endpoint: str,
    request: Request,
    *,
    largest: int | None = None,
    variant: str | None = None,
    container: str | None = None,
) -> dict[str, JSON]:
    """InvokeEndpoint; its body is of bytes.

    Args:
        endpoint: Its name.
        request: The request.
        largest: Bytes that the service takes, where that is known: a larger one is not sent.
        variant: The one to ask, of two.
        container: The one to ask, of a direct pipeline.

    Raises:
        NotFound: AWS leads to no such path.
        PredictionError: The request is too large.
    """
    if request.path not in OUR_PATHS:
        raise NotFound(
            f"AWS leads to {INVOCATIONS} alone, not to {request.path}", where=endpoint,
            hint="other paths answer where the image runs elsewhere, such as on docker",
        )  # fmt: skip
    if largest is not None and len(request.body) > largest:
        raise PredictionError(
            f"the request has {len(request.body)} bytes, and the service takes {format_memory(largest)}", status=413,
            where=endpoint, hint="send fewer rows at once, or take config.async_inference: answers go to S3",
        )  # fmt: skip
    found: dict[str, JSON] = {"EndpointName": endpoint, "Body": request.body or b"{}"}
    for name, value in request.headers.items():
        if name.lower() in _CARRIED:
            found[_CARRIED[name.lower()]] = value
    attributes = attributes_of(request.headers, request.path)
    if attributes:
        found["CustomAttributes"] = attributes
    if variant is not None:
        found["TargetVariant"] = variant
    if container is not None:
        found["TargetContainerHostname"] = container
    return found


def async_invocation(
    endpoint: str, request: Request, *, location: str | None = None, seconds: float | None = None
) -> dict[str, JSON]:
    """InvokeEndpointAsync; of a queue, whose answer comes to S3.

    Args:
        endpoint: Its name.
        request: Its headers, and its body where that is small (botocore: 128,000 bytes).
        location: Where the body lies in S3, else.
        seconds: The longest that the answer may take: 1 to 3600.
    """
    given = invocation(endpoint, request)
    for name in ("TargetVariant", "TargetContainerHostname", "SessionId"):
        given.pop(name, None)
    if location is not None:
        del given["Body"]
        given["InputLocation"] = location
    return given | ({"InvocationTimeoutSeconds": round(seconds)} if seconds is not None else {})


def answer_of(output: Mapping[str, Any], body: bytes) -> Response:
    """What InvokeEndpoint answered."""
    headers = headers_in(str(output.get("CustomAttributes") or ""))
    if output.get("ContentType"):
        headers["content-type"] = str(output["ContentType"])
    if output.get("InvokedProductionVariant"):
        headers["x-amzn-invoked-production-variant"] = str(output["InvokedProductionVariant"])
    return Response(200, body, headers)


def parts_of(events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The pieces of an answer of InvokeEndpointWithResponseStream; its failures are errors of the SDK's own."""
    for event in events:
        part = event.get("PayloadPart")
        if part is not None and part.get("Bytes"):
            yield bytes(part["Bytes"])


def answer_of_model_error(response: Mapping[str, Any], revision: str | None = None) -> Response | None:
    """The container's own answer in a ModelError; None where it gave none in time.

    Args:
        response: What the SDK's error carries.
        revision: What serves there, where only one does: such an answer carries no attributes.
    """
    status = int(response.get("OriginalStatusCode") or 0)
    if not 100 <= status <= 599:
        return None
    body = str(response.get("OriginalMessage") or "").encode()
    headers = {"content-type": "application/json" if _is_json(body) else "text/plain; charset=utf-8"}
    if revision is not None:
        headers["deployer-revision"] = revision
    return Response(status, body, headers)


def stream_of(response: Mapping[str, Any]) -> str:
    """The log stream, ``VARIANT/INSTANCE``, of the container that a ModelError is of; "" where it is not told."""
    return str(response.get("LogStreamArn") or "").partition(":log-stream:")[2]


def failure_of(refused: Refused, endpoint: str) -> NotFound | TargetUnavailable | None:
    """Why nobody answered; None where `deployer_sagemaker.errors.mapped` has the words.

    botocore does not send a ModelNotReadyException again by itself: a serverless endpoint is started by the request.
    """
    if refused.code == "ModelError":
        return TargetUnavailable(f"no answer in time: {refused.said[:300]}", transient=True, where=endpoint)
    if refused.code in ("ModelStreamError", "InternalStreamFailure"):
        said = refused.said[:300] or refused.code
        return TargetUnavailable(f"the answer ended before its end: {said}", transient=True, where=endpoint)
    if refused.code in _NOT_READY:
        return TargetUnavailable(
            f"it does not answer yet: {refused.said[:300] or refused.code}", transient=True, where=endpoint
        )
    if refused.missing:
        return NotFound(f"there is no endpoint {endpoint}", hint="deployer list")
    return None


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
