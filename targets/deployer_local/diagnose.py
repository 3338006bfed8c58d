"""From evidence to a Diagnosis. Pure: the facts, and the lines that workers wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.endpoint import Code, Diagnosis
from deployer_local.facts import Facts, WorkerFact
from deployer_local.observe import port_sentence, routed

__all__ = ["diagnosis_of", "last_life"]

LAST_LINES = 12
LONGEST = 400
SLOW = 5.0
"""Seconds from which on a worker that still loads is worth a word."""
_SIGNATURE = re.compile(r"schema|signature|missing inputs|incompatible input|Failed to enforce", re.IGNORECASE)
_UNPICKLE = frozenset({"UnpicklingError", "AttributeError", "TypeError", "ValueError", "EOFError", "MlflowException"})


def last_life(lines: Sequence[str]) -> list[str]:
    """The lines of a worker's log from its last start on."""
    for index in range(len(lines) - 1, -1, -1):
        if '"event": "started"' in lines[index] and '"event": "started"' in lines[index][:80]:
            return list(lines[index + 1 :])
    return list(lines)


def diagnosis_of(facts: Facts, revision: str, logs: Mapping[int, Sequence[str]], now: float) -> Diagnosis | None:
    """Why a revision is not healthy; None when it is, or when nothing can be told.

    Args:
        facts: What was found of its endpoint.
        revision: Its id.
        logs: Worker's number -> the lines of its log.
        now: Seconds since the epoch.
    """
    if facts.port_trouble and routed(facts) in (revision, None):
        return _port(facts)
    workers = sorted(facts.of(revision), key=lambda each: (each.phase != "failed", not each.looping, each.number))
    for worker in workers:
        if worker.ready or (worker.phase == "running" and not worker.restarts):
            continue
        return _of_worker(worker, last_life(logs.get(worker.number, ())))
    return _unfinished(facts, workers, logs, now)


def _port(facts: Facts) -> Diagnosis:
    port = facts.desired.settings.port if facts.desired else None
    return Diagnosis(
        code=Code.CONFLICT,
        summary=port_sentence(facts),
        subject=str(port or ""),
        hint=f"end that process, or take another port: deployer update {facts.name} --set config.port=PORT",
    )


def _unfinished(
    facts: Facts, workers: Sequence[WorkerFact], logs: Mapping[int, Sequence[str]], now: float
) -> Diagnosis | None:
    waiting = [each for each in workers if not each.ready]
    if not waiting:
        return None
    worker = waiting[0]
    if worker.trouble and worker.state == "ready":
        return Diagnosis(code=Code.UNKNOWN, summary=worker.trouble[:LONGEST])
    if not worker.alive or worker.began is None or now - worker.began < SLOW:
        return None
    doing = "still loads its model" if worker.state == "loading" else "has not begun to listen"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"it {doing} after {now - worker.began:.0f} s",
        evidence=_tail(last_life(logs.get(worker.number, ()))),
        hint=f"if it only needs longer: --set health.timeout=20m; see deployer logs {facts.name}",
    )


# What a worker left.


def _of_worker(worker: WorkerFact, lines: Sequence[str]) -> Diagnosis | None:
    last = worker.last_exit
    if last is None or last.get("asked"):
        return None
    event = _last_event(lines)
    if event is not None:
        return _of_event(event)
    if last.get("error"):
        return Diagnosis(code=Code.UNKNOWN, summary=f"its worker {last['error']}"[:LONGEST])
    return _of_exit(worker, last, lines)


def _last_event(lines: Sequence[str]) -> dict[str, Any] | None:
    for line in reversed(lines):
        if line.startswith("{") and "-failed" in line:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and found.get("event") in ("load-failed", "example-failed", "start-failed"):
                return found
    return None


