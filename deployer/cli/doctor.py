"""``deployer doctor``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer doctor", "deployer doctor -t staging -o json")


def command(*, target: options.Target = None, output: options.Output = Form.TABLE) -> int:
    """Look whether each target has all that it needs. Changes nothing; ends with 7 when something is not well."""
    from deployer.cli.examining import examine

    now = configure(output=output)
    return examine(now, now.place(target).name if target else None)
