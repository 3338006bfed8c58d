"""SageMaker's data plane: InvokeEndpoint and its two sisters."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from deployer.testing.sagemaker import capture
from deployer.testing.sagemaker.answers import Answer, Refusal, said
from deployer.testing.sagemaker.asynchronous import Queue
from deployer.testing.sagemaker.exchange import Sent, Told, model_error, streamed, through, whole
from deployer.testing.sagemaker.metrics import About
from deployer.testing.sagemaker.validation import validate

if TYPE_CHECKING:
    from deployer.testing.sagemaker.instance import Instance
    from deployer.testing.sagemaker.state import Endpoint, Region, Variant
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Runtime"]

_SENT = {
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
"""What is handed to the container beside the body (documented: API reference, InvokeEndpoint)."""

_COLD = 300.0
"""Nominal seconds without a request after which a serverless endpoint is cold (guessed)."""


class Runtime:
    """Answers SageMakerRuntime's calls.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = Queue(world, self.ask)
        self._lock = threading.Lock()
        self._running: dict[int, int] = {}
        self._random = random.Random()  # noqa: S311 - it splits traffic

    def answer(self, call: Call, account: str) -> Answer:
        """Do it.

        Raises:
            Refusal: With the runtime's own codes and statuses (recorded: the service model).
        """
        parameters = {key: value for key, value in call.parameters.items() if key != "Body"}
        validate(
            call.operation,
            parameters if call.operation == "InvokeEndpointAsync" else {**parameters, "Body": b""},
            unknown=False,
            runtime=True,
        )
        name, region = str(parameters["EndpointName"]), self._world.region(account, call.region)
        endpoint = region.endpoints.get(name)
        if endpoint is None or not self._serves(endpoint) or endpoint.fleet is None:
            raise Refusal("ValidationError", f"Endpoint {name} of account {account} not found.")
        asynchronous = endpoint.fleet.config.request.get("AsyncInferenceConfig")
        if call.operation == "InvokeEndpointAsync":
            if not asynchronous:
                raise Refusal("ValidationError", f"Endpoint {name} is not an asynchronous endpoint.")
            done = self._queue.add(region, endpoint, asynchronous, call)
            plain = said({"InferenceId": done.pop("InferenceId")}, "rest-json", status=202)
            return Answer(
                202, {**plain.headers, **{f"X-Amzn-SageMaker-{key}": value for key, value in done.items()}}, plain.body
            )
        if asynchronous:
            raise Refusal("ValidationError", f"Endpoint {name} is an asynchronous endpoint: use InvokeEndpointAsync.")
        stream = call.operation == "InvokeEndpointWithResponseStream"
        seconds = self._world.options.durations.stream if stream else self._world.options.durations.invocation
        headers = {_SENT[key]: str(parameters[key]) for key in _SENT if key in parameters}
        headers["Content-Type"] = str(parameters.get("ContentType", "application/octet-stream"))
        headers["Accept"] = str(parameters.get("Accept", "*/*"))
        told, variant = self.ask(
            region,
            endpoint,
            call.body,
            headers,
            seconds,
            target=str(parameters.get("TargetVariant", "")),
            hostname=str(parameters.get("TargetContainerHostname", "")),
        )
        if stream:
            return streamed(told, variant)
        answer = whole(told, variant)
        output = (answer.headers["Content-Type"], b"".join(answer.body))
        capture.keep(self._world, region, endpoint, variant, input=(headers["Content-Type"], call.body), output=output)
        return answer

    def _serves(self, endpoint: Endpoint) -> bool:
        if endpoint.status == "Deleting":
            return not self._world.guesses["stops-answering-at-delete"]
        return endpoint.status not in ("Creating", "Failed", "OutOfService")

    def ask(
        self,
        region: Region,
        endpoint: Endpoint,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        *,
        target: str = "",
        hostname: str = "",
        limited: bool = True,
    ) -> tuple[Told, str]:
        """Ask one instance, and count it.

        Returns:
            Its answer, which is below 400, and the variant's name.

        Raises:
            Refusal: ModelError with the container's own status and text; or there is nobody to ask.
        """
        variant, instance = self._choose(endpoint, target)
        try:
            return self._ask(
                region,
                endpoint,
                (variant, instance),
                Sent(body, headers, seconds, hostname, self._serial(variant)),
                limited,
            )
        finally:
            instance.underway.end()

    def _ask(
        self, region: Region, endpoint: Endpoint, chosen: tuple[Variant, Instance], sent: Sent, limited: bool
    ) -> tuple[Told, str]:
        variant, instance = chosen
        limits = self._world.options.limits
        most = limits.serverless_payload if variant.serverless else limits.payload
        if limited and len(sent.body) > most:
            # Guessed: the status. The code is the only one that the service model has for it.
            raise Refusal(
                "ValidationError", f"Request body of {len(sent.body)} bytes exceeds the limit of {most} bytes.", 413
            )
        if variant.serverless:
            self._admit(region, endpoint, variant)
        self._mirror(endpoint, sent.body, sent.headers, sent.seconds)
        began = self._world.clock.now()
        with self._lock:
            self._running[id(variant)] = self._running.get(id(variant), 0) + 1
        try:
            told = through(instance, sent)
        except OSError as error:
            self._count(region, endpoint, variant, began, 500)
            text = "Your invocation timed out while waiting for a response from container primary."
            raise model_error(region, endpoint, 0, text) from error
        except http.client.HTTPException as error:
            self._count(region, endpoint, variant, began, 500)
            raise model_error(region, endpoint, 0, str(error)) from error
        finally:
            with self._lock:
                self._running[id(variant)] -= 1
        self._count(region, endpoint, variant, began, told.status)
        if told.status >= 400:
            raise model_error(region, endpoint, told.status, b"".join(told.body).decode(errors="replace"))
        return told, variant.name

    def _choose(self, endpoint: Endpoint, target: str) -> tuple[Variant, Instance]:
        """Documented: a variant by its weight, or the one that the request names; then any of its instances.

        The request is on its way to that from now on.
        """
        while True:
            variant, instance = self._picked(endpoint, target)
            if instance.underway.begin():
                return variant, instance

    def _picked(self, endpoint: Endpoint, target: str) -> tuple[Variant, Instance]:
        with self._world.lock:
            for instance in endpoint.instances:
                if instance.ended and instance.ready:
                    self._world.spawn(instance.mend, f"mend {instance.id}")
            fleets = [each for each in endpoint.fleets if each.share > 0]
            if endpoint.status == "UpdateRollbackFailed" and endpoint.leaving is not None:
                fleets = [each for each in (endpoint.fleet, endpoint.leaving) if each is not None]
            found = [
                (variant, (fleet.share or 1.0) * variant.weight)
                for fleet in fleets
                for variant in fleet.variants
                if not variant.shadow and target in ("", variant.name)
            ]
            if not found:
                raise Refusal("ValidationError", f"Variant {target} not found for endpoint {endpoint.name}.")
            weights = [weight for _, weight in found]
            chosen = self._random.choices(found, weights if any(weights) else None)[0][0]
            ready = [each for each in chosen.ready if not (each.ended or each.underway.closed)]
        if not ready:
            raise Refusal("ServiceUnavailable", f"No instance of variant {chosen.name} is healthy.", 503)
        return chosen, self._random.choice(ready)

    def _admit(self, region: Region, endpoint: Endpoint, variant: Variant) -> None:
        """Hold a serverless endpoint to its concurrency (documented), and let it be cold where that is the guess."""
        config = variant.serverless or {}
        now, times = self._world.clock.now(), endpoint.invoked.setdefault(variant.name, [])
        cold = not config.get("ProvisionedConcurrency") and (not times or now - times[-1] > _COLD)
        if cold and self._world.guesses["cold-start-refused"]:
            times.append(now)
            raise Refusal("ModelNotReadyException", f"The model of endpoint {endpoint.name} is not ready.", 429)
        if self._running.get(id(variant), 0) >= int(config.get("MaxConcurrency", 1)):
            about = About(region.account, region.name, endpoint.name, variant.name)
            self._world.figures.add(now, about, "Invocation4XXErrors", 1.0)
            raise Refusal("ThrottlingException", "Rate exceeded", 400)

    def _mirror(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
        """Send a copy to each shadow variant; what it answers is thrown away (documented: shadow tests)."""
        variants = endpoint.fleet.variants if endpoint.fleet is not None else []
        for variant in variants:
            if variant.shadow and variant.ready:
                self._world.spawn(partial(_forget, variant.ready[0], body, headers, seconds), "shadow")

    def _serial(self, variant: Variant) -> bool:
        """Documented: containers of a pipeline are asked one after the other, unless they are asked directly."""
        request = variant.model.request if variant.model is not None else {}
        return str((request.get("InferenceExecutionConfig") or {}).get("Mode", "Serial")) == "Serial"

    def _count(self, region: Region, endpoint: Endpoint, variant: Variant, began: float, status: int) -> None:
        now, figures = self._world.clock.now(), self._world.figures
        endpoint.invoked.setdefault(variant.name, []).append(now)
        about = About(region.account, region.name, endpoint.name, variant.name)
        figures.add(now, about, "Invocations", 1.0)
        figures.add(now, about, "Invocation4XXErrors", float(400 <= status < 500))
        figures.add(now, about, "Invocation5XXErrors", float(status >= 500))
        figures.add(now, about, "ModelLatency", (now - began) * self._world.clock.scale * 1e6, "Microseconds")
        figures.add(now, about, "OverheadLatency", 1000.0, "Microseconds")


def _forget(instance: Instance, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    try:
        response, connection = instance.ask(body, headers, seconds)
    except (OSError, http.client.HTTPException):
        return
    response.read()
    connection.close()
