"""``deployer check``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer check models:/iris@champion", "deployer check ./model -o json")


def command(
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder, or an MLflow URI.", show_default=False)],
    output: options.Output = Form.TABLE,
) -> int:
    """Read a model and say what it is, what it needs and what it takes. Nothing of it is imported or executed.

    Ends with 2 when it cannot be deployed as it is, and says why.
    """
    from deployer.cli.checking import check

    return check(configure(output=output), model)
