"""InvokeEndpointAsync: the input from S3 or inline, the output to S3, in the background."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.artifacts import Missing, place
from deployer.testing.sagemaker.metrics import About

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Endpoint, Region
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Queue"]

_CONCURRENT = 4
"""Guessed: what an instance takes at once where MaxConcurrentInvocationsPerInstance is not given."""


class Queue:
    """The requests that wait.

    Args:
        world: The double.
        ask: How an instance is asked: `deployer.testing.sagemaker.runtime.Runtime.ask`.
    """

    def __init__(self, world: World, ask: Callable[..., Any]) -> None:
        self._world, self._ask = world, ask
        self._lock = threading.Lock()
        self._slots: dict[str, threading.Semaphore] = {}
        self._waiting: dict[str, int] = {}

    def add(self, region: Region, endpoint: Endpoint, config: Mapping[str, Any], call: Call) -> dict[str, str]:
        """Take a request; what becomes of it is seen in S3 alone.

        Returns:
            InferenceId, OutputLocation, and FailureLocation where the configuration has a path for it.

        Raises:
            Refusal: Neither or both of body and location are there, or the body is too large (recorded: the model).
        """
        asked, limit = call.parameters, self._world.options.limits.inline_async_payload
        location = asked.get("InputLocation")
        if bool(location) == bool(call.body):
            raise Refusal("ValidationError", "Exactly one of Body and InputLocation must be specified.")
        if len(call.body) > limit:
            raise Refusal(
                "ValidationError", f"Request body of {len(call.body)} bytes exceeds the limit of {limit} bytes.", 413
            )
        name, output = str(uuid.uuid4()), config["OutputConfig"]
        done = {
            "InferenceId": str(asked.get("InferenceId") or uuid.uuid4()),
            "OutputLocation": f"{str(output['S3OutputPath']).rstrip('/')}/{name}.out",
        }
        if output.get("S3FailurePath"):
            done["FailureLocation"] = f"{str(output['S3FailurePath']).rstrip('/')}/{name}-error.out"
        most = int((config.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance") or _CONCURRENT)
        with self._lock:
            slots = self._slots.setdefault(endpoint.arn, threading.Semaphore(most))
        self._backlog(region, endpoint, 1)
        began = self._world.clock.now()

        def work() -> None:
            with slots:
                self._backlog(region, endpoint, -1)
                self._do(region, endpoint, call, began, done)

        self._world.spawn(work, f"async {endpoint.name}")
        return dict(done)

    def _backlog(self, region: Region, endpoint: Endpoint, more: int) -> None:
        with self._lock:
            self._waiting[endpoint.arn] = waiting = self._waiting.get(endpoint.arn, 0) + more
        about = About(region.account, region.name, endpoint.name)
        self._world.figures.add(self._world.clock.now(), about, "ApproximateBacklogSize", float(waiting), "Count")

    def _do(self, region: Region, endpoint: Endpoint, call: Call, began: float, done: Mapping[str, str]) -> None:
        s3, asked = self._world.inside.client("s3", region.name, region.account), call.parameters
        seconds = float(asked.get("InvocationTimeoutSeconds") or 900)
        try:
            if self._world.clock.now() - began > float(asked.get("RequestTTLSeconds") or 21600):
                raise Refusal("ValidationError", "The request was not processed within RequestTTLSeconds.")
            body = call.body or _input(s3, str(asked["InputLocation"]))
            headers = {"Content-Type": str(asked.get("ContentType", "application/octet-stream"))}
            headers["Accept"] = str(asked.get("Accept", "*/*"))
            for key, header in (("CustomAttributes", "Custom-Attributes"), ("InferenceId", "Inference-Id")):
                if key in asked:
                    headers[f"X-Amzn-SageMaker-{header}"] = str(asked[key])
            told, _ = self._ask(region, endpoint, body, headers, seconds, limited=False)
            answered, location = b"".join(told.body), done["OutputLocation"]
        except (Refusal, Missing, OSError) as error:
            if "FailureLocation" not in done:
                return
            text = error.message or "" if isinstance(error, Refusal) else str(error)
            answered, location = text.encode(), done["FailureLocation"]
        bucket, key = place(location)
        s3.put_object(Bucket=bucket, Key=key, Body=answered)


def _input(s3: Any, location: str) -> bytes:
    bucket, key = place(location)
    try:
        data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        raise Missing(location, str(error)) from error
    return data
