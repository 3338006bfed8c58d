"""Many targets at once: what is there, what they need, what nothing refers to any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pydantic import Field

from deployer.endpoint import Diagnosis, Endpoint, Observed, Phase
from deployer.engine.describe import describe
from deployer.errors import DeployerError
from deployer.target import Check, Diagnoses, Figures, Measured, Orphans, Preflight, Target
from deployer.value import Value

__all__ = ["Listing", "Removal", "Status", "Unreachable", "collect_orphans", "examine", "list_endpoints", "status_of"]

Places = Mapping[str, Callable[[], Target]]
"""Target's name -> connects it."""


class Status(Value):
    """All that is known of one endpoint at one moment."""

    endpoint: Endpoint
    observed: Observed
    diagnoses: dict[str, Diagnosis]
    """By revision, for those that are not well."""
    figures: dict[str, Figures] = Field(default_factory=dict)
    """By revision, where they were asked for and the target measures them."""


class Unreachable(Value):
    """A target that could not be asked."""

    target: str
    reason: str
    hint: str | None = None


class Listing(Value):
    """The endpoints of all targets that were asked."""

    endpoints: tuple[Endpoint, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()


class Removal(Value):
    """What ``gc`` found on one target or in this machine's cache, and whether it is gone."""

    target: str
    identity: str
    what: str
    size: int | None
    removed: bool
    count: int = 1
    """How many things it stands for."""


def status_of(target: Target, observed: Observed, name: str, *, window: float | None = None) -> Status | None:
    """An endpoint with why its revisions are not well, as far as the target can tell; None when nothing is there.

    Args:
        target: Where it is.
        observed: What was seen.
        name: The target's name.
        window: Seconds of requests to be counted, too.
    """
    endpoint = describe(observed, name, target.now)
    if endpoint is None:
        return None
    diagnoses: dict[str, Diagnosis] = {}
    if isinstance(target, Diagnoses) and endpoint.managed:
        for revision in endpoint.revisions:
            well = revision.phase in (Phase.HEALTHY, Phase.STOPPING)
            found = None if well else target.diagnose(endpoint.name, revision.id)
            if found:
                diagnoses[revision.id] = found
    figures = _figures(target, endpoint, window) if window is not None else {}
    return Status(endpoint=endpoint, observed=observed, diagnoses=diagnoses, figures=figures)


def _figures(target: Target, endpoint: Endpoint, window: float) -> dict[str, Figures]:
    """Of each revision; without those that cannot be had now, since the rest of a status does not hang on them."""
    found: dict[str, Figures] = {}
    if not isinstance(target, Measured) or not endpoint.managed:
        return found
    for revision in endpoint.revisions:
        with suppress(DeployerError):
            figures = target.measure(endpoint.name, revision.id, window=window)
            if figures is not None:
                found[revision.id] = figures
    return found


def list_endpoints(places: Places, *, everything: bool) -> Listing:
    """The endpoints of each target; one that cannot be asked is a line of the answer, not an error for the others.

    Args:
        places: The targets.
        everything: Also what is not ours.
    """

    def ask(name: str) -> tuple[Endpoint, ...] | Unreachable:
        try:
            target = places[name]()
            return tuple(_described(target, each, name) for each in target.list() if each.managed or everything)
        except DeployerError as error:
            return Unreachable(target=name, reason=str(error), hint=error.hint)

    with ThreadPoolExecutor(max_workers=max(1, min(8, len(places)))) as pool:
        answers = [*pool.map(ask, places)]
    found = [each for answer in answers if not isinstance(answer, Unreachable) for each in answer]
    return Listing(endpoints=tuple(found), unreachable=tuple(a for a in answers if isinstance(a, Unreachable)))


def _described(target: Target, endpoint: Endpoint, name: str) -> Endpoint:
    stored = target.read_record(endpoint.name) if endpoint.managed else None
    record, version = stored or (None, None)
    return describe(Observed(endpoint=endpoint, record=record, version=version), name, target.now) or endpoint


def examine(places: Places) -> dict[str, tuple[Check, ...]]:
    """What each target's preflight says; one that cannot be connected says so."""
    found: dict[str, tuple[Check, ...]] = {}
    for name, connect in places.items():
        try:
            target = connect()
            found[name] = tuple(target.preflight()) if isinstance(target, Preflight) else ()
        except DeployerError as error:
            found[name] = (Check(what="reachable", ok=False, detail=str(error), hint=error.hint),)
    return found


def collect_orphans(places: Places, *, remove: bool, older_than: float) -> tuple[Removal, ...]:
    """Find orphans on each target and, with ``remove``, look again and remove them."""
    found: list[Removal] = []
    for name, connect in places.items():
        target = connect()
        if not isinstance(target, Orphans):
            continue
        for orphan in target.orphans(older_than=older_than):
            gone = remove and target.remove_orphan(orphan, older_than=older_than)
            found.append(
                Removal(target=name, identity=orphan.identity, what=orphan.what, size=orphan.size, removed=gone)
            )
    return tuple(found)
