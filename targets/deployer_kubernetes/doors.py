"""Where endpoints are asked: at their Service from inside the cluster, else at a pod behind it, by a port-forward."""

from __future__ import annotations

import http.client
import itertools
import time
from dataclasses import replace

from deployer.errors import NotFound, TargetUnavailable
from deployer.target import Request, Response
from deployer.target.container import Asked
from deployer.target.exchange import exchange
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Facts, PodFact
from deployer_kubernetes.forwarding import Unsent, send_to_pod
from deployer_kubernetes.gateway.objects import GATEWAY_PORT
from deployer_kubernetes.gateway.url import ask_by_route
from deployer_kubernetes.ingress import ingress_url
from deployer_kubernetes.scaling.facts import ActivatorFact
from deployer_kubernetes.survey import survey

__all__ = ["Doors"]

_PAUSES = (0.1, 0.3)
"""Seconds before it is looked again where a request can be sent."""

_GATEWAY = Asked(GATEWAY_PORT)


class Doors:
    """The ways into a namespace's endpoints.

    Args:
        cluster: The namespace.
        site: The target's name.
    """

    def __init__(self, cluster: Cluster, site: str) -> None:
        self._cluster = cluster
        self._site = site
        self._turn = itertools.count()

    def send(self, endpoint: str, request: Request) -> Response:
        """As `deployer.target.Target.invoke`."""
        # What is read of a cluster is not of one moment: while traffic moves, what is told may be gone already.
        for pause in _PAUSES:
            try:
                return self._send(endpoint, request)
            except Unsent:
                time.sleep(pause)
        return self._send(endpoint, request)

    def _send(self, endpoint: str, request: Request) -> Response:
        facts = self._facts(endpoint)
        service = facts.service
        if facts.route is not None and facts.route.url:
            answer = ask_by_route(facts.route.url, request, endpoint)
            if answer is not None:
                return answer
        outside = ingress_url(facts.record.spec if facts.record is not None else None)
        if outside and service is not None:
            mapped = _GATEWAY if service.gateway else self._asked(facts, service.revision)
            answer = ask_by_route(outside, _to(mapped, request), endpoint)
            if answer is not None:
                return answer
        if service is None or not (service.revision or service.gateway):
            raise _nothing(endpoint, self._site)
        if service.activator:
            return self._by_activator(facts, service.revision, request)
        # A gateway knows what paths its servers have.
        asked = _GATEWAY if service.gateway else self._asked(facts, service.revision)
        if self._cluster.inside:
            way = http.client.HTTPConnection(f"{endpoint}.{facts.namespace}.svc", service.port, timeout=request.timeout)
            return exchange(way, _to(asked, request), endpoint)
        if service.gateway:
            wished = facts.gateway.wished if facts.gateway is not None else None
            if wished is not None and not wished.shares:
                raise _nothing(endpoint, self._site)
            ready = facts.gateway.ready if facts.gateway is not None else ()
            return self._to_one([*ready], asked, f"{endpoint}'s gateway", request)
        behind = [each for each in facts.pods if each.name in service.behind and each.ready]
        # What the selector has just been led to may not be among the Service's addresses yet.
        pods = behind or [each for each in facts.live(service.revision) if each.ready]
        return self._to_one(pods, asked, endpoint, request)

    def send_to(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `deployer.target.InvokesRevision.invoke_revision`."""
        facts = self._facts(endpoint)
        marked = replace(request, headers={**request.headers, "Deployer-Revision": revision})
        live = [each for each in facts.live(revision) if each.ready]
        if not live and facts.service is not None and facts.service.activator and facts.service.revision == revision:
            return self._by_activator(facts, revision, marked)  # it sleeps
        return self._to_one(live, self._asked(facts, revision), f"{revision} of {endpoint}", marked)

    def _by_activator(self, facts: Facts, revision: str, request: Request) -> Response:
        """As all others come there: what comes another way would neither wake it nor keep it awake."""
        asked = self._asked(facts, revision)
        if self._cluster.inside:
            port = facts.service.port if facts.service is not None else 80
            way = http.client.HTTPConnection(f"{facts.name}.{facts.namespace}.svc", port, timeout=request.timeout)
            answer = exchange(way, _to(asked, request), facts.name)
        else:
            activator = facts.activator if facts.activator is not None else ActivatorFact()
            ready, what = [*activator.ready], f"{facts.name}'s activator"
            answer = self._to_one(ready, Asked(activator.port), what, _to(asked, request))
        if asked.invocations is None:
            return answer
        return replace(answer, headers={**answer.headers, "deployer-revision": revision})

    def _facts(self, endpoint: str) -> Facts:
        facts = survey(self._cluster, endpoint, self._site, asking=False)
        if not facts.there:
            raise NotFound(f"there is no endpoint {endpoint}", where=self._site, hint="deployer list")
        return facts

    @staticmethod
    def _asked(facts: Facts, revision: str) -> Asked:
        server = facts.server(revision)
        return server.asked if server is not None else Asked()

    def _to_one(self, pods: list[PodFact], asked: Asked, what: str, request: Request) -> Response:
        """Each pod in its turn."""
        if not pods:
            raise Unsent(f"no pod of {what} is ready", transient=True, where=self._site)
        pod = pods[next(self._turn) % len(pods)]
        answer = send_to_pod(self._cluster, pod.name, asked.port, _to(asked, request))
        if asked.invocations is None:
            return answer
        # A ready image's server does not say what it is; its pod's marks do.
        return replace(answer, headers={**answer.headers, "deployer-revision": pod.revision})


def _nothing(endpoint: str, site: str) -> TargetUnavailable:
    return TargetUnavailable(
        f"{endpoint} serves no revision", transient=True, where=site, hint=f"deployer status {endpoint}"
    )


def _to(asked: Asked, request: Request) -> Request:
    """The request as a ready image's server takes it, which has paths of its own."""
    own = {"/invocations": asked.invocations, "/ready": asked.ready}.get(request.path)
    return replace(request, path=own) if own is not None else request
