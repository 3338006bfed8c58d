"""Says what a packaged model is, and what stands in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.render.escape import one_line
from deployer.cli.render.words import counted, joined, size
from deployer.cli.screen import Form
from deployer.errors import DeployerError
from deployer.value import JSON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployer.cli.session import Session
    from deployer.model import Field, PackagedModel

__all__ = ["check"]

_SHOWN = 12


def check(now: Session, uri: str) -> int:
    """Write what it is to stdout; returns 2 when it cannot be deployed.

    Raises:
        SpecError: It is not a model, or a damaged one.
        NotFound: There is none.
        TargetUnavailable: The server that has it cannot be reached.
    """
    model = now.deployer.check(uri)
    errors, warnings = _problems(model), _warnings(model)
    screen = now.screen
    if screen.documents:
        screen.document(_document(uri, model, errors, warnings))
        return 2 if errors else 0
    lines = _lines(uri, model)
    lines += [f"  {screen.paint_out('!', 'warn')} {each}" for each in warnings]
    for error in errors:
        where = f"{one_line(error.where)}: " if error.where else ""
        lines.append(f"  {screen.paint_out(screen.marks.failed, 'bad')} {where}{one_line(error.message)}")
        lines += [f"    {one_line(error.hint)}"] if error.hint else []
    if not errors:
        lines.append(f"It can be deployed.  deployer create NAME --model {_quoted(uri)}")
    else:
        lines.append("It cannot be deployed as it is.")
    screen.data(*(["```text", *lines, "```"] if screen.form is Form.MARKDOWN else lines))
    return 2 if errors else 0


def _quoted(uri: str) -> str:
    from deployer.cli.render.commands import quoted

    return quoted(uri)


def _problems(model: PackagedModel) -> list[DeployerError]:
    from deployer.model import parse_requirements

    try:
        parse_requirements(model.requirements)
    except DeployerError as error:
        return [error]
    return []


def _warnings(model: PackagedModel) -> list[str]:
    found = []
    if model.example_path is None:
        found.append("it has no input example: it will be loaded, unverified (log it with input_example=...)")
    if model.signature is None:
        found.append("it has no signature: what it takes cannot be told")
    if model.conda_only:
        names = joined([one_line(each, 60) for each in model.conda_only[:_SHOWN]])
        found.append(f"conda.yaml lists what pip does not install: {names}")
    return found


def _lines(uri: str, model: PackagedModel) -> list[str]:
    flavors = ", ".join(str(each) for each in model.flavors) or "pyfunc"
    saved = f", saved by MLflow {model.mlflow_version}" if model.mlflow_version else ""
    rows = [
        ("flavor", f"{flavors} (loaded by {model.loader}){saved}"),
        ("python", f"{model.python} (saved with {model.python_full})"),
        ("size", size(model.size)),
        ("takes", _fields(model.signature.inputs) if model.signature else ""),
        ("gives", _fields(model.signature.outputs) if model.signature else ""),
        (
            "params",
            ", ".join(f"{p.name}: {p.type} = {p.default}" for p in model.signature.params) if model.signature else "",
        ),
        ("example", model.example_path or ""),
        ("needs", _requirements(model)),
    ]
    return [one_line(uri), *(f"  {label:<9}{one_line(text, 600)}" for label, text in rows if text)]


def _requirements(model: PackagedModel) -> str:
    lines = [each.text for each in model.requirements]
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"{counted(len(lines), 'requirement')}: {', '.join(lines[:_SHOWN])}{more}" if lines else "no requirements"


def _fields(fields: Sequence[Field] | None) -> str:
    if not fields:
        return ""
    shown = []
    for each in fields[:_SHOWN]:
        shape = f"[{', '.join('?' if n < 0 else str(n) for n in each.shape)}]" if each.shape is not None else ""
        kind = f"{each.type}{shape}{'' if each.required else ' (optional)'}"
        shown.append(f"{each.name}: {kind}" if each.name else kind)
    more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    return ", ".join(shown) + more


def _document(
    uri: str, model: PackagedModel, errors: Sequence[DeployerError], warnings: Sequence[str]
) -> dict[str, JSON]:
    from dataclasses import asdict

    return {
        "uri": uri,
        "deployable": not errors,
        "flavors": {each.name: each.version for each in model.flavors},
        "loader": model.loader,
        "python": model.python,
        "python_full": model.python_full,
        "mlflow_version": model.mlflow_version,
        "model_id": model.model_id,
        "size": model.size,
        "signature": asdict(model.signature) if model.signature else None,
        "example": model.example_path,
        "requirements": [each.text for each in model.requirements],
        "problems": [{"message": e.message, "where": e.where, "hint": e.hint} for e in errors],
        "warnings": list(warnings),
    }
