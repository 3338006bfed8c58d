"""``deployer predict``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.session import configure
from deployer.errors import SpecError

EXAMPLES = (
    "deployer predict iris -i rows.csv",
    "cat rows.json | deployer predict iris -i - -o json",
    "deployer predict iris -i rows.parquet --out predictions.parquet",
    "deployer predict forecast -i rows.csv --param horizon=12",
    "deployer predict chat -i prompt.json --stream",
)


class Rows(StrEnum):
    """In which form rows and predictions are written."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def command(
    *,
    name: options.RequiredName,
    source: Annotated[
        str, typer.Option("--input", "-i", metavar="FILE", show_default=False, help="Rows: a file, or - for stdin.")
    ],
    target: options.Target = None,
    output: Annotated[
        Rows | None,
        typer.Option("--output", "-o", show_default=False, help="Form of the predictions; by default the input's."),
    ] = None,
    form: Annotated[
        Rows | None,
        typer.Option("--format", show_default=False, help="Form of the input; by default told by its name or content."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", show_default=False, help="Where to; by default stdout.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="KEY=VALUE",
            show_default=False,
            help="A parameter of the model; may be said several times.",
        ),
    ] = None,
    chunk_size: Annotated[
        str, typer.Option("--chunk-size", metavar="BYTES", help="The largest request; larger inputs are divided.")
    ] = "5M",
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=64, help="Requests under way at once; the rows keep their order.")
    ] = 1,
    stream: Annotated[
        bool, typer.Option("--stream", help="Send the JSON as it is, in one request, and write its answer as it comes.")
    ] = False,
    quiet: options.Quiet = False,
) -> int:
    """Send rows to an endpoint and write its predictions.

    Takes CSV, NDJSON, parquet, and JSON in any form of MLflow's scoring protocol. Tables repeat the input's columns and
    add the prediction; JSON is MLflow's own answer.
    """
    from deployer.cli.predicting import predict, stream_answer

    now = configure(quiet=quiet)
    if stream:
        if output or form or param:
            raise SpecError(
                "--stream sends the input as it is", where="--stream", hint="leave out -o, --format, --param"
            )
        return stream_answer(now, name, now.place(target).name, source, out=out)
    return predict(
        now, name, now.place(target).name, source, to=output.value if output else None,
        form=form.value if form else None, out=out, params=param or (), chunk_size=chunk_size, concurrency=concurrency,
    )  # fmt: skip
