"""The spec of an endpoint that is there: the recorded one of ours, and of others' as much as the target can tell."""

from __future__ import annotations

from pydantic import Field

from deployer.endpoint import Observed
from deployer.engine.adopting import adoptable_there, refuse_unadoptable
from deployer.errors import Conflict, NotFound
from deployer.target import Target, TargetKind
from deployer.value import JSON, Value

__all__ = ["Imported", "imported"]


class Imported(Value):
    """What ``apply -f`` would take to have an endpoint as it runs."""

    name: str
    target: str
    spec: dict[str, JSON]
    """As in a file; without ``model`` when that could not be told."""
    owner: str | None = None
    """Whose it is; None when deployer did not make it."""
    what: str = ""
    """Of something that deployer did not make: what it is."""
    untold: dict[str, str] = Field(default_factory=dict)
    """Dotted field -> why it could not be told."""
    under_way: str = ""
    """The roll-out that the recorded spec is the wish of, when one is not finished."""


def imported(name: str, observed: Observed, target: Target, kind: TargetKind, where: str) -> Imported:
    """The spec of what is there; changes nothing.

    Args:
        name: Of the endpoint.
        observed: What is there.
        target: Where.
        kind: Its kind.
        where: The target's name.

    Raises:
        NotFound: Nothing of that name is there.
        Conflict: It is ours, and its Record is lost; or it is not ours, and what it is cannot be told.
        SpecError: The target tells nothing of what deployer did not make.
    """
    endpoint, record = observed.endpoint, observed.record
    if observed.absent:
        raise NotFound(f"there is no endpoint {name} on {where}", hint="deployer list --all")
    if endpoint is None or endpoint.managed:
        if record is None or not record.spec:
            raise Conflict(
                f"the record of {name} is lost, and with it the spec",
                hint="deployer apply -f FILE says the whole wish, and the record is written anew",
            )
        way = record.rollout
        under_way = f"the {way.verb} to {way.revision}" if way else ""
        spec = {**record.spec, "target": where}
        return Imported(name=name, target=where, spec=spec, owner=record.owner, under_way=under_way)
    found = adoptable_there(refuse_unadoptable(target, where), kind, name)
    if found is None:
        raise Conflict(
            f"{name} on {where} was not made by deployer, and what it is cannot be told", hint="deployer list --all"
        )
    spec = {"name": name, **{key: found.spec[key] for key in ("model",) if key in found.spec}, "target": where}
    return Imported(name=name, target=where, spec={**spec, **found.spec}, what=found.what, untold=dict(found.untold))
