"""Where endpoints are asked: at their Service from inside the cluster, else at a pod behind it, by a port-forward."""

from __future__ import annotations

import http.client
import itertools
from dataclasses import replace

from deployer.errors import NotFound, TargetUnavailable
from deployer.target import Request, Response
from deployer.target.container import Asked
from deployer.target.exchange import exchange
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Facts, PodFact
from deployer_kubernetes.forwarding import send_to_pod
from deployer_kubernetes.survey import survey

__all__ = ["Doors"]


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
        facts = self._facts(endpoint)
        service = facts.service
        if service is None or not service.revision:
            raise TargetUnavailable(
                f"{endpoint} serves no revision", transient=True, where=self._site, hint=f"deployer status {endpoint}"
            )
        asked = self._asked(facts, service.revision)
        if self._cluster.inside:
            way = http.client.HTTPConnection(f"{endpoint}.{facts.namespace}.svc", service.port, timeout=request.timeout)
            return exchange(way, _to(asked, request), endpoint)
        behind = [each for each in facts.pods if each.name in service.behind and each.ready]
        # What the selector has just been led to may not be among the Service's addresses yet.
        pods = behind or [each for each in facts.live(service.revision) if each.ready]
        return self._to_one(pods, asked, endpoint, request)

    def send_to(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `deployer.target.InvokesRevision.invoke_revision`."""
        facts = self._facts(endpoint)
        marked = replace(request, headers={**request.headers, "Deployer-Revision": revision})
        live = [each for each in facts.live(revision) if each.ready]
        return self._to_one(live, self._asked(facts, revision), f"{revision} of {endpoint}", marked)

    def _facts(self, endpoint: str) -> Facts:
        facts = survey(self._cluster, endpoint, self._site)
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
            raise TargetUnavailable(f"no pod of {what} is ready", transient=True, where=self._site)
        pod = pods[next(self._turn) % len(pods)]
        answer = send_to_pod(self._cluster, pod.name, asked.port, _to(asked, request))
        if asked.invocations is None:
            return answer
        # A ready image's server does not say what it is; its pod's marks do.
        return replace(answer, headers={**answer.headers, "deployer-revision": pod.revision})


def _to(asked: Asked, request: Request) -> Request:
    """The request as a ready image's server takes it, which has paths of its own."""
    own = {"/invocations": asked.invocations, "/ready": asked.ready}.get(request.path)
    return replace(request, path=own) if own is not None else request
