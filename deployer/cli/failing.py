"""Tells what went wrong: one document on stdout when one was asked for, and the sentence for people on stderr."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from deployer.cli.render.commands import again, quoted
from deployer.cli.render.documents import failure_event
from deployer.cli.render.errors import error_document, error_lines
from deployer.cli.screen import OutputClosed, Screen
from deployer.cli.session import TRACEBACK
from deployer.endpoint import Endpoint
from deployer.errors import DeployerError, DeploymentFailed
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["at_home", "located", "tell_bug", "tell_error", "tell_interrupt"]

_VERBS = "create|update|apply|plan|status|wait|rollback|history|delete|logs|predict|list|import|render"


def located(text: str | None, address: Sequence[str]) -> str | None:
    """A hint whose commands work from here: ``-t TARGET`` is added after the endpoint's name where that is needed.

    Args:
        text: The hint; a name that it guesses ("did you mean iris?") is taken for an endpoint's, too.
        address: How the endpoint is named on a command line.
    """
    if not text or len(address) < 2:
        return text
    guessed = re.findall(r"did you mean ([a-z0-9-]+)\?", text)
    more = " ".join(quoted(each) for each in address[1:])
    names = "|".join(re.escape(each) for each in dict.fromkeys([address[0], *guessed]))
    pattern = rf"(deployer (?:{_VERBS}) (?:{names}))(?![\w-])(?! {re.escape(more)})"
    return re.sub(pattern, lambda found: f"{found[1]} {more}", text)


def at_home(now: Session, endpoint: Endpoint) -> Endpoint:
    """The endpoint with the commands in its detail said so that they work from here."""
    detail = located(endpoint.detail, now.address(endpoint.name, endpoint.target))
    return endpoint if detail == endpoint.detail else endpoint.model_copy(update={"detail": detail})


def tell_error(
    now: Session, error: DeployerError, *, after: Sequence[str] = (),
    document: dict[str, JSON] | None = None, address: Sequence[str] = (), kind: str = "",
) -> int:  # fmt: skip
    """Tell an error.

    Args:
        now: The run.
        error: What was raised.
        after: What is there now.
        document: What else the document says beside ``error``.
        address: How the endpoint is named on a command line.
        kind: What the document calls it, by default its class.

    Returns:
        The exit code.
    """
    screen = now.screen
    where = address or now.typed_address()
    error.hint = located(error.hint, where)
    if isinstance(error, DeploymentFailed) and error.diagnosis is not None:
        error.diagnosis = error.diagnosis.model_copy(update={"hint": located(error.diagnosis.hint, where)})
    screen.say(*error_lines(error, paint=screen.paint_err), *after)
    named = {"kind": kind} if kind else {}
    full = {"error": {**error_document(error), **named}, **(document or {})}
    _write(screen, full["error"], full)
    return error.exit_code


def _write(screen: Screen, error: dict[str, JSON], full: dict[str, JSON]) -> None:
    """The document, or the last event; who does not read it misses it."""
    with suppress(OutputClosed):
        if screen.events:
            screen.event(failure_event(error, full, time.time()))
        elif screen.documents:
            screen.document(full)


def tell_interrupt(now: Session, message: str, hint: str | None, address: Sequence[str] = ()) -> int:
    """Tell what an interrupt left, and how to go on; returns 130."""
    screen = now.screen
    hint = located(hint, address or now.typed_address())
    screen.say(screen.paint_err(message, "warn"))
    if hint and "same command" in hint:
        screen.say(f"  To begin again:  {again(now.typed)}")
    elif hint:
        screen.say(*(f"  {part.strip()}" for part in hint.split(", ")))
    error = {"code": 130, "kind": "Interrupted", "message": message, "where": None, "hint": hint, "diagnosis": None}
    named = {"name": address[0]} if address else {}
    _write(screen, error, {"error": error, **named})
    return 130


def tell_bug(now: Session, error: Exception, traceback_wanted: str | None) -> int:
    """Tell a bug of ours; returns 1."""
    screen = now.screen
    if traceback_wanted:
        import traceback

        screen.say("".join(traceback.format_exception(error)).rstrip())
    message = f"a bug in deployer: {type(error).__name__}: {error}"
    hint = None if traceback_wanted else f"please report it; to see where it is:  {TRACEBACK}=1 {again(now.typed)}"
    return tell_error(now, DeployerError(message, hint=hint), kind="Bug")
