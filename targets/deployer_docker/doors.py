"""Where endpoints are asked: at the port of their gateway, or through the engine when that is elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from deployer.errors import NotFound, TargetUnavailable
from deployer.target import Request, Response
from deployer_docker.client import EngineAddress, is_missing, told
from deployer_docker.facts import ContainerFact
from deployer_docker.marks import usable_name
from deployer_docker.survey import holdings
from deployer_docker.tunnel import send_through
from deployer_docker.wire import send

__all__ = ["Doors"]

_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where an endpoint listens everywhere, it is called here


class Doors:
    """The gateways of an engine's endpoints, each remembered by its container.

    Args:
        api: docker-py's low-level client.
        address: The engine's.
        site: The target's name.
    """

    def __init__(self, api: Any, address: EngineAddress, site: str) -> None:
        self._api = api
        self._address = address
        self._site = site
        self._known: dict[str, ContainerFact] = {}

    def send(self, endpoint: str, request: Request) -> Response:
        """As `deployer.target.Target.invoke`."""
        door = self._find(endpoint)
        tls = bool(door.labels.get("tls"))
        if self._address.local:
            host = door.labels.get("host", "127.0.0.1")
            return _of_replica(send(_NEAR.get(host, host), int(door.labels["port"]), request, tls=tls), door.name)
        if tls:
            raise TargetUnavailable(
                f"{endpoint} has TLS and its engine is elsewhere, so it is not called through the engine",
                where=door.name, hint="call it by its own address",
            )  # fmt: skip
        return _of_replica(send_through(self._api, door.id, request), door.name)

    def send_to(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `deployer.target.InvokesRevision.invoke_revision`."""
        asked = replace(request, headers={**request.headers, "Deployer-Revision": revision})
        answer = self.send(endpoint, asked)
        if answer.status == 421 and answer.revision is None:
            raise TargetUnavailable(f"the gateway does not know {revision} (yet)", transient=True, where=endpoint)
        return answer

    def _find(self, endpoint: str) -> ContainerFact:
        """The gateway, if it is still that container."""
        known = self._known.get(endpoint)
        if known is not None and self._is_there(known.id):
            return known
        self._known.pop(endpoint, None)
        fact = holdings(self._api, endpoint).gateway if usable_name(endpoint) else None
        if fact is None:
            raise NotFound(f"there is no endpoint {endpoint}", where=self._site, hint="deployer list")
        if fact.status != "running":
            raise TargetUnavailable(
                f"the gateway of {endpoint} does not run", transient=True, hint=f"deployer status {endpoint}"
            )
        self._known[endpoint] = fact
        return fact

    def _is_there(self, container: str) -> bool:
        with told("look for the gateway", container[:12]):
            try:
                return bool(self._api.inspect_container(container)["State"]["Running"])
            except Exception as error:
                if is_missing(error):
                    return False
                raise


def _of_replica(answer: Response, where: str) -> Response:
    """The answer, if it is not the gateway's own for want of a replica that could give one.

    Raises:
        TargetUnavailable: It is; transient.
    """
    if answer.status == 503 and answer.revision is None and b'"TEMPORARILY_UNAVAILABLE"' in answer.body:
        said = json.loads(answer.body).get("message", "") if answer.body.startswith(b"{") else ""
        raise TargetUnavailable(f"nobody serves: {said[:1].lower()}{said[1:].rstrip('.')}", transient=True, where=where)
    return answer
