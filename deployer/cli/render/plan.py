"""A Plan as a person reads it, and as a comment for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.cli.render.escape import one_line
from deployer.cli.render.layout import Paint, pad, plain, width_of
from deployer.cli.render.words import counted, joined, shorter
from deployer.plan import Change, Destroy, Effect, Outlook, Plan, Retire, Sign, Stage

__all__ = ["change_lines", "heading", "plan_lines", "plan_markdown", "totals"]

_STYLES = {Sign.ADD: "good", Sign.CHANGE: "warn", Sign.REMOVE: "bad", Sign.NOTE: "dim"}
_WIDEST = 46
"""Beyond this, one long value does not push the notes of all lines to the right."""


def heading(plan: Plan, *, verb: bool = True) -> str:
    """``iris on local: update``."""
    return f"{plan.endpoint} on {plan.target}" + (f": {plan.verb}" if verb else "")


def plan_lines(plan: Plan, *, paint: Paint = plain, run: str | None = None) -> list[str]:
    """The whole plan.

    Args:
        plan: What would be done.
        paint: Colours.
        run: The command that does it.
    """
    if plan.outlook is Outlook.UNCHANGED:
        return [paint(heading(plan, verb=False), "bold") + ": nothing to do, it is as wished", *_warnings(plan, paint)]
    if plan.outlook is Outlook.REJECTED:
        return [paint(heading(plan, verb=False), "bold") + ": nothing is changed", *_warnings(plan, paint)]
    lines = [paint(heading(plan), "bold"), *change_lines(plan.changes, paint=paint), *_warnings(plan, paint)]
    return [*lines, f"{totals(plan)}{f' Run:  {run}' if run else ''}"]


def _warnings(plan: Plan, paint: Paint) -> list[str]:
    return [f"  {paint('!', 'warn')} {one_line(each)}" for each in plan.warnings]


def change_lines(changes: Sequence[Change], *, paint: Paint = plain) -> list[str]:
    """One line for each change: sign, what, from what to what, and a note, in columns."""
    names = max((width_of(_what(each)) for each in changes), default=0)
    names = max(names, 8)
    values = [_value(each) for each in changes]
    column = max(
        (width_of(v) for v, c in zip(values, changes, strict=True) if c.note and width_of(v) <= _WIDEST), default=0
    )
    lines = []
    for change, value in zip(changes, values, strict=True):
        note = f"   {one_line(shorter(change.note))}" if change.note else ""
        text = f"{pad(_what(change), names)}   {pad(value, column) if note else value}"
        sign = paint(change.sign.value, _STYLES[change.sign])
        lines.append(f"  {sign} {text}{paint(note, 'dim') if note else ''}".rstrip())
    return lines


def _what(change: Change) -> str:
    return one_line(change.what, 60)


def _value(change: Change) -> str:
    before = one_line(shorter(change.before)) if change.before is not None else None
    after = one_line(shorter(change.after)) if change.after is not None else None
    value = "  ->  ".join(each for each in (before, after) if each is not None)
    if before is not None and after is not None and len(before) + len(after) <= 12:
        value = f"{before} -> {after}"
    return f"{value}{_effect(change)}"


def _effect(change: Change) -> str:
    if change.sign is not Sign.CHANGE:
        return ""
    return {Effect.IN_PLACE: ", in place", Effect.RECORD: ", recorded only"}.get(change.effect, "")


def totals(plan: Plan) -> str:
    """What it amounts to: ``1 revision to start, 1 to retire, nothing to delete.``."""
    if any(isinstance(step, Destroy) for step in plan.steps) and plan.verb == "delete":
        revisions = sum(1 for each in plan.changes if each.what == "revision")
        return f"1 endpoint with {counted(revisions, 'revision')} to delete."
    shown = set(plan.before.traffic.served) | {each.after for each in plan.changes if each.what == "revision"}
    fresh = [s for s in plan.steps if isinstance(s, Stage) and s.revision not in plan.before.traffic.served]
    retired = [s for s in plan.steps if isinstance(s, Retire) and (s.keep or s.revision in shown)]
    dropped = [s for s in plan.steps if isinstance(s, Retire) and s not in retired]
    if not fresh and not retired and not dropped:
        return "Nothing to start and nothing to delete: it is changed in place."
    parts = [
        f"{counted(len(fresh), 'revision')} to start" if fresh else "",
        f"{len(retired)} to retire"
        if retired and fresh
        else f"{counted(len(retired), 'revision')} to retire"
        if retired
        else "",
        f"{len(dropped)} to delete" if dropped else "nothing to delete",
    ]
    return f"{', '.join(filter(None, parts))}."


def plan_markdown(plan: Plan, *, run: str | None = None) -> list[str]:
    """A comment for a pull request."""
    title = f"### {_code(plan.endpoint)} on {_code(plan.target)}"
    warnings = [f"> **Note:** {_text(each)}" for each in plan.warnings]
    if plan.outlook is Outlook.UNCHANGED:
        return [f"{title}: unchanged", *_apart(warnings)]
    if plan.outlook is Outlook.REJECTED:
        return [f"{title}: nothing is changed", *_apart(warnings)]
    fence = ["```diff", *_diff(plan.changes), "```"]
    after = [totals(plan)] + ([f"```sh\n{run}\n```"] if run else [])
    return [f"{title}: {plan.verb}", "", *fence, *_apart(warnings), "", *_between(after)]


def _diff(changes: Sequence[Change]) -> list[str]:
    marks = {Sign.ADD: "+", Sign.CHANGE: "!", Sign.REMOVE: "-", Sign.NOTE: " "}  # what `diff` fences colour
    lines = change_lines(changes)
    return [f"{marks[c.sign]}{line[3:]}".replace("```", "'''") for c, line in zip(changes, lines, strict=True)]


def _apart(lines: list[str]) -> list[str]:
    return ["", *lines] if lines else []


def _between(lines: list[str]) -> list[str]:
    return [part for line in lines for part in (line, "")][:-1]


def _code(text: str) -> str:
    return "`" + one_line(text).replace("`", "'") + "`"


def _text(text: str) -> str:
    shown = one_line(text)
    for sign in "\\`*_<>[]|":
        shown = shown.replace(sign, f"\\{sign}")
    return shown


def touched(plans: Sequence[Plan]) -> str:
    """Of several plans together: ``2 of 3 endpoints would change: a and b.``."""
    changing = [each.endpoint for each in plans if each.has_changes]
    if not changing:
        return f"None of {counted(len(plans), 'endpoint')} would change."
    return f"{len(changing)} of {counted(len(plans), 'endpoint')} would change: {joined(changing)}."
