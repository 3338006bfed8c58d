"""Tells what went wrong: one document on stdout when one was asked for, and the sentence for people on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.cli.render.commands import again, quoted
from deployer.cli.render.errors import error_document, error_lines
from deployer.cli.screen import OutputClosed
from deployer.errors import DeployerError
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["located", "tell_bug", "tell_error", "tell_interrupt"]

_VERBS = "create|update|apply|plan|status|wait|rollback|history|delete|logs|predict|list"


def located(text: str | None, address: Sequence[str]) -> str | None:
    """A hint whose commands work from here: ``-t TARGET`` is added after the endpoint's name where that is needed."""
    if not text or len(address) < 2:
        return text
    name, more = address[0], " ".join(quoted(each) for each in address[1:])
    pattern = rf"(deployer (?:{_VERBS}) {re.escape(name)})(?![\w-])(?! {re.escape(more)})"
    return re.sub(pattern, lambda found: f"{found[1]} {more}", text)


def tell_error(
    now: Session, error: DeployerError, *, more: Sequence[str] = (), after: Sequence[str] = (),
    document: dict[str, JSON] | None = None, address: Sequence[str] = (), shown: str = "",
) -> int:  # fmt: skip
    """Tell an error.

    Args:
        now: The run.
        error: What was raised.
        more: Lines of a hint in place of the diagnosis' own.
        after: What is there now.
        document: What else the document says beside ``error``.
        address: How the endpoint is named on a command line.
        shown: What progress has told of it already.

    Returns:
        The exit code.
    """
    screen = now.screen
    error.hint = located(error.hint, address)
    screen.say(*error_lines(error, paint=screen.paint_err, more=more, told=shown), *after)
    full = {"error": error_document(error), **(document or {})}
    try:
        if screen.events:
            screen.write(json.dumps(screen.redact.document({"event": "failed", **full})) + "\n")
        elif screen.documents:
            screen.document(full)
    except OutputClosed:
        pass
    return error.exit_code


def tell_interrupt(now: Session, message: str, hint: str | None, address: Sequence[str] = ()) -> int:
    """Tell what an interrupt left, and how to go on; returns 130."""
    screen = now.screen
    hint = located(hint, address)
    screen.say(screen.paint_err(message, "warn"))
    if hint and "same command" in hint:
        screen.say(f"  To begin again:  {again(now.typed)}")
    elif hint:
        screen.say(*(f"  {part.strip()}" for part in hint.split(", ")))
    shown = {
        "error": {
            "code": 130,
            "kind": "Interrupted",
            "message": message,
            "where": None,
            "hint": hint,
            "diagnosis": None,
        }
    }
    try:
        if screen.events:
            screen.write(json.dumps({"event": "failed", **shown}) + "\n")
        elif screen.documents:
            screen.document(shown)
    except OutputClosed:
        pass
    return 130


def tell_bug(now: Session, error: Exception, traceback_wanted: str | None) -> int:
    """Tell a bug of ours; returns 1."""
    screen = now.screen
    if traceback_wanted:
        import traceback

        screen.say("".join(traceback.format_exception(error)).rstrip())
    message = f"a bug in deployer: {type(error).__name__}: {error}"
    hint = None if traceback_wanted else f"DEPLOYER_TRACEBACK=1 {again(now.typed)} shows where it is; please report it"
    return tell_error(now, DeployerError(message, hint=hint))
