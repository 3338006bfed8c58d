"""The Azure ML target: the verbs, each of which makes a few calls and leaves the waiting to others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.spec import DeploymentSpec
from deployer.target import (
    Adoptable,
    Adoption,
    Autoscales,
    Check,
    Diagnoses,
    Figures,
    ImageSink,
    InvokesRevision,
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
)
from deployer.value import JSON
from deployer_azureml.acr import Acr
from deployer_azureml.asset_models import AssetModels
from deployer_azureml.changing import Changing
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.configuring import fixed
from deployer_azureml.diagnose import diagnosis_of
from deployer_azureml.doors import Doors
from deployer_azureml.facts import Facts
from deployer_azureml.images import Images
from deployer_azureml.logs import Logbook
from deployer_azureml.measuring import Metrics
from deployer_azureml.mounted import Mounted
from deployer_azureml.names import usable_name
from deployer_azureml.naming import Naming
from deployer_azureml.observe import endpoint_of
from deployer_azureml.orphans import Orphanage
from deployer_azureml.placing import Placing
from deployer_azureml.preflight import checks
from deployer_azureml.records import Records
from deployer_azureml.rendering import documents, left_out
from deployer_azureml.requests import config_of
from deployer_azureml.survey import Surveyor
from deployer_azureml.takeover import Takeover
from deployer_azureml.weights import AssetWeights, asset_id

__all__ = ["AzureMLTarget"]

_AT_ONCE = 3
"""Endpoints that are looked at beside each other; each look is some requests at once."""


class AzureMLTarget(
    Target,
    Logs,
    Diagnoses,
    InvokesRevision,
    WeightedTraffic,
    Mirrors,
    Autoscales,
    Preflight,
    Orphans,
    Measured,
    Renderable,
    Adoptable,
):
    """Endpoints of one workspace.

    Args:
        options: Which.
        site: The named target.
    """

    kind: ClassVar[str] = "azureml"
    poll: ClassVar[float] = 5.0

    def __init__(self, options: AzureMLOptions, site: Site) -> None:
        super().__init__(site)
        self.options = options
        self._azure = Azure(options)
        self._placing = Placing(self._azure)
        self._records = Records(self._placing)
        self._surveyor = Surveyor(self._azure, self._records, site.name)
        self._changing = Changing(self._azure, self._records, self._surveyor, self._placing, self._model_of)

    @cached_property
    def _doors(self) -> Doors:
        return Doors(self._azure, self.site.name, self._surveyor)

    @cached_property
    def _acr(self) -> Acr:
        return Acr(self._azure)

    @cached_property
    def _weights(self) -> AssetWeights:
        return AssetWeights(self._azure, self._placing, self.site.owner)

    @cached_property
    def _orphanage(self) -> Orphanage:
        naming = Naming(self._azure, self._records)
        shared = (Images(self._azure, self._acr, naming), Mounted(self._azure, self._weights, naming))
        return Orphanage(self._azure, self._records, self._surveyor, shared)

    @cached_property
    def _logbook(self) -> Logbook:
        return Logbook(self._azure, self._surveyor.survey)

    @cached_property
    def _takeover(self) -> Takeover:
        return Takeover(self._azure, self._records, self._surveyor, self._placing, self._changing)

    def now(self) -> float:
        return self._azure.now()

    # Looking.

    def observe(self, endpoint: str) -> Endpoint | None:
        if not usable_name(endpoint):
            return None
        return endpoint_of(self._changing.go_on(self._surveyor.survey(endpoint)))

    def list(self) -> Iterable[Endpoint]:
        ours, others = self._surveyor.names()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for facts in pool.map(self._surveyor.survey, sorted(ours)):
                seen = endpoint_of(facts)
                if seen is not None:
                    yield seen
        for each in sorted(others, key=lambda other: other.name):
            seen = endpoint_of(Facts(each.name, self.site.name, endpoint=each))
            if seen is not None:
                yield seen

    # The Record.

    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        return self._records.read(endpoint) if usable_name(endpoint) else None

    def write_record(self, record: Record, expected: str | None) -> str:
        if expected is None:
            self._changing.refuse_first(record.endpoint)
        return self._records.write(record, expected)

    # Delivering.

    def unmet(self, spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
        yield from self._placing.unmet(spec)
        main = self._surveyor.survey(spec.name).main if usable_name(spec.name) else None
        if main is not None:
            yield from fixed(main, config_of(spec))

    def sink(self, endpoint: str) -> ImageSink:
        return ImageSink(
            cache=_cache(), platform="linux/amd64", registry=self._acr.place(endpoint), weights=self._weights,
            login=self._acr.login_to, models=AssetModels(self._azure), bare=lambda spec: config_of(spec).no_code,
        )  # fmt: skip

    def _model_of(self, spec: DeploymentSpec, release: Release) -> str:
        registered = spec.image.weights == "mount" or config_of(spec).no_code
        return asset_id(self._azure.workspace, release.model.digest) if registered else ""

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        self._changing.configure(spec, claim)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        self._changing.stage(spec, release, claim)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        self._doors.forget(endpoint)
        self._changing.route(endpoint, traffic, claim)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        self._changing.mirror(endpoint, mirrored, claim)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        self._changing.retire(endpoint, revision, claim, keep=keep)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        self._doors.forget(endpoint)
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
        read = self._logbook.follow if follow else self._logbook.read
        return read(endpoint, revision, tail, since)

    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        if not usable_name(endpoint):
            return None
        facts = self._surveyor.survey(endpoint)
        if facts.find(revision) is None:
            return None
        return diagnosis_of(facts, revision, self._logbook.written(facts, revision), self.now())

    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        if not usable_name(endpoint):
            return None
        return Metrics(self._azure).figures(self._surveyor.survey(endpoint), revision, window)

    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        place = self._placing.place(self.site.owner, self._model_of(spec, release))
        return [*documents(spec, release, place, self._acr.name(spec.name))]

    def unrendered(self, spec: DeploymentSpec, release: Release) -> Sequence[str]:  # noqa: ARG002 - of the contract
        return [*left_out(spec)]

    # Taking over.

    def adoptable(self, endpoint: str) -> Adoption | None:
        return self._takeover.told_of(endpoint)

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        self._doors.forget(record.endpoint)
        return self._takeover.adopt(record, expected, identity)

    # Care.

    def preflight(self) -> Iterable[Check]:
        return checks(self._azure, self._acr, self._look_for_records)

    def _look_for_records(self) -> str:
        """Where they lie, once they have been listed."""
        for _ in self._records.names():
            break
        return self._placing.blobs.url

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return self._orphanage.find(older_than)

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return self._orphanage.remove(orphan, older_than)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"
