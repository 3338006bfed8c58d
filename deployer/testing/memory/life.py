"""How a revision of the memory target lives: what it is at a moment, why it fails, what it writes. Standard library."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "WINDOW",
    "Artifact",
    "Endpoint",
    "Revision",
    "View",
    "count",
    "diagnose",
    "figures",
    "lines",
    "look",
    "next_change",
    "scale",
]

_SLOW = 20
WINDOW = 10.0
_PER_REPLICA = 100.0
_COUNTED = 3600.0
_MOST_COUNTED = 10_000
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass
class Revision:
    """One revision that runs, or tries to.

    ``wanted`` is a count, or an autoscaler's range; ``replicas`` holds when each of them is ready.
    """

    id: str
    digest: str
    model: str
    model_digest: str
    behaviour: str
    settle: dict[str, Any]
    secrets: list[list[Any]]
    wanted: int | dict[str, Any]
    began: float
    replicas: list[float] = field(default_factory=list)
    seen: int = 0
    stopping: float | None = None
    asked: list[float] = field(default_factory=list)
    """When it was sent requests, within the autoscaler's window."""
    ended: list[tuple[float, float, bool]] = field(default_factory=list)
    """Its requests: when, for how many seconds, and whether they were answered below 500."""

    def stop(self, now: float) -> None:
        """Begin to end, unless it has begun."""
        if self.stopping is None:
            self.stopping, self.seen = now + float(self.settle["stop"]), 0

    def is_gone(self, now: float) -> bool:
        """Whether it has ended."""
        return self.stopping is not None and self.stopping <= now and self.seen >= self.settle["observations"]


@dataclass
class Artifact:
    """What was made for a revision, kept after it stops; here only the fact that it was."""

    made: float
    used: float
    secrets: list[list[Any]]


