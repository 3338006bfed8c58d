"""The Docker target: the verbs, each of which asks the engine for a few things and leaves the waiting to others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.errors import Conflict, TargetUnavailable
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
from deployer.value import JSON
from deployer_docker import adopting, logs, orphans
from deployer_docker.changing import Changing, spec_of
from deployer_docker.client import connect, engine_address, told
from deployer_docker.config import DockerOptions
from deployer_docker.courier import any_image
from deployer_docker.diagnose import diagnosis_of
from deployer_docker.doors import Doors
from deployer_docker.engine import DockerEngine
from deployer_docker.keys import differ
from deployer_docker.marks import image_tag, read_marks, usable_name
from deployer_docker.measuring import Meter
from deployer_docker.observe import endpoint_of
from deployer_docker.preflight import checks
from deployer_docker.record import Records
from deployer_docker.rendering import documents
from deployer_docker.secrets import Secrets
from deployer_docker.survey import Holdings, foreign_to, holdings, last_lines, survey, when
from deployer_docker.usage import Usages, sum_of
from deployer_docker.weights import VolumeWeights

__all__ = ["DockerTarget"]

LOADING = 600
"""Seconds that the engine may be silent while it takes in an image."""
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

    @cached_property
    def _changing(self) -> Changing:
        return Changing(
            self._api, self.options, self.site.name, records=self._records, held=self._held, local=self.address.local
        )

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
        if self._changing.go_on(endpoint, facts):
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
        self._changing.configure(spec, claim)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        self._changing.stage(spec, release, claim)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        self._changing.route(endpoint, traffic, claim)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        self._changing.mirror(endpoint, mirrored, claim)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        self._changing.retire(endpoint, revision, claim, keep=keep)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        self._changing.destroy(endpoint, claim)

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
        loaded = self._changing.report(held.gateway).loaded
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
        self._changing.secrets(spec_of(record), record).keep(values)

    # Taking over.

    def adoptable(self, endpoint: str) -> Adoption | None:
        return adopting.told_of(self._api, endpoint) if usable_name(endpoint) else None

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        held = partial(self._held, record.endpoint)
        taking = adopting.Taking(self._api, self.options, self._records, held, self.address.local)
        version, led = adopting.adopt(record, expected, identity, taking)
        if led is not None and led.waits and record.claim is not None:
            self._changing.lead_on(record.endpoint, record.claim)
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
