"""Memory targets that break one promise each, run against the conformance suite by `test_conformance`."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Figures, Orphan, Request, Response, ScalesToZero, Site, Target, TargetKind
from deployer.testing.conformance import Failure, Lot, TargetConformance, Workbench
from deployer.testing.memory import Fault, MemoryOptions, MemoryPlace, MemoryTarget, kind
from deployer.testing.memory.place import FaultPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deployer.value import JSON


class BrokenWorkbench(Workbench):
    """As the memory target's own, with another class of target."""

    address = "deployer.testing.memory:kind"
    patience = 2.0
    pace = 0.02
    target: type[MemoryTarget] = MemoryTarget

    def __init__(self, place: MemoryPlace) -> None:
        self.place = place

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> MemoryOptions:
        return MemoryOptions(root=self.place.root)

    def connect(self, site: Site | None = None) -> Target:
        return self.target(self.options, site or Site("memory"))

    def config(self, lot: Lot) -> dict[str, JSON]:
        behaviour = lot if lot in ("load-fails", "missing-dependency") else "healthy"
        return {"behaviour": behaviour, "settle": {"start": "20ms", "stop": "20ms"}}

    def put_foreign(self, name: str) -> None:
        self.place.put_foreign(name, {"detail": "made by hand"})

    def foreign_untouched(self, name: str) -> bool:
        return self.place.foreign(name) == {"detail": "made by hand"}

    def inject(self, verb: str, failure: Failure) -> bool:
        self.place.inject(verb, failure)
        return True

    def leftovers(self) -> list[str]:
        return [str(self.place.holdings()["endpoints"])]


def held(target: Target, endpoint: str, claim: Claim, *, generation: bool = True) -> Claim:
    """A claim that holds, whatever was handed."""
    stored = target.read_record(endpoint)
    if stored is None or stored[0].claim is None:
        return claim
    return claim.model_copy(
        update={
            "token": stored[0].claim.token,
            **({"generation": stored[0].generation} if generation else {}),
        }
    )


class Unbroken(MemoryTarget):
    """The control: the same tests pass."""


class IgnoresClaims(MemoryTarget):
    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        super().route(endpoint, traffic, held(self, endpoint, claim))


class IgnoresGenerations(MemoryTarget):
    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        stored = self.read_record(spec.name)
        same = stored is not None and stored[0].claim is not None and stored[0].claim.token == claim.token
        super().configure(spec, held(self, spec.name, claim) if same else claim)


class WritesUnconditionally(MemoryTarget):
    def write_record(self, record: Record, expected: str | None) -> str:
        stored = self.read_record(record.endpoint)
        return super().write_record(record, stored[1] if stored else None)


class OverwritesTheFirst(MemoryTarget):
    def write_record(self, record: Record, expected: str | None) -> str:
        if expected is None:
            stored = self.read_record(record.endpoint)
            return super().write_record(record, stored[1] if stored else None)
        return super().write_record(record, expected)


class RetiresWhatIsRouted(MemoryTarget):
    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        try:
            super().retire(endpoint, revision, claim, keep=keep)
        except ClaimLost:
            raise
        except Conflict:
            super().route(endpoint, Traffic(), claim)
            super().retire(endpoint, revision, claim, keep=keep)


class RoutesAnywhere(MemoryTarget):
    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        try:
            super().route(endpoint, traffic, claim)
        except ClaimLost:
            raise
        except Conflict:
            super().route(endpoint, Traffic(), claim)


class RoutesWhenItStages(MemoryTarget):
    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        super().stage(spec, release, claim)
        super().route(spec.name, Traffic.all_to(release.revision), claim)


class RestartsWhenItStages(MemoryTarget):
    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        seen = self.observe(spec.name)
        if seen is not None and not seen.traffic.share(release.revision):
            super().retire(spec.name, release.revision, claim, keep=True)
        super().stage(spec, release, claim)


class NeverRestarts(MemoryTarget):
    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        seen = self.observe(spec.name)
        if seen is None or seen.find(release.revision) is None:
            super().stage(spec, release, claim)


class HidesHalfMade(MemoryTarget):
    def observe(self, endpoint: str) -> Endpoint | None:
        seen = super().observe(endpoint)
        return seen if seen and (seen.revisions or not seen.managed) else None


class LeavesTheRecord(MemoryTarget):
    def destroy(self, endpoint: str, claim: Claim) -> None:
        seen = self.observe(endpoint)
        if seen is not None and seen.revisions:
            super().destroy(endpoint, claim)


