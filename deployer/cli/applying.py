"""One or many endpoints at once: all are planned before the first is changed, and each has its own outcome."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.carrying import carried, confirm
from deployer.cli.patience import patiently
from deployer.cli.releasing import PLANNING, Terms, release, show_plans
from deployer.cli.render.errors import error_document, error_lines
from deployer.cli.screen import OutputClosed
from deployer.cli.wishes import Asked, documents, spec_for
from deployer.errors import DeployerError, NotFound, SpecError, most_severe
from deployer.plan import Plan
from deployer.spec import DeploymentSpec

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["Planned", "apply_plans", "plan_files", "plans_meant", "read_plans"]

Planned = Plan | tuple[DeploymentSpec, DeployerError]
"""A plan, or why there is none: a target that cannot be reached is one endpoint's trouble, not all others'."""


def plans_meant(
    now: Session, asked: Asked, saved: str | None, *, retry: bool, upgrade: bool, verify: bool, adopt: bool = False
) -> list[Planned]:
    """The plans of the files that were named, or those that were saved.

    Raises:
        SpecError: Something in the files is not usable, or a saved plan was given and something beside it.
        NotFound: There is no such file.
    """
    if saved is None:
        return plan_files(now, asked, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
    if asked.files or asked.target or asked.sets or retry or upgrade or verify or adopt:
        raise SpecError(
            "--plan is carried out as it is: leave -f, -t, --set, --retry, --upgrade, --verify and --adopt out"
        )
    return read_plans(now, saved)


def plan_files(
    now: Session, asked: Asked, *, retry: bool = False, upgrade: bool = False, verify: bool = False,
    adopt: bool = False,
) -> list[Planned]:  # fmt: skip
    """The plan of each document.

    Raises:
        SpecError: Something in any of them is not usable.
    """
    specs = [spec_for(now, asked, each) for each in documents(asked)]
    twice = {(s.name, s.target) for s in specs if sum((o.name, o.target) == (s.name, s.target) for o in specs) > 1}
    if twice:
        name, target = min(twice)
        raise SpecError(f"{name} on {target} is there twice", where=", ".join(asked.files) or None)
    planned: list[Planned] = []
    for spec in specs:
        began = now.elapsed
        try:
            with patiently(now.screen, "plan", f"{spec.name}: {PLANNING}"):
                planned.append(
                    now.deployer.plan(spec, verb="apply", retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
                )
        except SpecError:
            raise
        except DeployerError as error:
            if len(specs) == 1:
                raise
            planned.append((spec, error))
        now.planning[spec.name, spec.target] = now.elapsed - began
    return planned


def read_plans(now: Session, path: str) -> list[Planned]:
    """Plans that ``plan -o json`` wrote, one or several.

    Raises:
        NotFound: There is no such file.
        SpecError: It is no plan of this version.
    """
    import json

    from pydantic import ValidationError

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except FileNotFoundError:
        raise NotFound("no such file", where=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", where=path) from None
    try:
        data = json.loads(text)
        found = data["plans"] if isinstance(data, dict) and "plans" in data else [data]
        plans = [Plan.model_validate(each) for each in found]
    except (ValueError, ValidationError, RecursionError, TypeError):
        raise SpecError(
            "this is no plan", where=path, hint="deployer plan -f deployer.yaml -o json > plan.json writes one"
        ) from None
    for each in plans:
        now.place(each.target)
    return list(plans)


def apply_plans(now: Session, planned: Sequence[Planned], terms: Terms, asked: Asked) -> int:
    """Carry all of them out, one after the other; returns the most severe exit code."""
    if len(planned) == 1 and isinstance(planned[0], Plan):
        return release(now, planned[0], terms, asked)
    plans = [each for each in planned if isinstance(each, Plan)]
    if terms.dry_run:
        show_plans(now, plans, [None for _ in plans])
    else:
        for plan in plans:
            if plan.has_changes and not confirm(now, plan, yes=terms.yes, confirmed=terms.confirm, question=None):
                now.screen.say("Nothing was changed.")
                return 0
    codes, told = [], []
    for each in planned:
        if isinstance(each, Plan):
            if not terms.dry_run:
                result = carried(now, each, terms.manner, alone=False)
                codes.append(result.code)
                told.append({**result.document, "exit_code": result.code})
            continue
        spec, error = each
        now.screen.say(f"{spec.name} on {spec.target}", *error_lines(error, paint=now.screen.paint_err))
        codes.append(error.exit_code)
        told.append(
            {"name": spec.name, "target": spec.target, "error": error_document(error), "exit_code": error.exit_code}
        )
    code = most_severe(codes)
    if now.screen.documents and not terms.dry_run:
        with suppress(OutputClosed):
            now.screen.document({"endpoints": told, "exit_code": code})
    if not terms.dry_run:
        now.screen.tell([_together(codes)])
    return code


def _together(codes: Sequence[int]) -> str:
    failed = sum(1 for code in codes if code)
    return (
        f"{len(codes)} endpoints: {len(codes) - failed} as wished, {failed} not."
        if failed
        else f"All {len(codes)} endpoints are as wished."
    )
