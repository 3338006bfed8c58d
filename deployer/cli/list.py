"""``deployer list``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer list", "deployer list fraud -o json", "deployer list -t staging --all")


def command(
    *,
    name: options.Name = None,
    target: options.Target = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also what deployer did not make.")] = False,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """What runs, on all configured targets at once, or on one.

    A target that cannot be reached is a line in the answer, and no error.
    """
    from deployer.cli.listing import show_list

    now = configure(output=output, owner=owner)
    return show_list(now, name, now.place(target).name if target else None, everything=everything)
