"""One run of the command line: what was typed, where it writes, and the Deployer, made when it is needed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.cli.screen import Form, Screen

if TYPE_CHECKING:
    from deployer.client import Deployer
    from deployer.registry import Registry
    from deployer.settings import NamedTarget, Settings

__all__ = ["TRACEBACK", "Session", "begin", "session"]

TRACEBACK = "DEPLOYER_TRACEBACK"
"""Set to anything, a bug of ours is shown with its traceback."""


class Session:
    """What every command needs.

    Args:
        typed: The words after ``deployer``.
        screen: Where it writes.
    """

    def __init__(self, typed: Sequence[str], screen: Screen) -> None:
        self.typed = tuple(typed)
        self.screen = screen
        self._began = time.monotonic()
        self._deployers: dict[str | None, Deployer] = {}
        self._settings: Settings | None = None
        self._registry: Registry | None = None
        self.owner: str | None = None
        self._at: str | None = None
        self.planning: dict[tuple[str, str], float] = {}
        """Seconds that the plan of each endpoint (name, target) took, where there are several."""

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began

    @property
    def settings(self) -> Settings:
        """Named targets and defaults, read once."""
        if self._settings is None:
            from deployer.settings import Settings

            self._settings = Settings.load()
        return self._settings

    @property
    def registry(self) -> Registry:
        """The installed back ends."""
        if self._registry is None:
            from deployer.registry import Registry

            self._registry = Registry()
        return self._registry

    @property
    def deployer(self) -> Deployer:
        """The Python API, which does all the work."""
        if self.owner not in self._deployers:
            from deployer.client import Deployer

            self._deployers[self.owner] = Deployer(settings=self.settings, registry=self.registry, owner=self.owner)
        return self._deployers[self.owner]

    def place(self, target: str | None) -> NamedTarget:
        """The target that is meant, by what was typed or configured.

        Raises:
            NotFound: There is none of that name; the hint names those that there are.
        """
        found = self.settings.target(target or self.settings.default_target, self.registry.known())
        self._at = found.name
        return found

    def typed_address(self) -> list[str]:
        """The same for the endpoint whose name was typed first; nothing as long as no target was meant."""
        if self._at is None or len(self.typed) < 2 or self.typed[1].startswith("-"):
            return []
        return self.address(self.typed[1], self._at)

    def address(self, name: str, target: str) -> list[str]:
        """How an endpoint is named on a command line that works from here."""
        owner = ["--owner", self.owner] if self.owner and self.owner != self.settings.owner else []
        return [name, *(["-t", target] if target != self.settings.default_target else []), *owner]


_current: list[Session] = []


def session() -> Session:
    """The one that runs; a fresh one before `begin`."""
    if not _current:
        begin(sys.argv[1:])
    return _current[-1]


def begin(typed: Sequence[str]) -> Session:
    """Start a run. The form of its output is read off the words, so that even a slip in them is told in it."""
    made = Session(typed, Screen(form_of(typed), environ=os.environ))
    _current[:] = [made]
    return made


def form_of(typed: Sequence[str]) -> Form:
    """The form that ``-o`` asks for, as far as it can be told before the words are parsed."""
    for index, word in enumerate(typed):
        if word == "--":
            break
        following = typed[index + 1] if index + 1 < len(typed) else ""
        for spelled in ("-o", "--output"):
            value = following if word == spelled else word.removeprefix(spelled).removeprefix("=")
            if word.startswith(spelled) and value in tuple(Form):
                return Form(value)
    return Form.TABLE


def configure(
    *, output: Form = Form.TABLE, quiet: bool = False, events: bool = False, owner: str | None = None
) -> Session:
    """The current run, with what the command was told about its output.

    Raises:
        SpecError: Events and a document would both go to stdout.
    """
    now = session()
    if events and output is not Form.TABLE:
        from deployer.errors import SpecError

        raise SpecError(
            "--events jsonl and -o both write to stdout", hint="the last event carries how it ended; leave -o out"
        )
    now.screen.form, now.screen.quiet, now.screen.events, now.owner = output, quiet, events, owner
    return now
