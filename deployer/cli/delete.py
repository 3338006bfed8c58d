"""``deployer delete``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer delete iris",
    "deployer delete iris -t staging --yes --missing-ok",
    "deployer delete fraud -t prod --yes --confirm fraud",
)


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="It is no error when it is not there.")] = False,
    dry_run: options.DryRun = False,
    wait_lock: options.WaitLock = None,
    owner: options.Owner = None,
    yes: options.Yes = False,
    confirm: options.Confirm = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Remove an endpoint: what runs, its history, and all that is kept of it on the target.

    The model stays where it was deployed from. Asks first; without a terminal it wants --yes.
    """
    from deployer.cli.releasing import Terms
    from deployer.cli.removing import remove

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    terms = Terms(dry_run=dry_run, yes=yes, confirm=confirm or (), wait_lock=wait_lock)
    return remove(now, name, now.place(target).name, terms, missing_ok=missing_ok)
