"""``deployer update``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer update iris --model models:/iris@challenger",
    "deployer update iris --set replicas=3",
    "deployer update iris -t prod --set env.LOG_LEVEL=debug --yes --confirm iris",
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
    upgrade: options.Upgrade = False,
    verify: options.Verify = False,
    owner: options.Owner = None,
    yes: options.Yes = False,
    confirm: options.Confirm = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Change an endpoint. What is said here and in -f is laid over what it was made with; all else stays.

    A new revision is verified before traffic moves to it; when it fails, the old one serves on.
    """
    from deployer.cli.releasing import Terms, plan_update, release
    from deployer.cli.wishes import Asked

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    asked = Asked.typed(name, model, target, file, sets)
    plan = plan_update(now, asked, upgrade=upgrade, verify=verify)
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
