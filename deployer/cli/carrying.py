"""Carries a plan out: shows it, asks where something is lost, tells each step, and says how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.cli.failing import located, tell_error, tell_interrupt
from deployer.cli.render.commands import again
from deployer.cli.render.documents import (
    ending_event,
    endpoint_document,
    event_document,
    failure_event,
    outcome_document,
)
from deployer.cli.render.endings import after_failure, ending_line
from deployer.cli.render.progress import PlainProgress
from deployer.cli.screen import OutputClosed, Screen
from deployer.cli.wishes import learn_recorded
from deployer.engine.events import Event, Listener, Planned
from deployer.errors import BuildError, DeployerError, DeploymentFailed, GateRejected, Interrupted, SpecError

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.client import Status
    from deployer.engine.outcome import Outcome
    from deployer.plan import Plan

__all__ = ["Carried", "Manner", "answer", "asking", "carried", "carry_out", "confirm", "listening"]


@dataclass(frozen=True)
class Manner:
    """How a plan is carried out, as `Deployer.execute`; ``opened``: its changes have been shown already."""

    wait: bool = True
    once: bool = False
    timeout: float | None = None
    wait_lock: float | None = None
    keep_failed: bool = False
    opened: bool = False


@dataclass(frozen=True)
class Carried:
    """How one plan ended: its exit code, and the document that says so."""

    code: int
    document: dict[str, Any]


def carry_out(now: Session, plan: Plan, manner: Manner) -> int:
    """Do it, and tell all of it; returns the exit code."""
    result = carried(now, plan, manner, alone=True)
    return result.code


def carried(now: Session, plan: Plan, manner: Manner, *, alone: bool) -> Carried:
    """Do it, and tell it; with ``alone`` its document is written to stdout, too.

    Raises:
        KeyboardInterrupt: When it is one of several, so that the others are not begun.
    """
    screen = now.screen
    address = now.address(plan.endpoint, plan.target)
    seen: list[Planned] = []
    learn_recorded(now, plan.wish.spec if plan.wish else None, plan.before.spec)
    try:
        with listening(screen, seen, opened=manner.opened) as listen:
            outcome = now.deployer.execute(
                plan, on_event=listen, wait=manner.wait, once=manner.once, timeout=manner.timeout,
                wait_lock=manner.wait_lock, keep_failed=manner.keep_failed,
            )  # fmt: skip
    except Interrupted as error:
        if not alone:
            raise
        return Carried(tell_interrupt(now, error.message, error.hint, address), {})
    except DeployerError as error:
        return _failed(now, plan, error, address, seen=seen, alone=alone)
    waited = now.elapsed if alone else outcome.seconds + now.planning.get((plan.endpoint, plan.target), 0.0)
    outcome = outcome.model_copy(update={"seconds": waited})  # making the plan was part of the wait
    return _ended(now, outcome, address, alone=alone)


def _ended(now: Session, outcome: Outcome, address: Sequence[str], *, alone: bool) -> Carried:
    screen, document = now.screen, outcome_document(outcome)
    screen.tell([ending_line(outcome, address)])
    with suppress(OutputClosed):
        if screen.events:
            screen.event(ending_event(outcome, time.time()))
        elif screen.documents and alone:
            screen.document(document)
    return Carried(0, document)


def _failed(
    now: Session, plan: Plan, error: DeployerError, address: Sequence[str], *, seen: Sequence[Planned], alone: bool
) -> Carried:
    status = None
    began = any(each.plan.has_changes for each in seen)
    after: list[str] = []
    if began and isinstance(error, DeploymentFailed | BuildError | GateRejected):
        asked, status = _observed(now, plan)
        failed = plan.wish.release.revision if plan.wish else None
        if asked:
            after = after_failure(
                plan.endpoint, status.endpoint if status else None, status.observed if status else None, failed, address
            )
    document = {
        "name": plan.endpoint,
        "target": plan.target,
        "endpoint": endpoint_document(status.endpoint) if status else None,
    }
    if alone:
        return Carried(tell_error(now, error, after=after, document=document, address=address), {})
    from deployer.cli.render.errors import error_document, error_lines

    error.hint = located(error.hint, address)
    now.screen.say(*error_lines(error, paint=now.screen.paint_err), *after)
    told_of = error_document(error)
    if now.screen.events:
        with suppress(OutputClosed):
            now.screen.event(failure_event(told_of, document, time.time()))
    return Carried(error.exit_code, {**document, "error": told_of})


def _observed(now: Session, plan: Plan) -> tuple[bool, Status | None]:
    """Whether the target could be asked what is there after the failure, and what it said (None: nothing is there)."""
    from deployer.errors import NotFound

    try:
        return True, now.deployer.status(plan.endpoint, target=plan.target)
    except NotFound:
        return True, None
    except DeployerError:
        return False, None


# Asking


def asking(now: Session, plan: Plan, *, yes: bool, question: str | None) -> bool:
    """Whether somebody has to be asked: where something is lost, and for a protected target."""
    return not yes and (question is not None or now.place(plan.target).protected)


def confirm(now: Session, plan: Plan, *, yes: bool, confirmed: Sequence[str], question: str | None) -> bool:
    """Whether to go on; asks on a terminal only.

    Args:
        now: The run.
        plan: What would be done.
        yes: ``--yes``.
        confirmed: ``--confirm NAME``.
        question: What is asked without ``--yes``; None where nothing is lost, and only a protected target is asked for.

    Raises:
        SpecError: There is no terminal to ask on, or a protected target's ``--confirm`` is missing or another's name.
    """
    protected = now.place(plan.target).protected
    if confirmed and plan.endpoint not in confirmed:
        raise SpecError(f"--confirm names {', '.join(confirmed)}, and this is about {plan.endpoint}")
    if yes and protected and not confirmed:
        raise SpecError(
            f"{plan.target} is protected: --yes needs the endpoint's name said once more",
            hint=again(now.typed, more=["--confirm", plan.endpoint]),
        )
    if not asking(now, plan, yes=yes, question=question):
        return True
    if not now.screen.interactive:
        more = ["--yes", *(["--confirm", plan.endpoint] if protected and not confirmed else [])]
        raise SpecError("not a terminal, so nobody can be asked: say --yes", hint=again(now.typed, more=more))
    asked = question or f"Change {plan.endpoint} on {plan.target}, which is protected?"
    if protected:
        return answer(now.screen, f"{asked} Type its name to go on: ") == plan.endpoint
    return answer(now.screen, f"{asked} [y/N] ").lower() in ("y", "yes")


def answer(screen: Screen, text: str) -> str:
    """What a person types; empty when there is nobody."""
    try:
        screen.err.write(text)
        screen.err.flush()
        return input().strip()
    except EOFError:
        screen.say("")
        return ""


# Telling


@contextmanager
def listening(screen: Screen, seen: list[Planned], *, opened: bool = False) -> Iterator[Listener]:
    """A listener that shows events as the screen can: live, as plain lines, as JSON lines, or not at all.

    A failure in it never reaches the engine.
    """
    with _shown(screen, opened=opened) as show:

        def listen(event: Event) -> None:
            if isinstance(event, Planned):
                seen.append(event)
            if screen.events:
                with suppress(Exception):
                    screen.event(event_document(event))
            with suppress(Exception):
                show(event)

        yield listen


@contextmanager
def _shown(screen: Screen, *, opened: bool) -> Iterator[Listener]:
    if screen.quiet:
        yield lambda _event: None
        return
    if screen.live:
        from deployer.cli.render.live import LiveProgress

        live = LiveProgress(screen, opened=opened)
        try:
            live.__enter__()
        except Exception:
            live_works = False
        else:
            live_works = True
        if live_works:
            try:
                yield live.listen
            finally:
                with suppress(Exception):
                    live.__exit__(None, None, None)
            return
    plain = PlainProgress(marks=screen.marks, paint=screen.paint_err, opened=opened)
    yield lambda event: screen.say(*lines) if (lines := plain.lines(event)) else None
