"""What ``create``, ``update``, ``apply``, ``rollback`` and ``delete`` have in common, from the plan on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deployer.cli.carrying import Manner, asking, carry_out, confirm
from deployer.cli.patience import patiently
from deployer.cli.render.commands import command
from deployer.cli.render.documents import plan_document
from deployer.cli.render.plan import change_lines, heading, plan_lines, plan_markdown, touched
from deployer.cli.screen import Form
from deployer.cli.wishes import Asked, one_document, patch_for, spec_for, target_of
from deployer.errors import Conflict, SpecError

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.plan import Plan

__all__ = ["PLANNING", "Terms", "plan_create", "plan_update", "release", "run_line", "show_plans"]


PLANNING = "asking the target, reading the model, resolving its requirements"


@dataclass(frozen=True)
class Terms:
    """On which terms a plan is carried out."""

    dry_run: bool = False
    yes: bool = False
    confirm: Sequence[str] = ()
    wait: bool = True
    once: bool = False
    timeout: float | None = None
    wait_lock: float | None = None
    keep_failed: bool = False

    @property
    def manner(self) -> Manner:
        """As the engine takes it."""
        return Manner(
            wait=self.wait, once=self.once, timeout=self.timeout, wait_lock=self.wait_lock, keep_failed=self.keep_failed
        )


def release(
    now: Session, plan: Plan, terms: Terms, asked: Asked | None = None, *, question: str | None = None, leaves: str = ""
) -> int:
    """Show the plan, or ask and carry it out; returns the exit code.

    Args:
        now: The run.
        plan: What is to be done.
        terms: How.
        asked: What was typed of the wish, for the command that a dry run prints.
        question: What is asked when something is lost; None when nothing is.
        leaves: What stays, said once.
    """
    screen = now.screen
    if not terms.wait and terms.once:
        raise SpecError(
            "--no-wait and --once exclude one another", hint="--no-wait stages only; --once does all that is due"
        )
    if terms.dry_run:
        show_plans(now, [plan], [run_line(now, plan, asked)])
        if leaves and screen.form is Form.TABLE:
            screen.data(leaves)
        return 0
    asks = plan.has_changes and screen.interactive and asking(now, plan, yes=terms.yes, question=question)
    if asks:
        lines = [heading(plan), *change_lines(plan.changes, paint=screen.paint_err), leaves]
        screen.say(*(line for line in lines if line))
    if plan.has_changes and not confirm(now, plan, yes=terms.yes, confirmed=terms.confirm, question=question):
        screen.say("Nothing was changed.")
        return 0
    code = carry_out(now, plan, replace(terms.manner, opened=asks))
    if code == 0 and leaves and not asks:
        screen.tell([leaves])
    return code


def plan_create(now: Session, asked: Asked) -> Plan:
    """The plan of ``create``.

    Raises:
        Conflict: It is there and is something else; the hint is the very command that changes it.
        SpecError: The wish is not usable.
    """
    spec = spec_for(now, asked, one_document(asked, "create"))
    try:
        with patiently(now.screen, "plan", PLANNING):
            return now.deployer.plan(spec, verb="create")
    except Conflict as error:
        if error.hint and "deployer update" in error.hint:
            words = replace(asked, name=asked.name or spec.name).words()
            change, look = command("update", *words), command("plan", *words, "--as", "update")
            error.hint = f"to change it:         {change}\nto see what differs:  {look}"
        raise


def plan_update(now: Session, asked: Asked, *, upgrade: bool = False, verify: bool = False) -> Plan:
    """The plan of ``update``.

    Raises:
        NotFound: There is no such endpoint.
        SpecError: It is not said which one, or the changes are not usable.
    """
    document = one_document(asked, "update") if asked.files or asked.wants_default_file else None
    name = asked.name or (document.data.get("name") if document else None)
    if not isinstance(name, str):
        raise SpecError("NAME is missing: which endpoint is to be changed?", hint="deployer list")
    target = target_of(now, asked, document)
    patch = patch_for(now, asked, document, target)
    with patiently(now.screen, "plan", PLANNING):
        return now.deployer.plan_update(name, patch, target=target, upgrade=upgrade, verify=verify)


def run_line(now: Session, plan: Plan, asked: Asked | None) -> str | None:
    """The command that carries a plan out; None when nothing is to be done."""
    if not plan.has_changes:
        return None
    if asked is None:
        return command(plan.verb, *now.address(plan.endpoint, plan.target))
    words = asked.words()
    if plan.verb == "apply" and not asked.files:
        words = ["-f", "deployer.yaml", *words]
    owner = ["--owner", now.owner] if now.owner else []
    return command(plan.verb, *words, *owner, *(["--adopt"] if plan.adopts else []))


def show_plans(now: Session, plans: Sequence[Plan], runs: Sequence[str | None]) -> None:
    """Write plans to stdout: one alone as itself, several under ``plans``."""
    screen = now.screen
    if screen.documents:
        found = [plan_document(each) for each in plans]
        screen.document(found[0] if len(found) == 1 else {"plans": found})
        return
    markdown = screen.form is Form.MARKDOWN
    for index, (plan, run) in enumerate(zip(plans, runs, strict=True)):
        if index:
            screen.data("")
        screen.data(*(plan_markdown(plan, run=run) if markdown else plan_lines(plan, paint=screen.paint_out, run=run)))
    if len(plans) > 1:
        screen.data("", touched(plans))
