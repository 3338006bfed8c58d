"""Commands that are printed: quoted so that sh, bash and zsh read them as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

__all__ = ["again", "command", "quoted"]


def quoted(word: str) -> str:
    """One word for a shell. ``=word`` is quoted too: zsh takes it for the path of a command."""
    safe = shlex.quote(word)
    return f"'{word}'" if safe == word and word.startswith(("=", "~")) else safe


def command(*words: str | None) -> str:
    """``deployer`` and the words; None is left out."""
    return " ".join(["deployer", *(quoted(word) for word in words if word is not None)])


def again(words: Iterable[str], *, verb: str | None = None, more: Iterable[str] = ()) -> str:
    """The command line that was typed, perhaps with another verb and with more options."""
    typed = list(words)
    if verb is not None and typed:
        typed[0] = verb
    return command(*typed, *more)
