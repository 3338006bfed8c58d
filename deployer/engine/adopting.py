"""Takes an endpoint over that is not ours: our marks and our Record on what runs, and nothing else touched."""

from __future__ import annotations

from dataclasses import replace

from deployer.endpoint import Observed, Record
from deployer.engine.claiming import Hold, claimed
from deployer.engine.clock import Clock
from deployer.engine.conditions import Conditions
from deployer.engine.events import StepName
from deployer.engine.holder import this_process
from deployer.engine.observing import observe
from deployer.engine.run import Telling
from deployer.errors import Conflict, Interrupted, SpecError, TargetUnavailable
from deployer.plan import ADOPT, Adopts, Plan, adopted_record, remainder
from deployer.spec import DeploymentSpec, validated
from deployer.target import Adoptable, Adoption, Target, TargetKind
from deployer.value import JSON

__all__ = ["adoptable_there", "adoption_of", "refuse_unadoptable", "taken_over"]

_STEP: StepName = "adopt"
_UNKNOWN = "m"
"""Stands for a model that could not be told while the other fields are brought to their one form."""


def refuse_unadoptable(target: Target, where: str) -> Adoptable:
    """The target, if it can take over what is not ours.

    Raises:
        SpecError: It cannot.
    """
    if isinstance(target, Adoptable):
        return target
    raise SpecError(
        f"{where} cannot tell or take over what deployer did not make",
        hint=f"deployer targets {where} says what it can",
    )


def adoption_of(
    observed: Observed, target: Target, kind: TargetKind, spec: DeploymentSpec, *, owner: str
) -> Adoption | None:
    """What has to be known of an endpoint before it can be taken over; None when it carries marks, or is not there.

    Args:
        observed: What is there.
        target: Where.
        kind: Its kind.
        spec: The wish.
        owner: We.

    Raises:
        SpecError: It is not ours, and the target takes over nothing.
    """
    endpoint, record = observed.endpoint, observed.record
    whose = record.owner if record else endpoint.owner if endpoint else None
    if endpoint is not None and not endpoint.managed:
        return adoptable_there(refuse_unadoptable(target, spec.target), kind, spec.name)
    if whose not in (None, owner):
        refuse_unadoptable(target, spec.target)
    return None


def adoptable_there(target: Adoptable, kind: TargetKind, name: str) -> Adoption | None:
    """What the target tells of something that is not ours, its fields in the one form that wishes have."""
    found = target.adoptable(name)
    if found is None:
        return None
    config = validated(kind.config, dict(found.spec.get("config") or {}), _dotted, prefix=("config",))
    needed = {} if (found.spec.get("image") or {}).get("use") else {"model": _UNKNOWN}
    data: dict[str, JSON] = {
        **needed, **found.spec, "name": "any", "target": "local",
        "config": config.model_dump(mode="json", exclude_defaults=True),
    }  # fmt: skip
    told = validated(DeploymentSpec, data, _dotted).wish()
    own = ("name", "target", *(() if "model" in found.spec else ("model",)))
    return replace(found, spec={field: value for field, value in told.items() if field not in own})


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


class Takeover(Hold):
    """A Hold whose first write takes the endpoint over; sent again as a whole, since of it the Record may be all.

    Args:
        hold: Of the change that begins.
        target: Where.
        clock: Ours.
        identity: Of what is taken over, as `Adoptable.adopt`.
    """

    def __init__(self, hold: Hold, target: Target, clock: Clock, identity: str | None) -> None:
        super().__init__(target, clock, hold.record, hold._version)  # noqa: SLF001 - the same Hold, continued
        self._adopter = refuse_unadoptable(target, target.site.name)
        self._identity = identity
        self._taken = False

    def _attempt(self, record: Record) -> None:
        if self._taken:
            super()._attempt(record)
            return
        if self._doubtful is not None:
            stored = self._target.read_record(record.endpoint)
            if stored is not None and stored[0] == self._doubtful:
                self._version = stored[1]
        self._doubtful = record
        self._version = self._adopter.adopt(record, self._version, self._identity)
        self._doubtful, self.record, self._taken = None, record, True


def taken_over(
    plan: Plan,
    adopts: Adopts,
    observed: Observed,
    target: Target,
    *,
    patience: float,
    conditions: Conditions,
    telling: Telling,
) -> tuple[Plan, Observed]:
    """Do it, wait until the target shows it as ours, and give what is left of the plan, with what is there then.

    Args:
        plan: It.
        adopts: Its part about that.
        observed: What it was made on.
        target: Where.
        patience: Seconds after which marks that were asked for and do not show are told as an error.
        conditions: Of the command.
        telling: Hears of it.

    Raises:
        Conflict: Something else is there by now, or somebody else was quicker.
        TargetUnavailable: It was asked for, and does not show.
        Interrupted: Half-way; it serves as before, and the same command goes on.
    """
    clock, name = conditions.clock, plan.endpoint
    entry = (conditions.by, clock.now())
    record = adopted_record(name, adopts, observed, plan.owner, entry)
    begun = claimed(target, clock, observed, record, holder=this_process(conditions.by), verb=ADOPT)
    hold = Takeover(begun, target, clock, adopts.identity)
    try:
        with telling.step(_STEP, adopts.release.revision if adopts.release else None) as detail:
            hold.take()
            seen = _shown_as_ours(plan, target, clock, hold, patience)
            hold.give_back()
            runs = seen.endpoint.traffic.served if seen.endpoint else ()
            detail.append(f"{', '.join(runs) or name} carries the marks of {plan.owner}, and runs on")
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted while {name} was taken over; it serves as before", hint="the same command goes on with it"
        ) from error
    finally:
        hold.end()
    return remainder(plan, hold.record), observe(target, name, clock)


def _shown_as_ours(plan: Plan, target: Target, clock: Clock, hold: Hold, patience: float) -> Observed:
    deadline = clock.monotonic() + patience
    while True:
        seen = observe(target, plan.endpoint, clock)
        if seen.endpoint is None:
            raise Conflict(f"{plan.endpoint} went away while it was taken over", hint="deployer list --all")
        if seen.endpoint.managed and seen.endpoint.owner in (plan.owner, None):
            return seen
        if clock.monotonic() >= deadline:
            raise TargetUnavailable(
                f"{plan.endpoint} does not carry our marks after {patience:.0f} s; it serves as before",
                hint=f"deployer status {plan.endpoint}",
            )
        hold.renew()
        clock.sleep(min(0.2, target.poll))
