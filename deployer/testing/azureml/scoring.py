"""The scoring URI: who may ask, which deployment answers, and what its container says.

Documented: Troubleshoot online endpoints, "HTTP status codes"; Safe rollout, the header azureml-model-deployment.
"""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deployer.testing.azureml.answers import Answer, Refusal
from deployer.testing.azureml.figures import Scored
from deployer.testing.azureml.identity import AUDIENCES

if TYPE_CHECKING:
    from deployer.testing.azureml.instance import Instance
    from deployer.testing.azureml.state import Deployment, Endpoint
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["ACTION", "authorize", "score"]

ACTION = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"
"""What a caller by Entra needs (documented: Authenticate clients for online endpoints)."""

_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "authorization", "te", "upgrade"}
)


def _endpoint(world: World, asked: Asked) -> Endpoint:
    found = world.endpoint(asked.names["endpoint"])
    if found is None or found[1].state in ("Creating", "Deleting") or found[1].stopped.is_set():
        raise Refusal(404, "NotFound", "")
    return found[1]


def authorize(world: World, asked: Asked) -> tuple[str, bool]:
    """Who asks, and whether by Entra, so that a role must allow it.

    Raises:
        Refusal: 401, 404 of an endpoint that is not there.
    """
    endpoint = _endpoint(world, asked)
    kind, _, value = asked.call.headers.get("authorization", "").partition(" ")
    reason = {"ms-azureml-model-error-reason": "authorization_failed", "ms-azureml-model-error-statuscode": "401"}
    if kind.lower() == "bearer" and value:
        if endpoint.mode == "Key" and value in endpoint.keys.values():
            return "key", False
        claims = world.tokens.read(value) if endpoint.mode != "Key" else None
        wanted = (endpoint.id.lower(),) if endpoint.mode == "AMLToken" else AUDIENCES["ml"]
        if claims is not None and claims["exp"] > world.now() and claims["aud"] in wanted:
            return str(claims["oid"]), endpoint.mode == "AADToken"
    text = "key_auth_access_denied" if endpoint.mode == "Key" else "token_auth_access_denied"
    raise Refusal(401, "Unauthorized", text, headers=reason)


def score(world: World, asked: Asked) -> Answer:
    """Ask a deployment, and mirror the request where that is wished."""
    endpoint = _endpoint(world, asked)
    if asked.names["path"] == "/swagger.json":
        raise Refusal(404, "NotFound", "")
    pinned = asked.call.headers.get("azureml-model-deployment", "")
    deployment = _picked(world, endpoint, pinned)
    if not pinned:
        _mirrored(world, asked, endpoint)
    instance = _held(world, deployment)
    if instance is None and deployment.stopped.is_set():  # removed since, so its traffic had moved before
        deployment = _picked(world, endpoint, pinned)
        instance = _held(world, deployment)
    return _asked(world, asked, endpoint, (deployment, instance))


def _picked(world: World, endpoint: Endpoint, pinned: str) -> Deployment:
    with world.lock:
        if pinned:
            found = endpoint.deployments.get(pinned.lower())
            failed = found is not None and found.state == "Failed"
            good = found is not None and (not failed or world.guesses["deployment-header-picks-failed"])
            if found is not None and good and found.instances:
                return found
        else:
            shares = [(name, share) for name, share in endpoint.traffic.items() if share]
            routed = [
                (endpoint.deployments[name.lower()], share)
                for name, share in shares
                if name.lower() in endpoint.deployments
            ]
            if routed:
                return random.choices([each for each, _ in routed], [share for _, share in routed])[0]  # noqa: S311
            if endpoint.deployments and not world.guesses["unroutable-is-404"]:
                raise Refusal(503, "Unavailable", "no healthy upstream")
    raise Refusal(
        404,
        "NotFound",
        "No valid deployments to route to. Please check that the endpoint has at least one deployment "
        "with positive weight values or use a deployment specific header to route.",
    )


