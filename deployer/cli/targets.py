"""``deployer targets``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.completion import complete_target
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer targets", "deployer targets local", "deployer targets docker -o json")


def command(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET", help="One, with its options.", show_default=False, autocompletion=complete_target
        ),
    ] = None,
    output: options.Output = Form.TABLE,
) -> int:
    """Where endpoints can be: the installed back ends, the targets that are configured, and what each can do.

    With a name, its options for deployer.toml and its fields for a spec's config. No SDK is imported for it.
    """
    from deployer.cli.places import show_target, show_targets

    now = configure(output=output)
    return show_targets(now) if name is None else show_target(now, name)
