"""The SageMaker target: the verbs, each of which makes a few calls and leaves the waiting to others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Record, Release, Traffic
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
from deployer_sagemaker.adopting import Adopting
from deployer_sagemaker.changing import Changing
from deployer_sagemaker.client import Aws
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.configs import config_of, instance_type
from deployer_sagemaker.diagnose import diagnosis_of
from deployer_sagemaker.doors import Doors
from deployer_sagemaker.ecr import Ecr
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.logs import Logbook
from deployer_sagemaker.measuring import Metrics
from deployer_sagemaker.names import usable_name
from deployer_sagemaker.observe import endpoint_of
from deployer_sagemaker.orphans import Orphanage
from deployer_sagemaker.prebuilt import is_prebuilt, prebuilt_image
from deployer_sagemaker.preflight import checks
from deployer_sagemaker.records import Records
from deployer_sagemaker.refusing import unmet_platform
from deployer_sagemaker.rendering import documents, left_out
from deployer_sagemaker.survey import Surveyor
from deployer_sagemaker.weights import S3Weights

__all__ = ["SageMakerTarget"]


class SageMakerTarget(
    Target,
    Logs,
    Diagnoses,
    InvokesRevision,
    WeightedTraffic,
    Autoscales,
    Preflight,
    Orphans,
    Measured,
    Renderable,
    Adoptable,
):
    """Endpoints of one account and region.

    Args:
        options: Which.
        site: The named target.
    """

    kind: ClassVar[str] = "sagemaker"
    poll: ClassVar[float] = 5.0

    def __init__(self, options: SageMakerOptions, site: Site) -> None:
        super().__init__(site)
        self.options = options
        self._aws = Aws(options)
        self._records = Records(self._aws)
        self._surveyor = Surveyor(self._aws, self._records, site.name)
        self._ecr = Ecr(self._aws, lambda: self._records.place)
        self._changing = Changing(self._aws, self._records, self._surveyor, self._ecr.check)

    @cached_property
    def _doors(self) -> Doors:
        return Doors(self._aws, self.site.name, self._surveyor, lambda: self._records.bucket)

    @cached_property
    def _logbook(self) -> Logbook:
        return Logbook(self._aws, self._surveyor.survey)

    @cached_property
    def _adopting(self) -> Adopting:
        return Adopting(self._aws, self._records, self._surveyor, self._changing.held)

    @cached_property
    def _orphanage(self) -> Orphanage:
        return Orphanage(self._aws, self._records, self._surveyor)

    def now(self) -> float:
        return self._aws.now()

    # Looking.

    def observe(self, endpoint: str) -> Endpoint | None:
        if not usable_name(endpoint):
            return None
        return endpoint_of(self._changing.go_on(self._surveyor.survey(endpoint)))

    def list(self) -> Iterable[Endpoint]:
        ours, others = self._surveyor.names()
        for name in sorted(ours):
            seen = endpoint_of(self._surveyor.survey(name))
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
        return (
            *unmet_platform(spec, config_of(spec), self.options.platform),
            *self._changing.placing.unmet(spec),
        )

    def sink(self, endpoint: str) -> ImageSink:
        place = self._ecr.place(endpoint, self.site.owner)
        weights = S3Weights(self._aws, lambda: self._records.bucket)
        return ImageSink(
            cache=_cache(), platform=self.options.platform, registry=place, weights=weights, login=self._ecr.login_to,
            named=self._ready,
        )  # fmt: skip

    def _ready(self, spec: DeploymentSpec) -> str | None:
        if spec.image.use is None or not is_prebuilt(spec.image.use):
            return spec.image.use
        kind = instance_type(spec, config_of(spec), self.options.platform)
        return prebuilt_image(spec.image.use, self._aws.region, kind)

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        self._changing.configure(spec, claim)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        self._changing.stage(spec, release, claim)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        self._doors.forget(endpoint)
        self._changing.route(endpoint, traffic, claim)

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
        if not facts.there:
            return None
        return diagnosis_of(facts, revision, self._logbook.last_words(facts, revision), self.now())

    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        if not usable_name(endpoint):
            return None
        return Metrics(self._aws).figures(self._surveyor.survey(endpoint), revision, window)

    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        place = self._changing.placing.place(spec, self.site.owner)
        return [*documents(spec, release, place, self._ecr.repository(spec.name), self.options.platform)]

    def unrendered(self, spec: DeploymentSpec, release: Release) -> Sequence[str]:  # noqa: ARG002 - of the contract
        return [*left_out(spec)]

    # Taking over.

    def adoptable(self, endpoint: str) -> Adoption | None:
        return self._adopting.told_of(endpoint)

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        return self._adopting.adopt(record, expected, identity)

    # Care.

    def preflight(self) -> Iterable[Check]:
        return checks(self._aws, self._records, self._changing.placing, self._ecr)

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return self._orphanage.find(older_than)

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return self._orphanage.remove(orphan, older_than)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"
