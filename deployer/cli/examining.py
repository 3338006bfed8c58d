"""Shows what ``doctor`` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.patience import patiently
from deployer.cli.render.escape import one_line
from deployer.cli.render.layout import pad, width_of
from deployer.cli.screen import Form
from deployer.errors import TargetUnavailable
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.target import Check

__all__ = ["examine"]


def examine(now: Session, target: str | None) -> int:
    """Write it to stdout; returns 7 when something is not well."""
    with patiently(now.screen, "ask", f"asking {target or 'all targets'}"):
        found, screen = now.deployer.doctor(target), now.screen
    bad = [name for name, checks in found.items() if any(each.ok is False for each in checks)]
    code = TargetUnavailable.exit_code if bad else 0
    if screen.documents:
        screen.document(
            {"targets": {name: [_document(each) for each in checks] for name, checks in found.items()}, "well": not bad}
        )
        return code
    lines: list[str] = []
    for name, checks in found.items():
        lines.append(screen.paint_out(name, "bold"))
        column = min(max((width_of(each.what) for each in checks), default=0), 40)
        lines += [line for each in checks for line in _lines(now, each, column)]
        lines += [] if checks else ["  nothing to look at: this target has no doctor"]
    screen.data(*(["```text", *lines, "```"] if screen.form is Form.MARKDOWN else lines))
    return code


def _lines(now: Session, check: Check, column: int) -> list[str]:
    marks, paint = now.screen.marks, now.screen.paint_out
    mark = {True: paint(marks.done, "good"), False: paint(marks.failed, "bad"), None: paint("?", "warn")}[check.ok]
    line = f"  {mark} {pad(one_line(check.what, 80), column)}  {one_line(check.detail)}".rstrip()
    return [line, *([f"    {one_line(check.hint)}"] if check.hint and check.ok is not True else [])]


def _document(check: Check) -> dict[str, JSON]:
    return {"what": check.what, "ok": check.ok, "detail": check.detail, "hint": check.hint}
