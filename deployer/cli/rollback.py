"""``deployer rollback``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer rollback iris", "deployer rollback fraud -t prod --to r4d90c1e --yes --confirm fraud")


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", show_default=False, help="One that `deployer history` names."),
    ] = None,
    dry_run: options.DryRun = False,
    no_wait: options.NoWait = False,
    timeout: options.Timeout = None,
    wait_lock: options.WaitLock = None,
    owner: options.Owner = None,
    yes: options.Yes = False,
    confirm: options.Confirm = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Go back to the revision that was released before, exactly: the same packages, options and secrets.

    It is verified before traffic moves to it. Asks first; without a terminal it wants --yes.
    """
    from deployer.cli.patience import patiently
    from deployer.cli.releasing import Terms, release

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    place = now.place(target).name
    with patiently(now.screen, "ask", f"asking {place}"):
        plan = now.deployer.plan_rollback(name, to=to, target=place)
    terms = Terms(
        dry_run=dry_run, yes=yes, confirm=confirm or (), wait=not no_wait, timeout=timeout, wait_lock=wait_lock
    )
    return release(now, plan, terms, question=f"Roll {name} on {place} back?")
