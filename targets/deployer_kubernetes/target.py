"""The Kubernetes target: the verbs, each of which reads what is there and sends a few objects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Record, Release, Traffic
from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer.target import (
    Autoscales,
    Check,
    Diagnoses,
    ImageSink,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Orphan,
    Orphans,
    Preflight,
    RegistryPlace,
    Renderable,
    Request,
    Response,
    Site,
    Target,
    Watches,
    ensure_held,
)
from deployer.value import JSON
from deployer_kubernetes import logs, orphans, secrets
from deployer_kubernetes.client import Cluster, connect
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.diagnose import diagnosis_of
from deployer_kubernetes.doors import Doors
from deployer_kubernetes.evidence import evidence_of
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.marks import REVISION, usable_name
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.policies import leave_policy
from deployer_kubernetes.preflight import checks
from deployer_kubernetes.record import Records
from deployer_kubernetes.rendering import documents
from deployer_kubernetes.requests import (
    budget,
    deployment_name,
    service,
    service_account,
    traffic_selector,
)
from deployer_kubernetes.staging import Staging
from deployer_kubernetes.survey import foreign_to, holdings, survey, survey_all
from deployer_kubernetes.watching import Watcher
from deployer_kubernetes.writing import Hand, manager_of

__all__ = ["KubernetesTarget"]

_FIRST = ("HorizontalPodAutoscaler", "Service", "Deployment")
_THEN = ("PodDisruptionBudget", "Secret", "ServiceAccount")


class KubernetesTarget(
    Target,
    Logs,
    Diagnoses,
    InvokesRevision,
    Watches,
    Autoscales,
    KeepsSecrets,
    Preflight,
    Orphans,
    Renderable,
):
    """Endpoints as Deployments behind a Service, in one namespace of a cluster.

    Args:
        options: Where the cluster is.
        site: The named target.
    """

    kind: ClassVar[str] = "kubernetes"
    poll: ClassVar[float] = 0.5

    def __init__(self, options: KubernetesOptions, site: Site) -> None:
        super().__init__(site)
        self.options = options
        self._watchers: dict[str, Watcher] = {}

    @cached_property
    def _cluster(self) -> Cluster:
        return connect(self.options)

    @cached_property
    def _records(self) -> Records:
        return Records(self._cluster, manager_of(self.site.owner))

    @cached_property
    def _doors(self) -> Doors:
        return Doors(self._cluster, self.site.name)

    def now(self) -> float:
        return self._cluster.now()

    # Looking.

    def observe(self, endpoint: str) -> Endpoint | None:
        return endpoint_of(self._survey(endpoint)) if usable_name(endpoint) else None

    def list(self) -> Iterable[Endpoint]:
        for facts in survey_all(self._cluster, self.site.name):
            seen = endpoint_of(facts)
            if seen is not None:
                yield seen

    def _survey(self, endpoint: str) -> Facts:
        return survey(self._cluster, endpoint, self.site.name)

    def watch(self, endpoint: str, seconds: float) -> None:
        watcher = self._watchers.setdefault(endpoint, Watcher(self._cluster, endpoint))
        watcher.wait(seconds)

    # The Record.

    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        return self._records.read(endpoint) if usable_name(endpoint) else None

    def write_record(self, record: Record, expected: str | None) -> str:
        if expected is None and not holdings(self._cluster, record.endpoint).any:
            foreign = foreign_to(self._cluster, record.endpoint)
            if foreign:
                raise Conflict(
                    f"{foreign}, which deployer did not make", where=record.endpoint,
                    hint="take another name, or remove it",
                )  # fmt: skip
        return self._records.write(record, expected)

    def _held(self, endpoint: str, claim: Claim) -> Record:
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        return ensure_held(found[0] if found is not None else None, claim)

    def _hand(self, endpoint: str, record: Record, claim: Claim) -> Hand:
        return Hand(self._cluster, endpoint, record.owner, partial(self._held, endpoint, claim))

    # Delivering.

    def sink(self, endpoint: str) -> ImageSink:
        registry = RegistryPlace(f"{self.options.registry}/{endpoint}") if self.options.registry else None
        return ImageSink(cache=_cache(), platform=self.options.platform, registry=registry)

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        hand = self._hand(spec.name, record, claim)
        account = service_account(spec, record.owner)
        if account is not None:
            hand.ensure(account)
        if spec.auth.api_keys:
            secrets.ensure_keys(hand, spec, record.owner, os.environ)
        found = hand.find("Service", spec.name)
        leads = (found["spec"].get("selector") or {}).get(REVISION) if found is not None else None
        hand.ensure(self._service(spec, record.owner, leads), found)
        hand.ensure(budget(spec, record.owner))
        if account is None:
            hand.remove("ServiceAccount", spec.name)

    @staticmethod
    def _service(spec: DeploymentSpec, owner: str, revision: str | None) -> dict[str, JSON]:
        document = service(spec, owner)
        document["spec"]["selector"] = traffic_selector(spec.name, revision)
        return document

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        hand = self._hand(spec.name, record, claim)
        Staging(self._cluster, hand, spec, release, record).run(self._survey(spec.name))

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        if len(traffic.served) > 1:
            raise Conflict("a Service leads to one revision; it cannot share its traffic", where=endpoint)
        hand = self._hand(endpoint, record, claim)
        for revision in traffic.served:
            found = hand.find("Deployment", deployment_name(endpoint, revision))
            if found is None or found["metadata"].get("deletionTimestamp"):
                raise Conflict(f"{revision} was not staged, so it can take no traffic", where=endpoint)
        spec = DeploymentSpec(**record.spec)
        hand.ensure(self._service(spec, record.owner, next(iter(traffic.served), None)))

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:  # noqa: ARG002 - nothing is kept here
        record = self._held(endpoint, claim)
        hand = self._hand(endpoint, record, claim)
        name = deployment_name(endpoint, revision)
        found = hand.find("Service", endpoint)
        if found is not None and (found["spec"].get("selector") or {}).get(REVISION) == revision:
            raise Conflict(f"{revision} has traffic, so it cannot be retired", where=endpoint)
        for kind in ("HorizontalPodAutoscaler", "Deployment"):
            hand.remove(kind, name)
        leave_policy(self._cluster, hand, endpoint, revision, name)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        hand = self._hand(endpoint, record, claim)
        held = holdings(self._cluster, endpoint, (*_FIRST, *_THEN, "NetworkPolicy"))
        for kind in _FIRST:
            for thing in held.of(kind):
                hand.remove(kind, thing["metadata"]["name"])
        for thing in held.of("NetworkPolicy"):
            revision = (thing["metadata"]["labels"]).get(REVISION, "")
            leave_policy(self._cluster, hand, endpoint, revision, thing["metadata"]["name"])
        for kind in _THEN:
            for thing in held.of(kind):
                hand.remove(kind, thing["metadata"]["name"])
        self._held(endpoint, claim)
        self._records.forget(endpoint)

    # Asking.

    def invoke(self, endpoint: str, request: Request) -> Response:
        return self._doors.send(endpoint, request)

    def invoke_revision(self, endpoint: str, revision: str, request: Request) -> Response:
        return self._doors.send_to(endpoint, revision, request)

    def logs(
        self,
        endpoint: str,
        *,
        revision: str | None = None,
        tail: int | None = None,
        since: float | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:
        read = logs.follow_lines if follow else logs.read_lines
        return read(self._cluster, endpoint, revision, tail, since)

    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        if not usable_name(endpoint):
            return None
        facts = self._survey(endpoint)
        if not facts.there:
            return None
        return diagnosis_of(facts, revision, evidence_of(self._cluster, facts.live(revision)), self.now())

    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        return [*documents(spec, release, self.options, self.site.owner)]

    # Secrets.

    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        return usable_name(endpoint) and secrets.holds(self._cluster, endpoint, name, number, value)

    def keys_differ(self, spec: DeploymentSpec, environ: Mapping[str, str]) -> bool:
        return secrets.keys_differ(self._cluster, spec, environ)

    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        record = self._held(endpoint, claim)
        secrets.keep(self._hand(endpoint, record, claim), record.owner, endpoint, values)

    # Care.

    def preflight(self) -> Iterable[Check]:
        return checks(lambda: self._cluster, self.options)

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return orphans.find(self._cluster, self._records, now=self.now(), older_than=older_than)

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return orphans.remove(self._cluster, self._records, orphan, now=self.now(), older_than=older_than)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"
