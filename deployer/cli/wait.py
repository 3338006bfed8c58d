"""``deployer wait``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer wait iris", "deployer wait iris -t prod --timeout 30m -o json")


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    once: options.Once = False,
    timeout: options.Timeout = None,
    wait_lock: options.WaitLock = None,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
) -> int:
    """Finish what is under way: what --no-wait began, or what an interrupted command left.

    From any machine. Ends with 12 when its time is out and more remains.
    """
    from deployer.cli.carrying import Manner, carry_out
    from deployer.cli.patience import patiently
    from deployer.cli.render.documents import endpoint_document

    now = configure(output=output, quiet=quiet, events=events is not None, owner=owner)
    place = now.place(target).name
    with patiently(now.screen, "ask", f"asking {place}"):
        plan = now.deployer.plan_wait(name, target=place)
    if plan is not None:
        return carry_out(now, plan, Manner(once=once, timeout=timeout, wait_lock=wait_lock))
    endpoint = now.deployer.get(name, target=place)
    now.screen.tell([f"Nothing is under way: {name} is {endpoint.phase.value}."])
    if now.screen.documents:
        now.screen.document(
            {
                "endpoint": endpoint_document(endpoint),
                "name": name,
                "target": place,
                "ending": "unchanged",
                "changed": False,
            }
        )
    return 0
