"""Options and arguments that several commands share, each said once."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from deployer.cli.completion import complete_endpoint, complete_target
from deployer.cli.screen import Form

__all__ = [
    "Adopt",
    "AsEvents",
    "Confirm",
    "DryRun",
    "EventForm",
    "File",
    "KeepFailed",
    "Model",
    "Name",
    "NoWait",
    "Once",
    "Output",
    "Owner",
    "Quiet",
    "RequiredName",
    "Retry",
    "Sets",
    "Target",
    "Timeout",
    "Upgrade",
    "Verify",
    "WaitLock",
    "Yes",
    "duration",
    "with_values",
]


class EventForm(StrEnum):
    """How events are written."""

    JSONL = "jsonl"


def duration(text: str) -> float:
    """Seconds of ``90s`` or ``10m``.

    Raises:
        typer.BadParameter: It is no duration.
    """
    from deployer.quantity import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


_LOCK_PATIENCE = "10m"
_DURATION = re.compile(r"\d+(\.\d+)?(ms|s|m|h|d)?")


def with_values(arguments: list[str]) -> list[str]:
    """``--wait-lock`` alone means ten minutes: the parser knows no option whose value may be left out."""
    result = list(arguments)
    for index, word in enumerate(result):
        if word == "--":
            break
        if word == "--wait-lock":
            following = result[index + 1] if index + 1 < len(result) else ""
            if not _DURATION.fullmatch(following):
                result[index] = f"--wait-lock={_LOCK_PATIENCE}"
    return result


Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="The endpoint.", show_default=False, autocompletion=complete_endpoint),
]
RequiredName = Annotated[
    str, typer.Argument(metavar="NAME", help="The endpoint.", show_default=False, autocompletion=complete_endpoint)
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="URI", show_default=False,
        help="A packaged model: a folder, or an MLflow URI such as models:/iris@champion.",
    ),
]  # fmt: skip
Target = Annotated[
    str | None,
    typer.Option(
        "--target", "-t", metavar="TARGET", show_default=False, autocompletion=complete_target,
        help="Where: a back end, or a target named in deployer.toml.",
    ),
]  # fmt: skip
File = Annotated[
    list[str] | None,
    typer.Option(
        "--file", "-f", metavar="FILE", show_default=False, help="A spec file, a folder of them, or - for stdin."
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", show_default=False, help="Any field of the spec; may be said several times."
    ),
]
Owner = Annotated[
    str | None,
    typer.Option("--owner", metavar="WORD", show_default=False, help="The team that the endpoint belongs to."),
]
Output = Annotated[Form, typer.Option("--output", "-o", help="The form of what is written to stdout.")]
AsEvents = Annotated[
    EventForm | None,
    typer.Option("--events", show_default=False, help="Write each event to stdout as a line of JSON."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no closing sentence.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Confirm = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        show_default=False,
        help="Beside --yes, for a protected target: the endpoint's name.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Stage it and return; `deployer wait` finishes it.")]
Once = Annotated[bool, typer.Option("--once", help="Do what is due now; end with 12 when more remains.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try a revision again that was rejected before.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over what is there and not ours, as it runs, instead of a conflict.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", parser=duration, metavar="DURATION", show_default=False, help="To become healthy, such as 10m."
    ),
]
WaitLock = Annotated[
    float | None,
    typer.Option(
        "--wait-lock", parser=duration, metavar="[DURATION]", show_default=False,
        help="Wait while somebody else is changing it; 10m if no time is given.",
    ),
]  # fmt: skip
KeepFailed = Annotated[
    bool, typer.Option("--keep-failed", help="Leave a revision that fails before it has traffic, to be looked at.")
]
Upgrade = Annotated[bool, typer.Option("--upgrade", help="Resolve the environment anew, though nothing asks for it.")]
Verify = Annotated[bool, typer.Option("--verify", help="Hash the model's files again, though its version is known.")]
