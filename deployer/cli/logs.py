"""``deployer logs``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer logs iris --tail 50",
    "deployer logs iris -f --since 10m",
    "deployer logs iris --revision rb81f3d0 -o json",
)


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[
        float | None,
        typer.Option(
            "--since", parser=options.duration, metavar="DURATION", show_default=False, help="Not older than that."
        ),
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", metavar="LINES", min=0, show_default=False, help="Only the last lines."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REVISION", show_default=False, help="Of one revision only.")
    ] = None,
    output: options.Output = Form.TABLE,
) -> int:
    """What an endpoint's replicas write, merged, the oldest first.

    With -o json each line is a document of its own.
    """
    import time

    from deployer.cli.following import show_logs

    now = configure(output=output)
    begin = time.time() - since if since is not None else None
    place = now.place(target).name
    return show_logs(now, name, place, revision=revision, tail=tail, since=begin, follow=follow)
