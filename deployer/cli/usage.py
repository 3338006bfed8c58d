"""The parser's complaints in our words, with the nearest right word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from deployer.errors import SpecError
from deployer.nearest import closest

__all__ = ["usage_error"]


def usage_error(error: Any, commands: Iterable[str]) -> SpecError:
    """An error of ours from the parser's `UsageError`.

    Args:
        error: The parser's.
        commands: The names of the commands, to guess the meant one.
    """
    context = error.ctx
    path = context.command_path if context is not None else "deployer"
    hint = f"{path} --help"
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option:
        near = closest(option.lstrip("-"), [each.lstrip("-") for each in _options(context)])
        guess = f" (did you mean {_dashed(near)}?)" if near else ""
        return SpecError(f"there is no option {option}{guess}", hint=hint)
    message = str(error.format_message())
    if message.startswith("No such command"):
        typed = message.split("'")[1] if message.count("'") > 1 else ""
        near = closest(typed, commands)
        return SpecError(f"there is no command {typed!r}" + (f" (did you mean {near}?)" if near else ""), hint=hint)
    return SpecError(_ours(message), hint=hint)


def _options(context: Any) -> list[str]:
    found = [name for each in context.command.params for name in getattr(each, "opts", ()) if name.startswith("-")]
    return [*found, "--help"]


def _dashed(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"


_OURS = (
    (re.compile("^Invalid value for "), ""),
    (re.compile("^Missing (argument|option|parameter) "), "missing: "),
    (re.compile(r"^Got unexpected extra arguments?(\(s\))? \((.*)\)$"), r"more words than expected: \2"),
    (re.compile("Value error, "), ""),
    (re.compile("Input should be a valid integer.*"), "this is no whole number"),
    (re.compile("Input should be "), "it should be "),
)
"""The parser's sentences, and ours."""


def _ours(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    for theirs, ours in _OURS:
        text = theirs.sub(ours, text)
    return text[:1].lower() + text[1:]
