"""``deployer build``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer build models:/iris@champion --to registry.example.com/ml/iris:4",
    "deployer build ./model --to oci:images/iris --platform linux/arm64",
    "deployer build ./model --lock iris.lock.yaml",
    "deployer build ./model --locked iris.lock.yaml --to docker-daemon:",
)


def command(
    *,
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A folder, or an MLflow URI.", show_default=False)
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="PLACE",
            show_default=False,
            help="A repository with a tag, docker-daemon:NAME, oci:FOLDER or docker-archive:FILE; may be said again.",
        ),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            "--platform",
            metavar="PLATFORM",
            show_default=False,
            help="linux/amd64 or linux/arm64; may be said again, for one image of both.",
        ),
    ] = None,
    lock: Annotated[
        Path | None,
        typer.Option("--lock", metavar="FILE", show_default=False, help="Write down exactly what it is made of."),
    ] = None,
    locked: Annotated[
        Path | None, typer.Option("--locked", metavar="FILE", show_default=False, help="Build exactly that.")
    ] = None,
    target: options.Target = None,
    file: options.File = None,
    sets: options.Sets = None,
    events: options.AsEvents = None,
    quiet: options.Quiet = False,
    output: options.Output = Form.TABLE,
) -> int:
    """Make a model's image, layer by layer, without an engine. Nothing of the model is run.

    Without --to nothing is carried anywhere: the digest is printed, and the layers are kept for the next time.
    """
    from deployer.cli.building import build
    from deployer.cli.wishes import Asked

    now = configure(output=output, quiet=quiet, events=events is not None)
    asked = Asked.typed(None, model, target, file, sets)
    return build(now, asked, to=to or [], platforms=platform or [], lock=lock, locked=locked)
