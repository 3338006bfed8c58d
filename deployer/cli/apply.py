"""``deployer apply``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer apply -f deploy/ --events jsonl",
    "deployer apply -f deployer.yaml -t prod --yes --confirm fraud",
    "deployer apply -f fraud.yaml --adopt --dry-run",
    "deployer plan -f deployer.yaml -o json > plan.json && deployer apply --plan plan.json",
)


def command(
    *,
    file: options.File = None,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan", metavar="FILE", show_default=False, help="Carry out a plan that `plan -o json` wrote, exactly."
        ),
    ] = None,
    target: options.Target = None,
    sets: options.Sets = None,
    dry_run: options.DryRun = False,
    retry: options.Retry = False,
    adopt: options.Adopt = False,
    no_wait: options.NoWait = False,
    once: options.Once = False,
    timeout: options.Timeout = None,
    wait_lock: options.WaitLock = None,
    keep_failed: options.KeepFailed = False,
    upgrade: options.Upgrade = False,
    verify: options.Verify = False,
    owner: options.Owner = None,
    yes: options.Yes = False,
    confirm: options.Confirm = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Make endpoints as files say: those that are not there are made, the others changed, the same left alone.

    A mistake in any file stops all before anything is changed. The exit code is the most severe one; with -o json each
    endpoint has its own. A revision that was rejected before is not tried again without --retry. What somebody
    else made is never touched without --adopt, which adds our marks to what runs and restarts nothing for that.
    """
    from deployer.cli.applying import apply_plans, plans_meant
    from deployer.cli.releasing import Terms
    from deployer.cli.wishes import Asked

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    asked = Asked.typed(None, None, target, file, sets)
    terms = Terms(
        dry_run=dry_run,
        yes=yes,
        confirm=confirm or (),
        wait=not no_wait,
        once=once,
        timeout=timeout,
        wait_lock=wait_lock,
        keep_failed=keep_failed,
    )
    planned = plans_meant(now, asked, plan, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
    return apply_plans(now, planned, terms, asked)
