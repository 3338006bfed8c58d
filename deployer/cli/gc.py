"""``deployer gc``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer gc --dry-run", "deployer gc -t local --yes", "deployer gc --cache-older-than 7d")


def command(
    *,
    target: options.Target = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            parser=options.duration,
            metavar="DURATION",
            show_default="1h",
            help="Leave younger things alone.",
        ),
    ] = 3600.0,
    cache_older_than: Annotated[
        float,
        typer.Option(
            "--cache-older-than",
            parser=options.duration,
            metavar="DURATION",
            show_default="30d",
            help="Leave what of this machine's cache was used since alone.",
        ),
    ] = 30 * 86400.0,
    owner: options.Owner = None,
    yes: options.Yes = False,
    output: options.Output = Form.TABLE,
    quiet: options.Quiet = False,
) -> int:
    """Remove what is ours and nothing refers to any more: environments, artifacts, secrets of endpoints that are gone.

    Asks first; without a terminal it wants --yes. Looks at each thing again before it is removed.

    Without --target, also what this machine's cache holds and was not used for long: layers, packages, downloads. What
    is needed again is made again.
    """
    from deployer.cli.collecting import collect

    now = configure(output=output, quiet=quiet, owner=owner)
    ages = {"older_than": older_than, "cache_older_than": cache_older_than}
    return collect(now, now.place(target).name if target else None, dry_run=dry_run, ages=ages, yes=yes)
