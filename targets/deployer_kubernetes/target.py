"""The Kubernetes target: the verbs, each of which reads what is there and sends a few objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import (
    Adoptable,
    Adoption,
    Autoscales,
    Check,
    Diagnoses,
    ImageSink,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Mirrors,
    Orphan,
    Orphans,
    Preflight,
    RegistryPlace,
    Renderable,
    Request,
    Response,
    ScalesToZero,
    Site,
    Target,
    Watches,
    WeightedTraffic,
    ensure_held,
)
from deployer.target.container import refuse_copies
from deployer.value import JSON
from deployer_kubernetes import logs, orphans, secrets
from deployer_kubernetes.adoption import adopting
from deployer_kubernetes.adoption.adopted import adopted_among, is_adopted, lead_to, port_of
from deployer_kubernetes.client import Cluster, connect
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.diagnose import diagnosis_of
from deployer_kubernetes.doors import Doors
from deployer_kubernetes.evidence import evidence_of
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.directing import Directing
from deployer_kubernetes.gateway.estate import GatewayEstate
from deployer_kubernetes.gateway.leading import Leading
from deployer_kubernetes.gateway.survey import address_of, is_gateway_s, route_of
from deployer_kubernetes.ingress import ingress
from deployer_kubernetes.kserve.finding import spelling_for, unmet_kserve
from deployer_kubernetes.kserve.leaving import await_inference, remove_inference
from deployer_kubernetes.kserve.staging import settle_counts
from deployer_kubernetes.marks import REVISION, marks_of, usable_name
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.policies import leave_policy, leave_service
from deployer_kubernetes.preflight import checks
from deployer_kubernetes.pulling import settle_login
from deployer_kubernetes.record import Records
from deployer_kubernetes.rendering import documents, left_out
from deployer_kubernetes.requests import (
    budget,
    config_of,
    deployment_name,
    service,
    service_account,
    traffic_selector,
)
from deployer_kubernetes.scaling.choosing import Activators, Turn, let_go, may_be_activated
from deployer_kubernetes.scaling.directing import Sleeping, wake
from deployer_kubernetes.scaling.finding import unmet_sleep
from deployer_kubernetes.scaling.leaving import Leaving
from deployer_kubernetes.scaling.survey import address_of_served, is_activator_s
from deployer_kubernetes.scaling.wish import sleeps
from deployer_kubernetes.staging import Staging
from deployer_kubernetes.survey import foreign_to, holdings, survey, survey_all
from deployer_kubernetes.watching import Watcher
from deployer_kubernetes.weights import are_beside
from deployer_kubernetes.writing import Hand, manager_of

__all__ = ["KubernetesTarget"]

_FIRST = ("HorizontalPodAutoscaler", "Ingress", "Service", "Deployment")
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
    Adoptable,
    ScalesToZero,
    WeightedTraffic,
    Mirrors,
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
        self._leadings: dict[str, Leading] = {}
        self._activators = Activators()

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
        if not usable_name(endpoint):
            return None
        return endpoint_of(self._activators.go_on(self._lead_on(self._survey(endpoint))))

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
        return ImageSink(cache=_cache(), platform=self.options.platform, registry=registry, weights_beside=are_beside)

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        hand = self._hand(spec.name, record, claim)
        account = service_account(spec, record.owner)
        if account is not None:
            hand.ensure(account)
        if spec.auth.api_keys:
            secrets.ensure_keys(hand, spec, record.owner, os.environ)
        hand.ensure(budget(spec, record.owner))
        settle_login(hand, spec, record, None, None)
        self._direct(spec, record, claim, lambda directing, facts: directing.configure(facts))
        outside = ingress(spec, record.owner)
        if outside is not None:
            hand.ensure(outside)
        else:
            hand.remove("Ingress", spec.name)
        if account is None:
            hand.remove("ServiceAccount", spec.name)

    def _deployments(self, endpoint: str) -> Sequence[Mapping[str, Any]]:
        return holdings(self._cluster, endpoint, ("Deployment",)).of("Deployment")

    def _service(self, spec: DeploymentSpec, owner: str, revision: str | None) -> dict[str, JSON]:
        document = service(spec, owner)
        adopted = adopted_among(self._deployments(spec.name), revision) if revision is not None else None
        if adopted is not None:
            return lead_to(document, adopted, port_of(adopted))
        document["spec"]["selector"] = traffic_selector(spec.name, revision)
        return document

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        hand = self._hand(spec.name, record, claim)
        settle_login(hand, spec, record, release, self.site.login)
        facts = self._survey(spec.name)
        wake(hand, spec, facts, release.revision)
        Staging(self._cluster, hand, spec, release, record).run(facts)
        if config_of(spec).gateway != "none" or may_be_activated(spec, facts):
            self._direct(spec, record, claim, lambda directing, facts: directing.stage(facts, release.revision))

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        spec = DeploymentSpec(**record.spec)
        self._direct(spec, record, claim, lambda directing, facts: directing.route(facts, traffic))
        settle_counts(self._cluster, self._hand(endpoint, record, claim), spec, traffic.served)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        spec = DeploymentSpec(**record.spec)
        if mirrored is not None:
            refuse_copies(spec)
        self._direct(spec, record, claim, lambda directing, facts: directing.mirror(facts, mirrored))

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:  # noqa: ARG002 - nothing is kept here
        record = self._held(endpoint, claim)
        hand, spec = self._hand(endpoint, record, claim), DeploymentSpec(**record.spec)
        self._direct(spec, record, claim, lambda directing, facts: directing.retire(facts, revision))
        held = holdings(self._cluster, endpoint, ("HorizontalPodAutoscaler", "Deployment", "Service"))
        remove_inference(self._cluster, hand, endpoint, held.of("Deployment"), revision)
        for kind in ("HorizontalPodAutoscaler", "Deployment"):
            for thing in held.of(kind):
                if (marks := marks_of(thing)) is not None and marks.revision == revision:
                    # By its pods nobody would see that they still end their requests.
                    hand.remove(kind, thing["metadata"]["name"], last=is_adopted(thing))
        name = deployment_name(endpoint, revision)
        leave_policy(self._cluster, hand, endpoint, revision, name)
        if held.named("Service", name) is not None:
            leave_service(self._cluster, hand, endpoint, revision, name)

    def _direct(
        self,
        spec: DeploymentSpec,
        record: Record,
        claim: Claim,
        do: Callable[[Directing | Sleeping | Leaving, Facts], None],
    ) -> None:
        """Change where requests are led."""
        name, owner, hand = spec.name, record.owner, self._hand(spec.name, record, claim)
        leading = self._leadings.get(name)
        if leading is None or leading.token != claim.token:
            leading = self._leadings[name] = Leading(self._cluster, claim.token, partial(self._held, name, claim))
        estate = GatewayEstate(self._cluster, hand, spec, self.options, owner=owner)
        directing = Directing(
            self._cluster, hand, spec, owner=owner, estate=estate, leading=leading,
            service=partial(self._service, spec, owner),
        )  # fmt: skip
        turn = Turn(
            self._cluster, hand, self.options, spec, owner, directing, estate, partial(self._service, spec, owner)
        )
        self._activators.direct(turn, self._survey(name), do)

    def _lead_on(self, facts: Facts) -> Facts:
        """Go on with what a verb began, as far as it can be done by now."""
        leading = self._leadings.get(facts.name)
        if leading is None or facts.gateway is None or leading.is_over(facts.gateway):
            return facts
        try:
            return replace(facts, gateway=leading.lead(facts.gateway))
        except ClaimLost:
            self._leadings.pop(facts.name, None)
        except TargetUnavailable:  # the facts tell what keeps it
            pass
        return facts

    def destroy(self, endpoint: str, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        hand = self._hand(endpoint, record, claim)
        self._leadings.pop(endpoint, None)
        self._activators.forget(endpoint)
        held = holdings(self._cluster, endpoint, (*_FIRST, *_THEN, "NetworkPolicy", "ConfigMap"))
        if route_of(self._cluster, endpoint, held.named("Service", endpoint), record) is not None:
            hand.remove("HTTPRoute", endpoint)
        let_go(self._cluster, hand, endpoint, held)
        remove_inference(self._cluster, hand, endpoint, held.of("Deployment"))
        for kind in _FIRST:
            for thing in held.of(kind):
                hand.remove(kind, thing["metadata"]["name"], last=is_adopted(thing))
        for thing in held.of("NetworkPolicy"):
            revision = (thing["metadata"]["labels"]).get(REVISION, "")
            leave_policy(self._cluster, hand, endpoint, revision, thing["metadata"]["name"])
        for kind in _THEN:
            for thing in held.of(kind):
                hand.remove(kind, thing["metadata"]["name"])
        for thing in held.of("ConfigMap"):
            if is_gateway_s(thing) or is_activator_s(thing):
                hand.remove("ConfigMap", thing["metadata"]["name"])
        await_inference(self._cluster, endpoint, held.of("Deployment"))
        self._held(endpoint, claim)
        self._records.forget(endpoint)

    # What others made.

    def adoptable(self, endpoint: str) -> Adoption | None:
        return adopting.told_of(self._cluster, endpoint) if usable_name(endpoint) else None

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        return adopting.adopt(record, expected, identity, adopting.Taking(self._cluster, self._records, self._held))

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
        address, mode = self._address(spec, release), spelling_for(self._cluster, spec)
        return [*documents(spec, release, self.options, self.site.owner, address, mode=mode)]

    def unrendered(self, spec: DeploymentSpec, release: Release) -> Sequence[str]:
        return [*left_out(spec, release, self._address(spec, release))]

    def _address(self, spec: DeploymentSpec, release: Release) -> str | None:
        if sleeps(spec):
            return address_of_served(self._cluster, spec.name)
        own = config_of(spec).gateway == "own"
        return address_of(self._cluster, spec.name, release.revision) if own else None

    def unmet(self, spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
        yield from unmet_sleep(self._cluster, spec)
        yield from unmet_kserve(self._cluster, spec)

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