def _mirrored(world: World, asked: Asked, endpoint: Endpoint) -> None:
    with world.lock:
        chosen = [
            endpoint.deployments[name.lower()]
            for name, share in endpoint.mirror.items()
            if name.lower() in endpoint.deployments and random.uniform(0, 100) < share  # noqa: S311
        ]

    def work(deployment: Deployment) -> None:
        try:
            answer = _asked(world, asked, endpoint, (deployment, _held(world, deployment)), mirrored=True)
        except Refusal:
            return
        if not isinstance(answer.body, bytes):
            for _ in answer.body:
                pass

    for each in chosen:
        world.spawn(lambda each=each: work(each), f"mirror of {endpoint.name}")  # type: ignore[misc]


def _asked(
    world: World,
    asked: Asked,
    endpoint: Endpoint,
    chosen: tuple[Deployment, Instance | None],
    *,
    mirrored: bool = False,
) -> Answer:
    deployment, instance = chosen
    began, status, said = time.monotonic(), 0, 0
    try:
        if instance is None:
            raise Refusal(
                503, "Unavailable", "no healthy upstream", headers=_why("no_healthy_instance", 503, deployment)
            )  # guessed: the documents have 502 and 503 of Kubernetes alone
        with world.lock:
            if deployment.pending >= 2 * instance.serving.concurrency * len(deployment.instances):
                raise Refusal(
                    429,
                    "TooManyRequests",
                    "Too many pending requests: more than twice "
                    "max_concurrent_requests_per_instance times the number of instances.",
                    headers=_why("too_many_requests", 429, deployment),
                )
            deployment.pending += 1
        try:
            answer, said = _through(world, asked, deployment, instance)
        finally:
            with world.lock:
                deployment.pending -= 1
        status = answer.status
    except Refusal as refusal:
        status = refusal.status
        raise
    else:
        return answer
    finally:
        if instance is not None:
            instance.underway.end()
        passed = time.monotonic() - began
        world.figures.score(Scored(world.now(), endpoint.name, deployment.name, status, said, passed, mirrored))


def _held(world: World, deployment: Deployment) -> Instance | None:
    """One of its instances that answers, to which the request is on its way from now on; None where none does."""
    for each in [one for one in deployment.instances if one.ready and one.ended]:
        world.spawn(each.mend, f"restart of {deployment.name}")
    while ready := [each for each in deployment.ready if not (each.ended or each.underway.closed)]:
        deployment.turn += 1
        found = ready[deployment.turn % len(ready)]
        if found.underway.begin():
            return found
    return None


def _why(reason: str, status: int, deployment: Deployment) -> dict[str, str]:
    return {
        "ms-azureml-model-error-reason": reason,
        "ms-azureml-model-error-statuscode": str(status),
        "azureml-model-deployment": deployment.name,
    }


def _through(world: World, asked: Asked, deployment: Deployment, instance: Instance) -> tuple[Answer, int]:
    """The container's answer, and its status.

    Documented: another status than 200 is 424, with the container's in a header; no answer in time is 408.
    """
    del world
    call, path = asked.call, asked.names["path"]
    query = call.target.partition("?")[2]
    sent = {key: value for key, value in call.headers.items() if key not in _HOP}
    target = f"{path}?{query}" if query else path
    try:
        response, connection = instance.ask(call.method, target, call.body, sent, instance.serving.timeout)
    except TimeoutError as error:
        raise Refusal(408, "Timeout", "", headers=_why("model_timeout", 408, deployment)) from error
    except (OSError, http.client.HTTPException) as error:
        raise Refusal(
            502, "BadGateway", "upstream connect error", headers=_why("model_crashed", 502, deployment)
        ) from error
    headers = {key: value for key, value in response.getheaders() if key.lower() not in _HOP}
    headers |= {"azureml-model-deployment": deployment.name}
    if response.status != 200:
        body = response.read()
        connection.close()
        return Answer(424, {**headers, **_why("model_error", response.status, deployment)}, body), response.status
    if (length := response.getheader("Content-Length")) is not None and int(length) < 1 << 20:
        try:
            body = response.read()
        except TimeoutError as error:
            raise Refusal(408, "Timeout", "", headers=_why("model_timeout", 408, deployment)) from error
        finally:
            connection.close()
        return Answer(200, headers, body), 200
    return Answer(200, headers, _pieces(response, connection)), 200


def _pieces(response: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[bytes]:
    """What comes, as it comes."""
    try:
        while piece := response.read1(65536):
            yield piece
    finally:
        connection.close()