class LeavesSecrets(MemoryTarget):
    kept: dict[str, str]

    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        super().keep_secrets(endpoint, values, claim)
        self.kept = {name: value for (name, _), value in values.items()}

    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        return super().holds_secret(endpoint, name, number, value) or (
            number == 1 and getattr(self, "kept", {}).get(name) == value
        )


class ShowsSecrets(MemoryTarget):
    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        super().configure(spec.model_copy(update={"labels": {"token": "s3cr3t-\N{SNOWMAN}-value"}}), claim)


class TakesForeignThings(MemoryTarget):
    def write_record(self, record: Record, expected: str | None) -> str:
        seen = self.observe(record.endpoint)
        if seen is not None and not seen.managed:
            return "1"
        return super().write_record(record, expected)


class ClaimsForeignThings(MemoryTarget):
    def observe(self, endpoint: str) -> Endpoint | None:
        seen = super().observe(endpoint)
        return seen.model_copy(update={"managed": True, "owner": self.site.owner}) if seen else None


class LetsErrorsOut(MemoryTarget):
    def observe(self, endpoint: str) -> Endpoint | None:
        try:
            return super().observe(endpoint)
        except TargetUnavailable as error:
            raise TimeoutError(str(error)) from error


class ForgetsRevisionHeader(MemoryTarget):
    def invoke(self, endpoint: str, request: Request) -> Response:
        kept = {name: value for name, value in request.headers.items() if name != "Deployer-Revision"}
        return super().invoke(endpoint, replace(request, headers=kept))


class DeclaresTooMuch(MemoryTarget, ScalesToZero):
    """Implements more than the kind declares."""


class CopiesOntoTheServed(MemoryTarget):
    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        with contextlib.suppress(Conflict):
            super().mirror(endpoint, mirrored, claim)


class NeverEndsCopies(MemoryTarget):
    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        if mirrored is not None:
            super().mirror(endpoint, mirrored, claim)


class TellsNoEvidence(MemoryTarget):
    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        found = super().diagnose(endpoint, revision)
        return found.model_copy(update={"evidence": ()}) if found else None


class LooksOnlyOnce(MemoryTarget):
    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        super().remove_orphan(orphan, older_than=older_than)
        return True


class MistakesPrefixes(MemoryTarget):
    def destroy(self, endpoint: str, claim: Claim) -> None:
        for each in self.list():
            if each.name.startswith(endpoint) and each.name != endpoint:
                super().route(each.name, Traffic(), held(self, each.name, claim))
        super().destroy(endpoint, claim)


class LosesRequests(MemoryTarget):
    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        seen = self.observe(endpoint)
        if seen is not None and seen.traffic and not seen.traffic.same_as(traffic):
            super().route(endpoint, Traffic(), claim)
            time.sleep(0.2)
        super().route(endpoint, traffic, claim)


class AdoptsWhateverIsThere(MemoryTarget):
    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        found = self.adoptable(record.endpoint)
        return super().adopt(record, expected, found.identity if found else identity)


class AdoptsUnconditionally(MemoryTarget):
    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        stored = self.read_record(record.endpoint)
        return super().adopt(record, stored[1] if stored else None, identity)


class AdoptsByTheRecordAlone(MemoryTarget):
    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        self._faults = FaultPlan([Fault("adopt", "half")])
        with contextlib.suppress(TargetUnavailable):
            super().adopt(record, expected, identity)
        stored = self.read_record(record.endpoint)
        return stored[1] if stored else ""


class CountsNothing(MemoryTarget):
    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        found = super().measure(endpoint, revision, window=window)
        return replace(found, requests=0) if found else None


class RendersWhatIsThere(MemoryTarget):
    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        there = {"there": self.observe(spec.name) is not None}
        return [{**each, **there} for each in super().render(spec, release)]


def _suite(broken: type[MemoryTarget]) -> type[TargetConformance]:
    bench = type("Bench", (BrokenWorkbench,), {"target": broken})

    class Suite(TargetConformance):
        @pytest.fixture
        def workbench(self, tmp_path: Path) -> Iterator[Workbench]:
            with MemoryPlace(tmp_path / "store") as place:
                yield bench(place)

    Suite.__name__ = Suite.__qualname__ = f"Test{broken.__name__}"
    return Suite


for _broken in [each for each in list(vars().values()) if isinstance(each, type) and issubclass(each, MemoryTarget)]:
    if _broken is not MemoryTarget:
        vars()[f"Test{_broken.__name__}"] = _suite(_broken)
