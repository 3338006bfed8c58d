"""``deployer status``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer status iris", "deployer status fraud -t prod -o json")


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """One endpoint: is it well, what runs, since when, who did it, how it is called, and if it is not well, why."""
    from deployer.cli.standing import show_status

    now = configure(output=output, owner=owner)
    return show_status(now, name, now.place(target).name)
