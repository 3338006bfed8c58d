"""What carries our marks and nothing refers to any more: what a killed process, or a lost Record, left behind.

Nothing is that while somebody has the endpoint, or a roll-out is under way. Each thing is looked at again right before
it is removed, and is known by its id and the time at which Azure made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from deployer.endpoint import Record
from deployer.errors import ClaimLost, Conflict, DeployerError
from deployer.target import Orphan
from deployer_azureml.calls import Call, delete_deployment, delete_endpoint, delete_scaler
from deployer_azureml.client import Azure, told
from deployer_azureml.documents import seconds_of
from deployer_azureml.facts import SETTLED, DeploymentFact, Facts
from deployer_azureml.making import Maker, address_of
from deployer_azureml.names import ENVIRONMENTS, environment_name, environment_path, usable_name
from deployer_azureml.naming import Naming
from deployer_azureml.records import Records
from deployer_azureml.survey import Surveyor

__all__ = ["Left", "Orphanage", "Shared", "left_of"]

_RECORD = "record"


class Shared(Protocol):
    """What lies in a store that all endpoints share: images, models that are mounted."""

    def knows(self, orphan: Orphan) -> bool:
        """Whether it is of that kind."""

    def find(self, older_than: float) -> Iterator[Orphan]:
        """What may be removed, older than so many seconds."""

    def remove(self, orphan: Orphan, older_than: float) -> bool:
        """Look again, and remove it if it is what was found."""


@dataclass(frozen=True)
class Left:
    """A thing that nothing refers to.

    Attributes:
        kind: ``deployment``.
        name: Its own.
        calls: What removes it, the last being its own end; none: it is the Record itself.
        since: When it was made or changed last, seconds since the epoch; None where only its document tells.
    """

    kind: str
    name: str
    calls: tuple[Call, ...]
    since: float | None = None


def left_of(facts: Facts, record: Record | None, now: float, records: str = "") -> Iterator[Left]:
    """What is left of an endpoint that nobody changes. Pure.

    Args:
        facts: What was found.
        record: Its Record, if it has one.
        now: Azure's clock.
        records: A digest of where Records lie here (`deployer_azureml.placing.Placing.records`).
    """
    if facts.record_trouble or _is_held(record, now) or (record is None and facts.kept_elsewhere(records)):
        return
    main = facts.main
    known = frozenset(record.releases) if record is not None else frozenset()
    if main is not None and not main.settled:
        return  # something is at work on it
    if main is not None and record is None and not main.traffic and not facts.others:
        # Where it has traffic it serves somebody, whether its Record is there or not.
        if all(each.settled for each in facts.mine):
            scalers = tuple(delete_scaler(each.name) for each in facts.scalers)
            since = max([main.created, main.modified, *(max(each.created, each.modified) for each in facts.mine)])
            yield Left("endpoint", facts.name, (*scalers, *delete_endpoint(main)), since)
        return
    for each in facts.mine:
        if each.revision not in known and each.state in SETTLED and not facts.share(each) and not facts.copies(each):
            yield Left(
                "deployment", each.name, (*_let_go(facts, each), delete_deployment(facts, each.name)), _age(each)
            )
    there = {each.key for each in facts.deployments}
    for scaler in facts.scalers:
        if scaler.deployment not in there:
            yield Left("autoscale setting", scaler.name, (delete_scaler(scaler.name),))
    run = {each.environment.rpartition("/")[2] for each in facts.deployments}
    for environment in facts.environments:
        if environment.revision not in known and environment.version not in run:
            path = environment_path(facts.name, environment.version)
            yield Left("environment", environment.version, (Call("DeleteEnvironment", path, fine=("gone",)),))
    if record is not None and not _has_anything(facts) and not record.traffic:
        yield Left(_RECORD, facts.name, (), record.created)


def _is_held(record: Record | None, now: float) -> bool:
    """Whether somebody has it, or it is half-way somewhere, so that the same command goes on."""
    if record is None:
        return False
    return (record.claim is not None and record.claim.expires > now) or record.rollout is not None


def _let_go(facts: Facts, deployment: DeploymentFact) -> tuple[Call, ...]:
    scaler = facts.scaler(deployment)
    return (delete_scaler(scaler.name),) if scaler is not None else ()


def _age(found: DeploymentFact) -> float:
    return max(found.created, found.modified)


def _has_anything(facts: Facts) -> bool:
    return facts.endpoint is not None or bool(facts.deployments or facts.environments or facts.scalers)


class Orphanage:
    """Finds them, and removes them.

    Args:
        azure: The connection.
        records: Where Records lie.
        surveyor: Looks at endpoints.
        shared: Stores that all endpoints share.
    """

    def __init__(self, azure: Azure, records: Records, surveyor: Surveyor, shared: tuple[Shared, ...] = ()) -> None:
        self._azure = azure
        self._records = records
        self._surveyor = surveyor
        self._shared = shared
        self._naming = Naming(azure, records)

    def find(self, older_than: float) -> Iterator[Orphan]:
        """What may be removed, older than so many seconds."""
        for endpoint in sorted(self._names()):
            for _, orphan, _ in self._of(endpoint, older_than):
                yield orphan
        for store in self._shared:
            yield from store.find(older_than)

    def remove(self, orphan: Orphan, older_than: float) -> bool:
        """Look again, and remove it if it is what was found, and still nothing refers to it."""
        for store in self._shared:
            if store.knows(orphan):
                return store.remove(orphan, older_than)
        for left, again, seen in self._of(orphan.endpoint, older_than) if orphan.endpoint else ():
            if again.identity == orphan.identity:
                return self._remove(left, again, seen)
        return False

    def _remove(self, left: Left, orphan: Orphan, seen: str) -> bool:
        if not left.calls:
            self._records.forget(left.name, orphan.identity.rpartition("@")[2])
            return True
        endpoint = orphan.endpoint or left.name
        maker = Maker(self._azure, lambda: self._same(endpoint, seen), self._surveyor.sign)
        try:
            return all(maker.make(each) for each in left.calls)
        except Conflict:
            return False  # it is somebody else's by now, or something needs it

    def _version(self, endpoint: str) -> str:
        stored = self._records.read(endpoint)
        return stored[1] if stored is not None else ""

    def _same(self, endpoint: str, seen: str) -> None:
        """Right before each call: whoever claims it writes its Record first."""
        if self._version(endpoint) != seen:
            raise ClaimLost(f"somebody has {endpoint} now", hint="deployer gc")

    def _names(self) -> set[str]:
        """Endpoints of ours, and those of which an environment is left alone."""
        found = set(self._surveyor.names()[0])
        with told("list environments"):
            for each in self._azure.all(ENVIRONMENTS):
                name = str(each.get("name") or "").removeprefix(environment_name(""))
                if usable_name(name) and environment_name(name) == each.get("name"):
                    found.add(name)
        return found

    def _of(self, endpoint: str, older_than: float) -> Iterator[tuple[Left, Orphan, str]]:
        """What is left of it, and the version of the Record that this was seen by; "" for none."""
        try:
            stored = self._records.read(endpoint)
            facts = self._surveyor.survey(endpoint, record=stored)
            now = self._azure.now()
        except DeployerError:
            return  # nobody can tell what it refers to
        record, version = stored if stored is not None else (None, "")
        for each in left_of(facts, record, now, self._records.place):
            if each.kind == "environment" and self._is_run(each.calls[-1]):
                continue
            since = each.since if each.since is not None else self._made(each.calls[-1])
            # Azure's clock is read to the second; what has no age that can be told is left.
            if since is None or max(0.0, now - since) < older_than:
                continue
            mark = version if not each.calls else f"{since:.3f}"
            identity = f"{each.kind}|{endpoint}|{each.name}@{mark}"
            yield each, Orphan(identity, f"{each.kind} {each.name}", None, since, endpoint), version

    def _is_run(self, call: Call) -> bool:
        """Whether a deployment of some endpoint is made of an environment; so, where nobody can tell."""
        try:
            with told("look at deployments"):
                return address_of(call, self._azure).lower() in self._naming.environments()
        except DeployerError:
            return True

    def _made(self, call: Call) -> float | None:
        """When the thing was made that a call removes; None where Azure does not tell, or it is gone."""
        with told(f"look at {call.path.rpartition('/')[2]}"):
            document: Any = self._azure.get(address_of(call, self._azure))
        about = (document or {}).get("systemData") or {}
        return max(seconds_of(about.get("createdAt")), seconds_of(about.get("lastModifiedAt"))) or None
