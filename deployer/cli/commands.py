"""Which commands there are, with one line each: ``--help`` imports none of them, and calling one imports only that."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["COMMANDS", "Commands", "Entry", "load", "module_of", "visible"]


class Entry(NamedTuple):
    """One command in the list: its line, the group under which it is listed, and its module if called otherwise."""

    line: str
    group: str
    module: str = ""


_RELEASE, _LOOK, _PREPARE = "Release", "Look and ask", "Set up"

COMMANDS: dict[str, Entry] = {
    "create": Entry("Make an endpoint from a packaged model.", _RELEASE),
    "update": Entry("Change an endpoint; what serves is touched last.", _RELEASE),
    "apply": Entry("Make endpoints as files say, whether they are there or not.", _RELEASE),
    "rollback": Entry("Go back to the revision before, exactly.", _RELEASE),
    "wait": Entry("Finish what is under way.", _RELEASE),
    "delete": Entry("Remove an endpoint.", _RELEASE),
    "plan": Entry("Show what create, update or apply would do.", _LOOK),
    "predict": Entry("Send rows to an endpoint.", _LOOK),
    "list": Entry("What runs, on all targets.", _LOOK),
    "status": Entry("One endpoint: is it well, what runs, how to call it.", _LOOK),
    "logs": Entry("What an endpoint's replicas write.", _LOOK),
    "history": Entry("What was released, refused and taken back.", _LOOK),
    "build": Entry("Make a model's image, without an engine.", _PREPARE),
    "render": Entry("Print what a target would be sent, for GitOps and review.", _LOOK, module="render_"),
    "import": Entry("Print the spec of an endpoint that is there.", _LOOK, module="import_"),
    "check": Entry("Read a model, without running anything of it.", _PREPARE),
    "targets": Entry("Where endpoints can be, and what each place can do.", _PREPARE),
    "doctor": Entry("Look whether a target has all that it needs.", _PREPARE),
    "gc": Entry("Remove what nothing refers to any more.", _PREPARE),
    "init": Entry("Write a deployer.yaml to begin with.", _PREPARE),
}

_GROUPS = (_RELEASE, _LOOK, _PREPARE)
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Guard = Callable[[Callable[..., Any]], Callable[..., Any]]


def module_of(name: str) -> Any:
    """A command's module: its function is called ``command``, its examples ``EXAMPLES``."""
    return import_module(f"deployer.cli.{COMMANDS[name].module or name}")


def load(name: str, guard: Guard | None = None) -> Any:
    """A command as the parser has it; its file is imported now.

    Args:
        name: As it is typed.
        guard: Put around the function, to turn errors into messages and exit codes.
    """
    module = module_of(name)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = module.command if guard is None else functools.wraps(module.command)(guard(module.command))
    examples = "\n".join(f"  {each}" for each in module.EXAMPLES)
    app.command(name, epilog=f"\b\nExamples:\n{examples}", context_settings=dict(_SETTINGS))(function)
    return typer.main.get_command(app)


def visible(prefix: str = "") -> Iterator[tuple[str, Entry]]:
    """The commands whose names begin so, group by group."""
    for group in _GROUPS:
        yield from ((n, e) for n, e in COMMANDS.items() if e.group == group and n.startswith(prefix))


class Commands(TyperGroup):
    """The commands as a group that knows their names and lines, and imports one when it is called."""

    guard: Guard = staticmethod(lambda function: function)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings = {**_SETTINGS, **(self.context_settings or {})}
        self._listing = False

    def list_commands(self, _ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return [name for name, _ in visible()]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name].line)
        if cmd_name not in self.commands:
            self.commands[cmd_name] = load(cmd_name, type(self).guard)
        return self.commands[cmd_name]

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """The list in the help, from the table alone."""
        for group in _GROUPS:
            with formatter.section(group):
                formatter.write_dl([(name, entry.line) for name, entry in visible() if entry.group == group])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names that begin so, with their lines; no command is imported for it."""
        self._listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False
