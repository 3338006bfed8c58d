"""Which verb ``plan`` plans, and the plans of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deployer.cli.applying import plan_files
from deployer.cli.patience import patiently
from deployer.cli.releasing import PLANNING, plan_update, run_line
from deployer.cli.wishes import Asked, one_document, spec_for, target_of
from deployer.errors import NotFound, SpecError
from deployer.plan import Plan

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["plans_of"]


def plans_of(
    now: Session, asked: Asked, verb: str | None, *, retry: bool, upgrade: bool, verify: bool, adopt: bool = False
) -> tuple[list[Plan], list[str | None]]:
    """The plans, each with the command that carries it out.

    Raises:
        NotFound: ``--as update`` of what is not there.
        Conflict: ``--as create`` of what is there and is something else.
        SpecError: The wish is not usable.
        TargetUnavailable: A target could not be asked.
    """
    from_file = bool(asked.files) or asked.wants_default_file
    verb = verb or ("apply" if from_file or adopt else _by_what_is_there(now, asked))
    if adopt and verb != "apply":
        raise SpecError(f"--adopt is of apply, not of {verb}", hint="leave --as out, or say --as apply")
    if verb == "apply" and from_file and asked.name is None:
        return _all_of(now, asked, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
    if verb == "update":
        plan = plan_update(now, asked, upgrade=upgrade, verify=verify)
    else:
        spec = spec_for(now, asked, one_document(asked, verb))
        with patiently(now.screen, "plan", PLANNING):
            plan = now.deployer.plan(spec, verb=verb, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
    flags = {"retry": retry and verb == "apply", "upgrade": upgrade, "verify": verify}
    more = _flags(flags) if verb != "create" else ""
    run = run_line(now, plan, asked)
    return [plan], [f"{run}{more}" if run else None]


def _all_of(
    now: Session, asked: Asked, *, retry: bool, upgrade: bool, verify: bool, adopt: bool
) -> tuple[list[Plan], list[str | None]]:
    plans: list[Plan] = []
    for each in plan_files(now, asked, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt):
        if not isinstance(each, Plan):
            raise each[1]
        plans.append(each)
    run = run_line(now, plans[0], asked) if len(plans) == 1 else None
    more = _flags({"retry": retry, "upgrade": upgrade, "verify": verify})
    return plans, [f"{run}{more}" if run else None, *([None] * (len(plans) - 1))]


def _flags(said: Mapping[str, bool]) -> str:
    return "".join(f" --{word}" for word, wanted in said.items() if wanted)


def _by_what_is_there(now: Session, asked: Asked) -> str:
    if asked.name is None:
        return "create"  # which then says that NAME is missing
    try:
        now.deployer.get(asked.name, target=target_of(now, asked))
    except NotFound:
        return "create"
    return "update"
