"""``deployer create``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer create iris --model models:/iris@champion",
    "deployer create iris --model ./model -t staging --set replicas=2",
    "deployer create -f deployer.yaml --timeout 10m -o json",
)


def command(
    *,
    name: options.Name = None,
    model: options.Model = None,
    target: options.Target = None,
    file: options.File = None,
    sets: options.Sets = None,
    dry_run: options.DryRun = False,
    no_wait: options.NoWait = False,
    once: options.Once = False,
    timeout: options.Timeout = None,
    wait_lock: options.WaitLock = None,
    keep_failed: options.KeepFailed = False,
    owner: options.Owner = None,
    yes: options.Yes = False,
    confirm: options.Confirm = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Make an endpoint: when this returns, it is healthy, or nothing of it is left.

    Without NAME and --model, ./deployer.yaml is taken. Done twice, it is "unchanged".
    """
    from deployer.cli.releasing import Terms, plan_create, release
    from deployer.cli.wishes import Asked

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    asked = Asked.typed(name, model, target, file, sets)
    plan = plan_create(now, asked)
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
    return release(now, plan, terms, asked)
