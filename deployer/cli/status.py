"""``deployer status``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer status iris", "deployer status fraud -t prod --window 1h", "deployer status iris -o json")


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    window: Annotated[
        float,
        typer.Option(
            "--window",
            parser=options.duration,
            metavar="DURATION",
            show_default="5m",
            help="How far back requests are counted.",
        ),
    ] = 300.0,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """One endpoint: is it well, what runs, since when, who did it, how it is called, and if it is not well, why.

    What each revision uses (cores, memory) and how it answered lately stand there as far as the target tells them.
    """
    from deployer.cli.standing import show_status

    now = configure(output=output, owner=owner)
    return show_status(now, name, now.place(target).name, window=window)
