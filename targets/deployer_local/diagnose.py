"""From evidence to a Diagnosis. Pure: the facts, and the lines that workers wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_local.facts import Facts, WorkerFact
from deployer_local.observe import port_sentence, routed

__all__ = ["diagnosis_of", "last_life"]

SLOW = 5.0
"""Seconds from which on a worker that still loads is worth a word."""


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
    wanted = facts.desired.revisions.get(revision) if facts.desired else None
    subject = Subject(facts.name, wanted.model if wanted else "", wanted.model_folder if wanted else "")
    workers = sorted(facts.of(revision), key=lambda each: (each.phase != "failed", not each.looping, each.number))
    for worker in workers:
        if worker.ready or (worker.phase == "running" and not worker.restarts):
            continue
        return _of_worker(worker, last_life(logs.get(worker.number, ())), subject)
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
        return Diagnosis(code=Code.UNKNOWN, summary=cut(worker.trouble))
    if not worker.alive or worker.began is None or now - worker.began < SLOW:
        return None
    doing = "still loads its model" if worker.state == "loading" else "has not begun to listen"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"it {doing} after {now - worker.began:.0f} s",
        evidence=last_words(last_life(logs.get(worker.number, ()))),
        hint=f"if it only needs longer: --set health.timeout=20m; see deployer logs {facts.name}",
    )


# What a worker left.


def _of_worker(worker: WorkerFact, lines: Sequence[str], subject: Subject) -> Diagnosis | None:
    last = worker.last_exit
    if last is None or last.get("asked"):
        return None
    event = failure_event(lines)
    if event is not None:
        return diagnosis_of_event(event, subject)
    if last.get("error"):
        return Diagnosis(code=Code.UNKNOWN, summary=cut(f"its worker {last['error']}"))
    return _of_exit(worker, last, lines)


def _of_exit(worker: WorkerFact, last: Mapping[str, Any], lines: Sequence[str]) -> Diagnosis:
    evidence = last_words(lines)
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
