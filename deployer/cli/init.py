"""``deployer init``."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.session import configure

EXAMPLES = ("deployer init", "deployer init --schema", "deployer init --name fraud --model models:/fraud@champion")


def command(
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", show_default=False, help="Of the endpoint.")
    ] = None,
    model: options.Model = None,
    target: options.Target = None,
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Where to; - is stdout.")] = "deployer.yaml",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a spec file instead, for editors.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> int:
    """Write a deployer.yaml with every field explained, to begin with."""
    from deployer.cli.beginning import print_schema, write_spec

    if schema:
        return print_schema(configure(), target=target)
    return write_spec(configure(), name=name, model=model, target=target, out=out, force=force)
