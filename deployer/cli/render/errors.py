"""An error as a person reads it, and as a JSON document."""

from __future__ import annotations

import textwrap

from deployer.cli.render.escape import escape, escape_lines
from deployer.cli.render.layout import Paint, plain
from deployer.endpoint import Diagnosis
from deployer.errors import DeployerError, DeploymentFailed
from deployer.value import JSON

__all__ = ["diagnosis_lines", "error_document", "error_lines"]

_WIDTH = 100
_EVIDENCE = 12


def error_lines(error: DeployerError, *, paint: Paint = plain) -> list[str]:
    """``error: what happened (CODE)``, where, the telling lines, and what to type next.

    Args:
        error: What was raised.
        paint: Colours.
    """
    diagnosis = error.diagnosis if isinstance(error, DeploymentFailed) else None
    first, *rest = error.message.splitlines() or [""]
    code = f" ({diagnosis.code.value})" if diagnosis else ""
    lines = [f"{paint('error:', 'bad')} {escape(first)}{code}"]
    lines += [f"  {line}" for line in escape_lines(rest)]
    if error.where:
        lines.append(f"  at {escape(' '.join(error.where.split()))}")
    if diagnosis:
        lines += diagnosis_lines(diagnosis, headline=first)
    hint = error.hint if diagnosis is None or error.hint != diagnosis.hint else None
    return [*lines, *_hint(hint)]


def diagnosis_lines(diagnosis: Diagnosis, *, headline: str = "") -> list[str]:
    """Summary, evidence and hint, each said once.

    Args:
        diagnosis: Why it is not well.
        headline: What stands above already.
    """
    evidence = escape_lines(diagnosis.evidence, most=_EVIDENCE)
    told = " ".join([headline, *diagnosis.evidence])
    new = [part for part in diagnosis.summary.split(": ") if part and part not in told]
    lines = [f"  {escape(diagnosis.summary)}"] if new else []
    lines += [f"    {line}" for line in evidence]
    return [*lines, *_hint(diagnosis.hint)]


def _hint(hint: str | None) -> list[str]:
    if not hint:
        return []
    lines = []
    for line in hint.splitlines():
        shown = escape(line)
        if "deployer " in shown or len(shown) <= _WIDTH:  # a command is never broken
            lines.append(f"  {shown}")
        else:
            lines += textwrap.wrap(shown, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    return lines


def error_document(error: DeployerError) -> dict[str, JSON]:
    """``{"code": 6, "kind": "DeploymentFailed", "message": ..., "where": ..., "hint": ..., "diagnosis": ...}``."""
    diagnosis = error.diagnosis if isinstance(error, DeploymentFailed) else None
    return {
        "code": error.exit_code,
        "kind": type(error).__name__,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "diagnosis": diagnosis.model_dump(mode="json") if diagnosis else None,
    }
