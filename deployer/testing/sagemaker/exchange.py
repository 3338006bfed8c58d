"""What goes to a container and what comes back: a whole answer, a stream, or ModelError."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.testing.sagemaker import eventstream
from deployer.testing.sagemaker.answers import Answer, Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.instance import Instance
    from deployer.testing.sagemaker.state import Endpoint, Region

__all__ = ["Sent", "Told", "model_error", "streamed", "through", "whole"]


@dataclass(frozen=True)
class Told:
    """A container's answer."""

    status: int
    headers: Mapping[str, str]
    body: Iterator[bytes]


@dataclass(frozen=True)
class Sent:
    """A request for an instance.

    Attributes:
        body: Of the invocation.
        headers: Beside it.
        seconds: Real ones that each container has.
        hostname: The container that is asked directly; empty for the pipeline.
        serial: Whether the containers are a pipeline.
    """

    body: bytes
    headers: Mapping[str, str]
    seconds: float
    hostname: str
    serial: bool


def through(instance: Instance, sent: Sent) -> Told:
    """The answer of the container that is asked, or of the last of a pipeline."""
    names = instance.hostnames
    if sent.hostname and sent.hostname not in names:
        raise Refusal("ValidationError", f"Container {sent.hostname} not found in the model.")
    asked = [sent.hostname] if sent.hostname else names if sent.serial else names[:1]
    body, headers = sent.body, dict(sent.headers)
    for name in asked[:-1]:
        response, connection = instance.ask(body, headers, sent.seconds, name)
        body = response.read()
        connection.close()
        if response.status >= 400:
            return Told(response.status, dict(response.getheaders()), iter([body]))
        headers["Content-Type"] = response.getheader("Content-Type") or headers["Content-Type"]
    response, connection = instance.ask(body, headers, sent.seconds, asked[-1])
    return Told(response.status, dict(response.getheaders()), _pieces(response, connection))


def _pieces(response: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[bytes]:
    try:
        while data := response.read1(65536):
            yield data
        if response.length:  # what was promised and did not come
            raise http.client.IncompleteRead(b"", response.length)
    finally:
        connection.close()


def model_error(region: Region, endpoint: Endpoint, status: int, text: str) -> Refusal:
    """Recorded: code, status and members; the sentence is told in many public issues."""
    side, group = "client" if 400 <= status < 500 else "server", f"/aws/sagemaker/Endpoints/{endpoint.name}"
    console = f"https://{region.name}.console.aws.amazon.com/cloudwatch/home?region={region.name}"
    return Refusal(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text}". See {console}#logEventViewer:'
        f"group={group} in account {region.account} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=f"arn:{region.partition}:logs:{region.name}:{region.account}:log-group:{group}",
    )


def _common(told: Told, variant: str) -> dict[str, str]:
    headers = {"x-Amzn-Invoked-Production-Variant": variant}
    for key, value in told.headers.items():
        if key.lower() == "x-amzn-sagemaker-custom-attributes":
            headers["X-Amzn-SageMaker-Custom-Attributes"] = value
    return headers


def _kind(told: Told) -> str:
    return next(
        (value for key, value in told.headers.items() if key.lower() == "content-type"), "application/octet-stream"
    )


def whole(told: Told, variant: str) -> Answer:
    """The answer of InvokeEndpoint.

    Raises:
        Refusal: ModelError: the container broke off.
    """
    try:
        body = b"".join(told.body)
    except (OSError, http.client.HTTPException) as error:
        raise Refusal(
            "ModelError",
            f"could not load the entire response body: {error}",
            424,
            OriginalStatusCode=told.status,
            OriginalMessage="",
        ) from error
    return Answer(200, {"Content-Type": _kind(told), **_common(told, variant)}, [body])


def streamed(told: Told, variant: str) -> Answer:
    """The answer of InvokeEndpointWithResponseStream, in events."""
    headers = {
        "Content-Type": "application/vnd.amazon.eventstream",
        "X-Amzn-SageMaker-Content-Type": _kind(told),
        **_common(told, variant),
    }
    return Answer(200, headers, _events(told.body))


def _events(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Recorded (the service model): PayloadPart, or ModelStreamError with its two codes."""
    try:
        for piece in pieces:
            yield eventstream.event("PayloadPart", piece)
    except (OSError, http.client.HTTPException) as error:
        code = "ModelInvocationTimeExceeded" if isinstance(error, TimeoutError) else "StreamBroken"
        text = json.dumps({"Message": str(error), "ErrorCode": code})
        yield eventstream.failure("ModelStreamError", text.encode())
