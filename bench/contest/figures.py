"""What is measured, which goals it has, and how it is told. Nothing here touches the world."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

__all__ = ["LINES", "OURS", "PEER", "Figures", "Line", "Verdict", "document", "table"]

OURS, PEER = "deployer", "mlflow"
_FORMS = {"s": "{:.2f} s", "MB": "{:.0f} MB", "MiB": "{:.0f} MiB", "kB": "{:,.0f} kB"}
_SHORT_FORMS = {"s": "{:g} s"}


@dataclass(frozen=True)
class Line:
    """One question to both.

    Attributes:
        key: As the table and the report call it.
        what: The question.
        unit: ``s``, ``MB`` (a million bytes), ``MiB`` or ``kB`` (a thousand bytes).
        share: Goal: at most this share of the peer's.
        most: Goal: at most this, in the unit.
    """

    key: str
    what: str
    unit: str
    share: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What a line comes to.

    Attributes:
        ratio: Ours as a share of the peer's; None where one of them was not measured.
        met: Whether the goal is met; None without a goal, or where it cannot be told.
    """

    ratio: float | None
    met: bool | None


LINES = (
    Line("a", "first build of a model's environment", "s", share=1 / 8),
    Line("b", "only the weights changed: image ready", "s", most=1),
    Line("b2", "only the weights changed: the endpoint answers with them", "s", most=5),
    Line("b3", "the same, until the command has ended", "s"),
    Line("c", "container start to first prediction", "s", most=4),
    Line("d", "image size beyond the base", "MB", share=0.5),
    Line("d1", "the same, without the downloads that pip leaves in MLflow's", "MB"),
    Line("e", "memory after warm-up", "MiB", share=0.5),
    Line("e1", "the same, MLflow told to have one worker", "MiB"),
    Line("f", "a second model that shares half its requirements", "s"),
    Line("g", "pushed to a registry for new weights", "kB"),
    Line("g2", "time of that push", "s"),
)


@dataclass
class Figures:
    """What was measured so far, and what is to be said about it."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)

    def add(self, key: str, who: str, value: float) -> None:
        """One more measurement."""
        self.values.setdefault(key, {}).setdefault(who, []).append(value)

    def note(self, key: str, text: str) -> None:
        """A remark under a line; the same one only once."""
        notes = self.notes.setdefault(key, [])
        if text not in notes:
            notes.append(text)

    def median(self, key: str, who: str) -> float | None:
        """The median of what was measured; None if nothing was."""
        values = self.values.get(key, {}).get(who)
        return median(values) if values else None

    def verdict(self, line: Line) -> Verdict:
        """How ours does against the peer and against the goal."""
        ours, peer = self.median(line.key, OURS), self.median(line.key, PEER)
        ratio = ours / peer if ours is not None and peer else None
        if line.most is not None:
            return Verdict(ratio, None if ours is None else ours <= line.most)
        if line.share is not None:
            return Verdict(ratio, None if ratio is None else ratio <= line.share)
        return Verdict(ratio, None)

    def short(self) -> list[Line]:
        """The lines that fall short of their goals."""
        return [line for line in LINES if self.verdict(line).met is False]


def table(figures: Figures) -> Iterator[str]:
    """The lines of the table, the remarks under what they belong to, and what falls short."""
    yield f"{'':<4}{'':<58}{'deployer':>12}{'mlflow':>12}{'ratio':>8}  goal"
    for line in LINES:
        verdict = figures.verdict(line)
        ratio = f"{verdict.ratio:.3f}" if verdict.ratio is not None else "-"
        ours, peer = (_value(figures, line, who) for who in (OURS, PEER))
        yield f"{line.key:<4}{line.what:<58}{ours:>12}{peer:>12}{ratio:>8}  {_goal(line, verdict)}".rstrip()
        yield from (f"    - {note}" for note in figures.notes.get(line.key, []))
    for line in figures.short():
        yield f"falls short: ({line.key}) {line.what}: {_reached(figures, line)}"


def document(figures: Figures, about: Mapping[str, Any]) -> str:
    """All of it as JSON: what was measured, medians, goals and verdicts."""
    lines = [
        {
            "key": line.key,
            "what": line.what,
            "unit": line.unit,
            "measured": figures.values.get(line.key, {}),
            "median": {who: figures.median(line.key, who) for who in (OURS, PEER)},
            "ratio": figures.verdict(line).ratio,
            "goal": {"share": line.share, "most": line.most},
            "met": figures.verdict(line).met,
            "notes": figures.notes.get(line.key, []),
        }
        for line in LINES
    ]
    return json.dumps({**about, "lines": lines, "parts": figures.parts}, indent=2) + "\n"


def _value(figures: Figures, line: Line, who: str) -> str:
    value = figures.median(line.key, who)
    return "-" if value is None else _FORMS[line.unit].format(value)


def _goal(line: Line, verdict: Verdict) -> str:
    if line.share is not None:
        goal = f"at most {line.share:g} of it"
    elif line.most is not None:
        goal = "at most " + _SHORT_FORMS.get(line.unit, _FORMS[line.unit]).format(line.most)
    else:
        return ""
    return goal + {True: ": met", False: ": NOT MET", None: ": not measured"}[verdict.met]


def _reached(figures: Figures, line: Line) -> str:
    verdict = figures.verdict(line)
    if line.share is not None:
        return f"{verdict.ratio:.3f} of MLflow's where {line.share:g} is the goal"
    return f"{_value(figures, line, OURS)} where {line.most:g} {line.unit} is the goal"