def _of_event(event: Mapping[str, Any]) -> Diagnosis:
    kind, text = str(event.get("error_type", "")), str(event.get("error", ""))
    trace = [str(line) for line in event.get("traceback") or ()]
    said = _cut(f"{kind}: {text.splitlines()[0]}" if text else kind)
    where = event.get("where")
    telling = (said, *((f"  at {where}",) if where else ()))
    missing = event.get("missing_module")
    if missing:
        return Diagnosis(
            code=Code.MISSING_DEPENDENCY,
            summary=f"cannot load its model: No module named '{missing}'",
            subject=str(missing).partition(".")[0],
            evidence=(_cut(f"ModuleNotFoundError: No module named '{missing}'"), *telling[1:], *_own_frames(trace)),
            hint="log the model again with that module in pip_requirements, "
            f"or add it: --set requirements.extra={str(missing).partition('.')[0].replace('_', '-')}",
        )  # fmt: skip
    if kind == "MemoryError" or any("MemoryError" in line for line in trace[-3:]):
        return Diagnosis(
            code=Code.OUT_OF_MEMORY, summary="there is not enough memory to load its model",
            evidence=(*telling, *_last_frames(trace)), hint="free memory on this host, or take fewer replicas",
        )  # fmt: skip
    if event.get("event") == "example-failed":
        matches = bool(_SIGNATURE.search(text))
        return Diagnosis(
            code=Code.SIGNATURE_MISMATCH if matches else Code.MODEL_LOAD,
            summary="its input example does not fit its signature" if matches else "it fails on its own input example",
            evidence=(*telling, *_last_frames(trace)),
            hint="log the model again with an input_example that it can answer",
        )  # fmt: skip
    if event.get("event") == "start-failed":
        evidence = (*telling, *trace[-6:])
        return Diagnosis(code=Code.UNKNOWN, summary=f"its server cannot start: {said}", evidence=evidence)
    return Diagnosis(
        code=Code.MODEL_LOAD, summary=f"cannot load its model: {said}", evidence=(*telling, *_last_frames(trace)),
        hint=_load_hint(kind),
    )  # fmt: skip


def _load_hint(kind: str) -> str | None:
    if kind in _UNPICKLE:
        return "often a package's version differs from the one that the model was saved with: see its requirements.txt"
    return None


def _of_exit(worker: WorkerFact, last: Mapping[str, Any], lines: Sequence[str]) -> Diagnosis:
    evidence = _tail(lines)
    if any("MemoryError" in line for line in evidence[-3:]):
        return Diagnosis(
            code=Code.OUT_OF_MEMORY, summary="it ran out of memory", evidence=evidence,
            hint="free memory on this host, or take fewer replicas",
        )  # fmt: skip
    code = last.get("code", "with a code not known")
    how = f"was ended by {last['signal']}" if last.get("signal") else f"exited {code}"
    times = f" {worker.restarts} times" if worker.restarts > 1 else ""
    if last.get("ready") or worker.restarts:
        return Diagnosis(
            code=Code.CRASH_LOOP, summary=f"its worker {how} after {float(last.get('ran', 0)):.0f} s{times}",
            subject=str(last.get("signal") or last.get("code") or ""), evidence=evidence,
            hint=_killed(last),
        )  # fmt: skip
    return Diagnosis(
        code=Code.UNKNOWN, summary=f"its worker {how} before it was ready",
        subject=str(last.get("signal") or last.get("code") or ""), evidence=evidence, hint=_killed(last),
    )  # fmt: skip


def _killed(last: Mapping[str, Any]) -> str | None:
    if last.get("signal") == "SIGKILL":
        return "the kernel ends processes so when memory runs out, and so does kill -9; see dmesg"
    return None


# Lines.


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _tail(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cut(line) for line in lines if line.strip())[-LAST_LINES:]


_FRAME = re.compile(r'  File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>.+)')


def _frames(trace: Sequence[str]) -> list[str]:
    found = []
    for index, line in enumerate(trace):
        match = _FRAME.match(line)
        if match:
            source = trace[index + 1].strip() if index + 1 < len(trace) and trace[index + 1].startswith("    ") else ""
            found.append(_cut(f"  {_short(match['path'])}:{match['line']} in {match['name']}: {source}".rstrip(": ")))
    return found


def _short(path: str) -> str:
    for folder, keep in ((r"/models/[0-9a-f]+/", ""), (r"/site-packages/", ""), (r"/runtimes/[^/]+/", "")):
        parts = re.split(folder, path)
        if len(parts) > 1:
            return keep + parts[-1]
    return path


def _own_frames(trace: Sequence[str]) -> tuple[str, ...]:
    """The lines of the model's own code, which it was saved with."""
    own = [line for line in trace if re.search(r"/models/[0-9a-f]+/", line)]
    kept = [index for index, line in enumerate(trace) if line in own]
    chosen = [line for index in kept for line in trace[index : index + 2]]
    return tuple(_frames(chosen))[-3:]


def _last_frames(trace: Sequence[str]) -> tuple[str, ...]:
    return tuple(_frames(trace))[-4:]