@dataclass
class Endpoint:
    """All that carries our marks of one name, but for its Record."""

    name: str
    owner: str
    created: float
    configured: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    traffic: dict[str, int] = field(default_factory=dict)
    mirror: dict[str, Any] | None = None
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    secrets: dict[tuple[str, int], tuple[str, float]] = field(default_factory=dict)
    """(name, number) -> value, and when it came."""
    destroying: bool = False
    destroyer: tuple[str | None, int] | None = None
    """Token and generation of the claim that began to destroy it."""
    turn: int = 0
    answered: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A revision at one moment."""

    phase: str
    wanted: int
    ready: int
    restarts: int = 0
    settled: bool = True
    detail: str = ""


def _start(revision: Revision) -> float:
    seconds = float(revision.settle["start"])
    return {"slow": seconds * _SLOW, "never-ready": math.inf}.get(revision.behaviour, seconds)


def _count(revision: Revision, now: float) -> int:
    if isinstance(revision.wanted, int):
        return revision.wanted
    asked = sum(1 for at in revision.asked if now - at <= WINDOW)
    needed = math.ceil(asked / float(revision.wanted.get("value") or _PER_REPLICA))
    return max(1, int(revision.wanted["min"]), min(int(revision.wanted["max"]), needed))


def scale(revision: Revision, now: float) -> None:
    """Bring the replicas to the wanted count: new ones start, the newest stop."""
    count = _count(revision, now)
    del revision.replicas[count:]
    revision.replicas += [now + _start(revision)] * (count - len(revision.replicas))


def look(revision: Revision, now: float) -> View:
    """What it is at this moment."""
    wanted = len(revision.replicas)
    if revision.stopping is not None:
        return View("stopping", 0, 0, settled=False)
    begun = now - revision.began >= _start(revision) and revision.seen >= revision.settle["observations"]
    crashed = now - revision.began >= _start(revision) + float(revision.settle["crash"])
    failing = revision.behaviour in ("load-fails", "missing-dependency")
    if begun and (failing or (crashed and revision.behaviour == "crashes-later")):
        return View("failed", wanted, 0, restarts=3, detail="exited 1, three times in a row")
    ready = sum(1 for at in revision.replicas if at <= now) if begun and not failing else 0
    if wanted and ready == wanted:
        return View("healthy", wanted, ready)
    if ready:
        return View("degraded", wanted, ready, settled=False, detail=f"{ready} of {wanted} replicas are ready")
    return View("starting", wanted, 0, settled=False, detail="the model is loading")


def next_change(revision: Revision, now: float) -> float:
    """When time alone will next change what `look` answers; infinity when it will not."""
    if revision.seen < revision.settle["observations"]:
        return now  # it is looking that changes it
    if revision.stopping is not None:
        return revision.stopping
    moments = [*revision.replicas, revision.began + _start(revision)]
    if revision.behaviour == "crashes-later":
        moments.append(revision.began + _start(revision) + float(revision.settle["crash"]))
    return min((at for at in moments if at > now), default=math.inf)


_LINES = {
    "load-fails": ["Traceback (most recent call last):", "_pickle.UnpicklingError: invalid load key, '\\x00'."],
    "missing-dependency": [
        "Traceback (most recent call last):",
        '  File "code/features.py", line 7, in <module>',
        "ModuleNotFoundError: No module named 'category_encoders'",
    ],
    "crashes-later": ["Fatal Python error: Segmentation fault"],
}


def lines(revision: Revision, now: float) -> list[tuple[float, str, str]]:
    """Its output so far: (when, replica, text), the oldest first."""
    written: list[tuple[float, str, str]] = []
    phase = look(revision, now).phase
    for number, ready_at in enumerate(revision.replicas, 1):
        replica = str(number)
        written.append((revision.began, replica, f"loading {revision.model}"))
        if phase == "failed":
            written += [(min(ready_at, now), replica, text) for text in _LINES[revision.behaviour]]
        elif phase in ("healthy", "degraded") and ready_at <= now:
            written.append((ready_at, replica, "ready"))
    return sorted(written, key=lambda line: line[0])


def diagnose(revision: Revision, now: float) -> dict[str, Any] | None:
    """Why it is not healthy, as the fields of a Diagnosis; None when it is, or is about to be."""
    phase = look(revision, now).phase
    evidence = [text for _, replica, text in lines(revision, now) if replica == "1"]
    if phase == "failed":
        code, summary, subject = {
            "load-fails": ("MODEL_LOAD", "the model cannot be loaded", ""),
            "missing-dependency": (
                "MISSING_DEPENDENCY",
                "the model needs a module that is missing",
                "category_encoders",
            ),
            "crashes-later": ("CRASH_LOOP", "the server ends again and again", ""),
        }[revision.behaviour]
        return {"code": code, "summary": summary, "subject": subject, "evidence": evidence}
    if phase == "starting" and revision.behaviour in ("slow", "never-ready"):
        return {"code": "PROBE_TIMEOUT", "summary": "it does not become ready", "evidence": evidence}
    return None


def count(revision: Revision, now: float, seconds: float, *, answered: bool) -> None:
    """Remember one request, the last ten thousand of an hour."""
    revision.ended.append((now, seconds, answered))
    if len(revision.ended) > _MOST_COUNTED or now - revision.ended[0][0] > _COUNTED:
        revision.ended = [each for each in revision.ended[-_MOST_COUNTED:] if now - each[0] <= _COUNTED]


def figures(revision: Revision, now: float, window: float) -> dict[str, Any]:
    """The fields of its Figures; every request is known as soon as it has ended."""
    span = min(window, now - revision.began, _COUNTED)
    if len(revision.ended) == _MOST_COUNTED:
        span = min(span, now - revision.ended[0][0])
    counted = [each for each in revision.ended if now - each[0] <= span]
    took = sorted(seconds for _, seconds, answered in counted if answered)
    return {
        "requests": len(counted),
        "errors": sum(not answered for _, _, answered in counted),
        "latency": {name: took[math.ceil(part * len(took)) - 1] for name, part in _QUANTILES.items()} if took else {},
        "window": span,
        "until": now,
    }
