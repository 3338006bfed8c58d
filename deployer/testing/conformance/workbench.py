"""What the conformance suite needs of a place to test a target there."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from deployer.endpoint import Code, Endpoint, ModelRef, Phase, Record, Release, revision_id
from deployer.errors import ClaimLost
from deployer.spec import DeploymentSpec
from deployer.target import Measured, Request, Site, Target, TargetKind, Watches
from deployer.testing.caller import Caller
from deployer.testing.writer import Writer
from deployer.value import JSON, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

__all__ = ["FAILING", "Failure", "Lot", "Workbench", "still", "unmoving"]

Lot = Literal["first", "second", "load-fails", "missing-dependency"]
"""Which revision: two that become healthy and answer, and two that do not."""

Failure = Literal["timeout", "throttled", "server-error", "permission", "lost", "half"]
"""How a request of a verb fails. Of these ``permission`` alone is not transient. ``lost``: it was done, and the answer
was lost. ``half``: only the first of the things that it does was done."""

FAILING: dict[Lot, Code] = {
    "load-fails": Code.MODEL_LOAD,
    "missing-dependency": Code.MISSING_DEPENDENCY,
}
"""What is diagnosed for the lots that fail."""

Found = TypeVar("Found")


class Workbench(ABC):
    """One place where endpoints of one kind can be made, and how the suite gets revisions to make them of.

    Subclass it for your target; what has a default is overridden where your target differs.
    """

    patience: float = 30.0
    """Seconds after which the suite gives up waiting for something."""
    pace: float = 0.05
    """Seconds between two looks while it waits."""
    shares: bool = True
    """Whether traffic of the specs that it gives can be shared, where the target has `WeightedTraffic` at all."""
    copies: int = 100
    """The largest percentage of the requests that can be copied, where the target has `Mirrors`."""
    stride: int = 1
    """A writer is stopped before each of a verb's effects, or before the first and every so manyth after it."""
    address: str
    """Where the kind is found by another process, as an entry point: ``deployer.testing.memory:kind``."""

    @property
    @abstractmethod
    def kind(self) -> TargetKind:
        """The back end under test."""

    @property
    @abstractmethod
    def options(self) -> BaseModel:
        """The options of a target at this place."""

    def connect(self, site: Site | None = None) -> Target:
        """A new connection to the place; the suite uses several at once."""
        return self.kind.connect(self.options, site or Site(self.kind.name))

    def spec(self, name: str, lot: Lot = "first", **fields: Any) -> DeploymentSpec:
        """A wish for an endpoint, whose fields of revision scope are those of `release` of the same lot."""
        config = {**self.config(lot), **fields.pop("config", {})}
        model = f"models:/conformance-{lot}/1"
        return DeploymentSpec(name=name, model=model, target=self.kind.name, config=config, **fields)

    def config(self, lot: Lot) -> dict[str, JSON]:  # noqa: ARG002 - for those who override it
        """A spec's ``config`` that gives such a revision, where the target's own options do."""
        return {}

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        """What makes the revision; equal arguments give equal releases."""
        uri = f"models:/conformance-{lot}/1"
        model = ModelRef(uri=uri, resolved=uri, digest=digest(lot))
        fields: dict[str, JSON] = {"config": self.config(lot)}
        if secrets:
            fields["secrets"] = dict(secrets)
        whole = digest([model.digest, fields])
        return Release(
            revision=revision_id(whole), digest=whole, model=model, lock=digest("lock"), runtime="1", fields=fields
        )

    def deliver(self, target: Target, spec: DeploymentSpec, release: Release) -> None:  # noqa: B027 - has a default
        """Do what the engine's step does before `stage`: fill the target's sink. Nothing, for kinds without one."""

    def request(self) -> Request:
        """A request that the healthy lots answer with 200."""
        body = json.dumps({"inputs": [[1.0, 2.0], [3.0, 4.0]]}).encode()
        return Request(body=body, headers={"Content-Type": "application/json"}, timeout=self.patience)

    def answered(self, target: Target, name: str, revision: str) -> int:
        """How many requests a revision has answered of late, copies included; the suite looks where these go."""
        assert isinstance(target, Measured)  # noqa: S101 - others override it
        figures = target.measure(name, revision, window=600)
        return figures.requests if figures is not None else 0

    @abstractmethod
    def put_foreign(self, name: str) -> None:
        """Put something of that name there that carries no marks of ours, as another tool would."""

    @abstractmethod
    def foreign_untouched(self, name: str) -> bool:
        """Whether that thing is still exactly as it was put."""

    def leave_behind(self, name: str, revision: str) -> None:  # noqa: B027 - has a default
        """Have something of a revision lie there that its retirement, killed half-way, would have left.

        Nothing is to be done where `deployer.target.Target.retire` with ``keep`` leaves the revision's artifacts.
        """

    def running(self, name: str) -> JSON:  # noqa: ARG002 - for those who override it
        """What a restart of anything of that name would change: process or container ids with their start times.

        None where the place cannot tell; then the suite does not see a restart by `Adoptable.adopt`.
        """
        return None

    def inject(self, verb: str, failure: Failure) -> bool:  # noqa: ARG002 - for those who override it
        """Let the next request of a verb fail so, whoever sends it; False when this place cannot."""
        return False

    def leave(self, before: list[str]) -> None:
        """Wait until `leftovers` are those of before.

        Raises:
            AssertionError: After `patience` something else is left, or something is gone.
        """
        end = time.monotonic() + self.patience
        while (left := self.leftovers()) != before:
            if time.monotonic() > end:
                more, less = sorted({*left} - {*before}), sorted({*before} - {*left})
                raise AssertionError(f"left behind: {more}; gone: {less}")
            time.sleep(self.pace)

    def leftovers(self) -> list[str]:
        """All that is at the place beside what `Target.list` tells: processes, files, secrets; to find what is left."""
        return []

    # What tests share

    def calling(self, name: str) -> Caller:
        """A client with a connection of its own that calls the endpoint while the ``with`` block runs."""
        return Caller(self.connect(), name, self.request())

    def until(self, target: Target, name: str, found: Callable[[], Found | None]) -> Found:
        """Wait until something holds, and return it.

        Raises:
            AssertionError: It does not hold after `patience`; tells what is there.
        """
        end = time.monotonic() + self.patience
        while not (value := found()):
            if time.monotonic() > end:
                raise AssertionError(f"after {self.patience} s still: {target.observe(name)}")
            if isinstance(target, Watches):
                target.watch(name, self.pace)
            else:
                time.sleep(self.pace)
        return value

    def await_phase(self, target: Target, name: str, revision: str, phase: Phase = Phase.HEALTHY) -> Endpoint:
        """Wait until a revision is in that phase, and, if healthy, settled."""

        def there() -> Endpoint | None:
            endpoint = target.observe(name)
            seen = endpoint.find(revision) if endpoint else None
            settled = seen is not None and (phase is not Phase.HEALTHY or seen.settled)
            return endpoint if seen is not None and seen.phase is phase and settled else None

        return self.until(target, name, there)

    def await_gone(self, target: Target, name: str, revision: str | None = None) -> None:
        """Wait until nothing of a revision runs any more, or nothing of the endpoint is there."""

        def gone() -> bool:
            endpoint = target.observe(name)
            return endpoint is None or (revision is not None and endpoint.find(revision) is None)

        self.until(target, name, gone)

    def finish(self, target: Target, name: str, by: Writer | None = None) -> None:
        """Take the endpoint away, whatever state it is in, also when another destruction ends at the same moment."""
        writer = by or Writer(target, name)
        try:
            if by is None:
                writer.begin(self.spec(name), "delete")
            writer.destroy()
        except ClaimLost:
            if target.read_record(name) is not None:
                raise
        self.await_gone(target, name)

    def staged(self, target: Target, name: str, lot: Lot = "first", **fields: Any) -> Writer:
        """A new endpoint with one revision that is staged, by a writer that holds the claim."""
        spec, release = self.spec(name, lot, **fields), self.release(lot)
        writer = Writer(target, name).begin(spec)
        writer.configure(spec)
        self.add(writer, lot, **fields)
        if lot not in FAILING:
            self.await_phase(target, name, release.revision)
        return writer

    def add(self, writer: Writer, lot: Lot, **fields: Any) -> Release:
        """Deliver and stage one more revision, without waiting for it."""
        spec, release = self.spec(writer.name, lot, **fields), self.release(lot)
        writer.write(releases={**(writer.record.releases if writer.record else {}), release.revision: release})
        self.deliver(writer.target, spec, release)
        writer.stage(spec, release)
        return release


def unmoving(endpoint: Endpoint) -> dict[str, JSON]:
    """All that is told of an endpoint but for what changes by itself from one look to the next, as its memory does."""
    seen = endpoint.model_dump(mode="json", exclude={"detail": True, "phase": True})
    for revision in seen["revisions"]:
        for moving in ("facts", "detail", "phase", "ready", "settled", "restarts"):
            del revision[moving]
    return seen


def still(target: Target, name: str) -> tuple[dict[str, JSON] | None, Record | None, str | None]:
    """What of an endpoint does not change by itself, and its Record: for "nothing was changed"."""
    endpoint, stored = target.observe(name), target.read_record(name)
    return None if endpoint is None else unmoving(endpoint), *(stored or (None, None))
