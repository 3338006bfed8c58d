"""The Docker target: the verbs, each of which asks the engine for a few things and leaves the waiting to others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.gateway import Routing, with_mirror, with_traffic, without_pool
from deployer.spec import DeploymentSpec
from deployer.target import (
    Adoptable,
    Adoption,
    Check,
    Diagnoses,
    Figures,
    ImageSink,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Measured,
    Mirrors,
    Orphan,
    Orphans,
    Preflight,
    Renderable,
    Request,
    Response,
    Site,
    Target,
    WeightedTraffic,
    ensure_held,
)
from deployer.target.container import asked_of, refuse_copies
from deployer.target.reading import secret_numbers
from deployer.value import JSON
from deployer_docker import adopting, logs, orphans
from deployer_docker.artifacts import remove_artifacts, remove_volume, tags_of, volume_names
from deployer_docker.chores import Chores, sweep
from deployer_docker.client import connect, engine_address, told, unless_gone
from deployer_docker.config import DockerOptions
from deployer_docker.courier import any_image
from deployer_docker.diagnose import diagnosis_of
from deployer_docker.doors import Doors
from deployer_docker.engine import DockerEngine
from deployer_docker.estate import Estate
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.gateway import Gateway, Report
from deployer_docker.keys import differ, ensure_keys
from deployer_docker.leading import lead, rewrite
from deployer_docker.marks import Role, image_tag, read_marks, usable_name
from deployer_docker.measuring import Meter
from deployer_docker.observe import endpoint_of, is_ready
from deployer_docker.preflight import checks
from deployer_docker.record import Records
from deployer_docker.removing import remove_all
from deployer_docker.rendering import documents
from deployer_docker.replicas import Replicas
from deployer_docker.requests import config_of, gateway_image
from deployer_docker.secrets import Secrets
from deployer_docker.survey import Holdings, foreign_to, gateway_of, holdings, last_lines, survey, when
from deployer_docker.usage import Usages, sum_of
from deployer_docker.weights import VolumeWeights
from deployer_docker.wish import with_pool

__all__ = ["DockerTarget"]

LOADING = 600
"""Seconds that the engine may be silent while it takes in an image."""
_TURNS = 8
"""How often one verb looks whether there is something to end by now."""


class DockerTarget(
    Target,
    Logs,
    Diagnoses,
    InvokesRevision,
    KeepsSecrets,
    Preflight,
    Orphans,
    WeightedTraffic,
    Mirrors,
    Measured,
    Renderable,
    Adoptable,
):
    """Endpoints as containers of one engine.

    Args:
        options: Where the engine is.
        site: The named target.
    """

    kind: ClassVar[str] = "docker"
    poll: ClassVar[float] = 0.5

    def __init__(self, options: DockerOptions, site: Site) -> None:
        super().__init__(site)
        self.options = options
        self.address = engine_address(options)
        self._chores: dict[str, Chores] = {}
        self._meter = Meter()

    @cached_property
    def _api(self) -> Any:
        return connect(self.address)

    @cached_property
    def _images(self) -> DockerEngine:
        return DockerEngine(connect(self.address, LOADING), _cache() / "engines")

    @cached_property
    def _doors(self) -> Doors:
        return Doors(self._api, self.address, self.site.name)

    @cached_property
    def _usages(self) -> Usages:
        return Usages(self._api)

    @cached_property
    def _records(self) -> Records:
        return Records(self._api)

    def now(self) -> float:
        with told("read the engine's clock", self.address.url):
            moment = when(self._api.info().get("SystemTime"))
        if moment is None:
            raise TargetUnavailable("the engine does not tell its time", where=self.address.url)
        return moment

    # Looking.

    def observe(self, endpoint: str) -> Endpoint | None:
        if not usable_name(endpoint):
            return None
        facts = survey(self._api, self._records, endpoint, self.site.name)
        if endpoint in self._chores and self._do_chores(endpoint, facts):
            facts = survey(self._api, self._records, endpoint, self.site.name)
        return endpoint_of(facts)

    def list(self) -> Iterable[Endpoint]:
        with told("look at the engine's containers", self.address.url):
            containers = self._api.containers(all=True)
            volumes = self._api.volumes()["Volumes"] or []
            networks = self._api.networks()
        found = [read_marks(each.get("Labels")) for each in (*containers, *volumes, *networks)]
        names = {marks.endpoint for marks in found if marks is not None}
        for each in containers:
            if read_marks(each.get("Labels")) is None:
                names |= {name.lstrip("/") for name in each.get("Names") or () if usable_name(name.lstrip("/"))}
        for name in sorted(names):
            seen = self.observe(name)
            if seen is not None:
                yield seen

    # The Record.

    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        return self._records.read(endpoint) if usable_name(endpoint) else None

    def write_record(self, record: Record, expected: str | None) -> str:
        if expected is None and not holdings(self._api, record.endpoint).any:
            foreign = foreign_to(self._api, record.endpoint)
            if foreign:
                raise Conflict(
                    f"{foreign}, which deployer did not make", where=record.endpoint,
                    hint="take another name, or remove it",
                )  # fmt: skip
        return self._records.write(record, expected)

    def _held(self, endpoint: str, claim: Claim) -> Record:
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        return ensure_held(found[0] if found is not None else None, claim)

    # Delivering.

    def sink(self, endpoint: str) -> ImageSink:
        weights = VolumeWeights(
            lambda: connect(self.address, LOADING), endpoint, self.site.owner,
            lambda: any_image(self._api, self.options.gateway_image),
        )  # fmt: skip
        name = image_tag(endpoint, "")[0]
        return ImageSink(
            cache=_cache(), platform=self._images.platform, engine=self._images, weights=weights, name=name
        )  # fmt: skip

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        held, gateway = self._estate(spec, record, claim).ensure(reshape=True)
        if spec.auth.api_keys:
            self._held(spec.name, claim)
            ensure_keys(self._api, spec, record.owner, any_image(self._api, gateway_image(spec, self.options)))
        sweep(self._api, held, partial(self._held, spec.name, claim))
        if lead(gateway, gateway.report(running=True), partial(self._held, spec.name, claim)).waits:
            self._chores_of(spec.name, claim).leading = True

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        record = self._held(spec.name, claim)
        still_held = partial(self._held, spec.name, claim)
        replicas = Replicas(self._api, spec, release, record, still_held)
        replicas.hold_image()
        replicas.find_weights()
        held, gateway = self._estate(spec, record, claim).ensure()
        sweep(self._api, held, partial(self._held, spec.name, claim))
        report = gateway.report(running=True)
        facts = _facts(spec.name, self.site.name, held, report)
        plan = replicas.plan(facts.of(release.revision), partial(is_ready, facts))
        made: list[ContainerFact] = []
        if plan.broken:
            still_held()
            remove_all(self._api, [each.id for each in plan.broken])
        if plan.missing:
            if spec.auth.api_keys:  # a server that is told of keys does not start without them
                still_held()
                ensure_keys(self._api, spec, record.owner, any_image(self._api, gateway_image(spec, self.options)))
            if numbers := secret_numbers(release):
                still_held()
                self._secrets(spec, record).give(release.revision, numbers)
            gone = {each.id for each in plan.broken}
            left = tuple(each for each in held.replicas if each.id not in gone)
            made = replicas.make(replace(held, replicas=left), plan.missing)
        whole = [replicas.start(each) for each in plan.whole]
        addresses = [each.address for each in sorted((*whole, *made), key=lambda each: each.number)]
        asked = asked_of(spec, config_of(spec))
        routing = with_pool(report.wished or Routing(), release.revision, addresses, asked)
        report = self._rewrite(spec.name, gateway, report, routing, claim)
        self._retire_from(facts, report, plan.surplus, claim)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        held, gateway = self._estate(_spec_of(record), record, claim).ensure()
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = gateway.report(running=True)
        wished = report.wished or Routing()
        for revision in traffic.served:
            if wished.pool(revision) is None:
                raise Conflict(f"{revision} was not staged, so it can take no traffic", where=endpoint)
        self._rewrite(endpoint, gateway, report, with_traffic(wished, traffic), claim)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        record = self._held(endpoint, claim)
        if mirrored is not None:
            refuse_copies(_spec_of(record))
        held, gateway = self._estate(_spec_of(record), record, claim).ensure()
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = gateway.report(running=True)
        revision, percent = (mirrored.revision, mirrored.percent) if mirrored is not None else (None, 0)
        routing = with_mirror(report.wished or Routing(), revision, percent)
        self._rewrite(endpoint, gateway, report, routing, claim)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        self._held(endpoint, claim)
        held = holdings(self._api, endpoint)
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = self._report(held.gateway)
        facts = _facts(endpoint, self.site.name, held, report)
        for routing in (report.wished, report.loaded.routes if report.loaded else None):
            if routing is not None and routing.shares.get(revision):
                raise Conflict(f"{revision} has traffic, so it cannot be retired", where=endpoint)
        if held.gateway is not None and report.wished is not None and report.wished.pool(revision) is not None:
            gateway = gateway_of(self._api, held.gateway)
            report = self._rewrite(endpoint, gateway, report, without_pool(report.wished, revision), claim)
        if not keep:
            self._chores_of(endpoint, claim).forget_artifacts(revision)
        self._retire_from(facts, report, facts.of(revision), claim)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        self._held(endpoint, claim)
        self._chores.pop(endpoint, None)
        held = holdings(self._api, endpoint)
        remove_all(self._api, [each.id for each in (*held.gateways, *held.replicas, *held.couriers)])
        self._held(endpoint, claim)
        for network in held.networks:
            with told("remove a network", network["Name"]), unless_gone():
                self._api.remove_network(network["Id"])
        for name in volume_names(held, (Role.GATEWAY, Role.SECRETS, Role.GIVEN, Role.KEYS, Role.ADOPTED)):
            remove_volume(self._api, name)
        for _, revision in tags_of(self._api, endpoint):
            remove_artifacts(self._api, endpoint, revision, held)
        self._held(endpoint, claim)
        self._records.forget(endpoint)

    def _estate(self, spec: DeploymentSpec, record: Record, claim: Claim) -> Estate:
        held = partial(self._held, spec.name, claim)
        return Estate(self._api, self.options, spec, record, held, local=self.address.local)

    def _report(self, fact: ContainerFact | None) -> Report:
        if fact is None:
            return Report(trouble="its gateway is gone")
        return gateway_of(self._api, fact).report(running=fact.status == "running")

    def _rewrite(self, endpoint: str, gateway: Gateway, report: Report, routing: Routing, claim: Claim) -> Report:
        """What it says then."""
        led = rewrite(gateway, report, routing, partial(self._held, endpoint, claim))
        if led.waits:
            self._chores_of(endpoint, claim).leading = True
        return led.report

    def _retire_from(self, facts: Facts, report: Report, containers: Iterable[ContainerFact], claim: Claim) -> None:
        """Let containers end that the gateway, as its last report says, is told to send nothing new.

        So are those that were condemned before and run on: whoever condemned them may have gone before they were told.
        """
        chores = self._chores_of(facts.name, claim)
        chores.dismiss(facts, (*containers, *(each for each in facts.replicas if each.condemned and each.running)))
        for turn in range(_TURNS):
            if chores.over:
                return
            held = holdings(self._api, facts.name)
            if turn:
                report = self._report(held.gateway) if chores.asks_gateway else Report()
            if not chores.go_on(_facts(facts.name, self.site.name, held, report)):
                return
            chores.await_exits()

    def _chores_of(self, endpoint: str, claim: Claim) -> Chores:
        found = self._chores.get(endpoint)
        if found is None or found.claim.token != claim.token:
            held = partial(self._held, endpoint, claim)
            found = self._chores[endpoint] = Chores(self._api, endpoint, claim, held)
        return found

    def _do_chores(self, endpoint: str, facts: Facts) -> bool:
        """End what can be ended by now; whether anything was changed."""
        chores = self._chores[endpoint]
        try:
            changed = chores.go_on(facts)
        except ClaimLost:
            self._chores.pop(endpoint, None)
            return False
        if chores.over:
            self._chores.pop(endpoint, None)
        return changed

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
        return read(self._api, endpoint, revision, tail, since)

    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        if not usable_name(endpoint):
            return None
        facts = survey(self._api, self._records, endpoint, self.site.name)
        if not facts.there:
            return None
        written = {each.id: last_lines(self._api, each.id) for each in facts.of(revision)}
        return diagnosis_of(facts, revision, written, self.now())

    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        held = holdings(self._api, endpoint) if usable_name(endpoint) else Holdings()
        loaded = self._report(held.gateway).loaded
        if held.gateway is None or loaded is None:
            return None
        now = self.now()
        since = now - loaded.uptime
        found = self._meter.figures(held.gateway.id, revision, loaded.figures, now=now, since=since, window=window)
        if found is None:
            return None
        running = [each for each in held.replicas if each.status == "running" and not each.condemned]
        used = self._usages.of([each.id for each in running])
        whole = sum_of(used[each.id] for each in running if each.revision == revision and each.id in used)
        return replace(found, memory=whole.memory, cpu=whole.cpu)

    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        return [*documents(spec, release, self.options, self.site.owner)]

    # Secrets.

    def _secrets(self, spec: DeploymentSpec, record: Record) -> Secrets:
        return Secrets(self._api, spec.name, record.owner, any_image(self._api, gateway_image(spec, self.options)))

    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        if not usable_name(endpoint):
            return False
        image = any_image(self._api, self.options.gateway_image)
        return Secrets(self._api, endpoint, self.site.owner, image).holds(name, number, value)

    def keys_differ(self, spec: DeploymentSpec, environ: Mapping[str, str]) -> bool:
        image = partial(any_image, self._api, self.options.gateway_image)
        return differ(self._api, spec, environ, self.site.owner, image)

    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        record = self._held(endpoint, claim)
        self._secrets(_spec_of(record), record).keep(values)

    # Taking over.

    def adoptable(self, endpoint: str) -> Adoption | None:
        return adopting.told_of(self._api, endpoint) if usable_name(endpoint) else None

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        held = partial(self._held, record.endpoint)
        taking = adopting.Taking(self._api, self.options, self._records, held, self.address.local)
        version, led = adopting.adopt(record, expected, identity, taking)
        if led is not None and led.waits and record.claim is not None:
            self._chores_of(record.endpoint, record.claim).leading = True
        return version

    # Care.

    def preflight(self) -> Iterable[Check]:
        return checks(lambda: self._api, self.address, self.options)

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return orphans.find(self._api, self._records, now=self.now(), older_than=older_than)

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return orphans.remove(self._api, self._records, orphan, now=self.now(), older_than=older_than)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"


def _spec_of(record: Record) -> DeploymentSpec:
    return DeploymentSpec(**record.spec)


def _facts(name: str, target: str, held: Holdings, report: Report) -> Facts:
    return Facts(
        name=name, target=target, replicas=held.replicas, gateway=held.gateway, wished=report.wished,
        loaded=report.loaded, gateway_trouble=report.trouble,
    )  # fmt: skip
