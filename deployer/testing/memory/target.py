"""The in-memory target: each verb is one request to its store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict, DeployerError, NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import (
    Adoptable,
    Adoption,
    Autoscales,
    Check,
    Diagnoses,
    EnvironmentSink,
    Figures,
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
    Watches,
    WeightedTraffic,
    ensure_held,
    told_variables,
)
from deployer.target.exchange import passed_on
from deployer.testing.memory.config import MemoryOptions
from deployer.testing.memory.place import Fault, FaultPlan
from deployer.testing.memory.requests import configuring, revision_of, routing, staging
from deployer.testing.memory.wire import Answer, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deployer.value import JSON

__all__ = ["MemoryTarget", "store_folder"]

_REFUSED: Mapping[str, type[DeployerError]] = {"Conflict": Conflict, "NotFound": NotFound}


class MemoryTarget(
    Target, Logs, Diagnoses, InvokesRevision, Watches, WeightedTraffic, Mirrors, Autoscales, KeepsSecrets, Preflight,
    Orphans, Measured, Renderable, Adoptable,
):  # fmt: skip
    """Endpoints that live in a store, a process of its own.

    Args:
        options: Where the store is.
        site: The target's name and the owner whose marks it sets.
        faults: Failures of this connection alone, for tests; `MemoryPlace.inject` makes those of the place itself.
    """

    kind: ClassVar[str] = "memory"
    poll: ClassVar[float] = 0.1

    def __init__(self, options: MemoryOptions, site: Site, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(site)
        self.root = store_folder(options)
        self._wire = Wire(self.root, options.idle)
        self._faults = FaultPlan(faults)
        self._seen: dict[str, tuple[int, float]] = {}

    def _ask(self, verb: str, *, patience: float = 30.0, **arguments: Any) -> Any:
        answer = self._wire.ask(verb, arguments, fault=self._faults.next(verb), seconds=patience)
        if "refused" in answer:
            raise self._error(answer["refused"], verb)
        if verb == "observe":
            self._seen[arguments["endpoint"]] = (answer["change"], answer["at"])
        return answer["value"]

    def _change(self, verb: str, claim: Claim, **arguments: Any) -> None:
        try:
            self._ask(verb, claim={"token": claim.token, "generation": claim.generation}, **arguments)
        except _Lost as lost:
            ensure_held(lost.record, claim)
            raise AssertionError("the store refused a claim that holds") from lost

    def _error(self, refused: Answer, where: str) -> DeployerError:
        if refused["kind"] == "ClaimLost":
            if "record" not in refused:
                return ClaimLost(refused["message"], where=where)
            return _Lost(Record.model_validate(refused["record"]) if refused["record"] else None)
        if refused["kind"] in _REFUSED:
            return _REFUSED[refused["kind"]](refused["message"], where=where)
        return TargetUnavailable(refused["message"], transient=refused.get("transient", False), where=where)

    def now(self) -> float:
        return float(self._ask("now"))

    def observe(self, endpoint: str) -> Endpoint | None:
        seen = self._ask("observe", endpoint=endpoint)
        return self._endpoint(seen) if seen else None

    def list(self) -> Iterable[Endpoint]:
        return [self._endpoint(seen) for seen in self._ask("list")]

    def _endpoint(self, seen: Answer) -> Endpoint:
        return Endpoint.model_validate({**seen, "target": self.site.name})

    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        stored = self._ask("read_record", endpoint=endpoint)
        return (Record.model_validate(stored[1]), stored[0]) if stored else None

    def write_record(self, record: Record, expected: str | None) -> str:
        return str(self._ask("write_record", record=record.model_dump(mode="json"), expected=expected))

    def sink(self, endpoint: str) -> EnvironmentSink | None:  # noqa: ARG002 - nothing is delivered
        return None

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        self._change("configure", claim, **configuring(spec))

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        self._change("stage", claim, **staging(spec, release))

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        self._change("route", claim, **routing(endpoint, traffic))

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        told = mirrored.model_dump() if mirrored is not None else None
        self._change("mirror", claim, endpoint=endpoint, mirror=told)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        self._change("retire", claim, endpoint=endpoint, revision=revision, keep=keep)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        self._change("destroy", claim, endpoint=endpoint)

    def invoke(self, endpoint: str, request: Request) -> Response:
        return self._request("invoke", request, endpoint=endpoint)

    def invoke_revision(self, endpoint: str, revision: str, request: Request) -> Response:
        return self._request("invoke_revision", request, endpoint=endpoint, revision=revision)

    def _request(self, verb: str, request: Request, **where: str) -> Response:
        sent = {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body.hex(),
        }
        answer = self._ask(verb, patience=request.timeout, request=sent, **where)
        return passed_on(request, Response(answer["status"], bytes.fromhex(answer["body"]), answer["headers"]))

    def watch(self, endpoint: str, seconds: float) -> None:
        change, at = self._seen.get(endpoint, (0, 0.0))
        self._ask("watch", patience=seconds + 30.0, endpoint=endpoint, seconds=seconds, change=change, at=at)

    def logs(
        self, endpoint: str, *, revision: str | None = None, tail: int | None = None, since: float | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:  # fmt: skip
        told: set[tuple[str, str, float, str]] = set()
        while True:
            lines = [LogLine(**line) for line in self._ask("logs", endpoint=endpoint, revision=revision, since=since)]
            for line in lines if tail is None or told else lines[max(0, len(lines) - tail) :]:
                if (key := (line.revision, line.replica, line.at or 0.0, line.text)) not in told:
                    yield line
                    told.add(key)
            if not follow:
                return
            told.update((line.revision, line.replica, line.at or 0.0, line.text) for line in lines)
            self.observe(endpoint)
            self.watch(endpoint, 1.0)

    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        found = self._ask("diagnose", endpoint=endpoint, revision=revision)
        return Diagnosis.model_validate(found) if found else None

    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        return bool(self._ask("holds_secret", endpoint=endpoint, name=name, number=number, value=value))

    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        flat = [[name, number, value] for (name, number), value in values.items()]
        self._change("keep_secrets", claim, endpoint=endpoint, values=flat)

    def preflight(self) -> Iterable[Check]:
        there = self.root
        while not there.exists():
            there = there.parent
        writable = os.access(there, os.W_OK | os.X_OK)
        yield Check("folder of the memory store", writable, str(self.root), None if writable else f"ls -ld {there}")
        skew = abs(self.now() - time.time())
        yield Check("clock of the memory store", True, f"{skew:.0f} s apart from this host's")

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return [Orphan(**each) for each in self._ask("orphans", older_than=older_than)]

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return bool(self._ask("remove_orphan", identity=orphan.identity, older_than=older_than))

    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        found = self._ask("measure", endpoint=endpoint, revision=revision, window=window)
        return Figures(**found) if found else None

    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        asked = {
            "configure": configuring(spec),
            "stage": staging(spec, release),
            "route": routing(spec.name, Traffic.all_to(release.revision)),
        }
        return [{"verb": verb, "arguments": arguments} for verb, arguments in asked.items()]

    def adoptable(self, endpoint: str) -> Adoption | None:
        found = self._ask("adoptable", endpoint=endpoint)
        if found is None:
            return None
        told, hidden = told_variables(found.get("env") or {})
        spec = {key: found[key] for key in ("model", "replicas", "config") if found.get(key)}
        untold = {} if "model" in spec else {"model": "it does not say which one it serves"}
        untold |= {f"env.{name}": "its value looks secret" for name in hidden}
        return Adoption(
            identity=found["identity"], what=f"endpoint {endpoint}", spec={**spec, **({"env": told} if told else {})},
            untold=untold,
        )  # fmt: skip

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        serving = record.traffic.served
        release = record.releases.get(serving[0]) if serving else None
        replicas = DeploymentSpec(**record.spec).replicas if record.spec else 1
        revision = revision_of(release, replicas) if release else None
        written = record.model_dump(mode="json")
        return str(self._ask("adopt", record=written, expected=expected, identity=identity, revision=revision))


class _Lost(DeployerError):
    """The store's word that a claim does not hold, with the Record that it saw."""

    def __init__(self, record: Record | None) -> None:
        super().__init__("the claim does not hold")
        self.record = record


def store_folder(options: MemoryOptions) -> Path:
    """The folder that these options mean."""
    if options.root is not None:
        return options.root.expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    home = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return home / "deployer" / "memory"
