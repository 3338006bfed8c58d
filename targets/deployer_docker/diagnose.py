"""From evidence to a Diagnosis. Pure: the facts, and the lines that replicas wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.observe import ending, is_ready

__all__ = ["diagnosis_of"]

MODEL_FOLDER = "/opt/ml/model"
SLOW = 5.0
"""Seconds from which on a replica that still loads is worth a word."""
_ARCHITECTURE = re.compile(r"exec format error", re.IGNORECASE)
_NO_PROGRAM = re.compile(r"executable file not found|no such file or directory", re.IGNORECASE)
_KILLED = 137
_MORE = "give it more: --set resources.memory=SIZE"


def diagnosis_of(facts: Facts, revision: str, logs: Mapping[str, Sequence[str]], now: float) -> Diagnosis | None:
    """Why a revision is not healthy; None when it is, or when nothing can be told.

    Args:
        facts: What was found of its endpoint.
        revision: Its id.
        logs: Container's id -> the lines of its log.
        now: Seconds since the epoch.
    """
    live = [each for each in facts.of(revision) if not is_ready(facts, each)]
    release = facts.record.releases.get(revision) if facts.record else None
    model = next((each.labels["model"] for each in live if each.labels.get("model")), "")
    subject = Subject(facts.name, model or (release.model.resolved if release else ""), MODEL_FOLDER, _MORE)
    for each in sorted(live, key=lambda one: (not one.error, not one.oom, -one.restarts, one.number)):
        if each.failing:
            return _of_container(each, logs.get(each.id, ()), subject)
    if not live:
        return None
    if facts.loaded is None and facts.gateway_trouble:
        return Diagnosis(code=Code.NOT_REACHABLE, summary=cut(facts.gateway_trouble), hint="deployer apply repairs it")
    return _unfinished(facts, live[0], logs.get(live[0].id, ()), now)


def _of_container(container: ContainerFact, lines: Sequence[str], subject: Subject) -> Diagnosis:
    if container.error:
        return _of_start(container, subject)
    if container.oom:
        return Diagnosis(
            code=Code.OUT_OF_MEMORY, summary=cut(ending(container)), evidence=last_words(lines) or (ending(container),),
            hint=_MORE,
        )  # fmt: skip
    if any(_ARCHITECTURE.search(line) for line in lines[-5:]):
        return _architecture(last_words(lines))
    event = failure_event(lines)
    if event is not None:
        return diagnosis_of_event(event, subject)
    if any("MemoryError" in line for line in lines[-3:]):
        return Diagnosis(
            code=Code.OUT_OF_MEMORY, summary="it ran out of memory", evidence=last_words(lines), hint=_MORE
        )
    loops = container.was_ready or container.restarts > 0
    return Diagnosis(
        code=Code.CRASH_LOOP if loops else Code.UNKNOWN,
        summary=cut(ending(container) + ("" if container.was_ready else " before it was ready")),
        subject=str(container.exit_code), evidence=last_words(lines) or (ending(container),),
        hint="kill -9 ends processes so, and so does the kernel when the host's memory runs out; see dmesg"
        if container.exit_code == _KILLED else f"deployer logs {subject.endpoint}",
    )  # fmt: skip


def _of_start(container: ContainerFact, subject: Subject) -> Diagnosis:
    evidence = (cut(container.error),)
    if _ARCHITECTURE.search(container.error):
        return _architecture(evidence)
    if _NO_PROGRAM.search(container.error):
        return Diagnosis(
            code=Code.IMAGE_MANIFEST, summary="its image has not the program that it is to start",
            evidence=evidence, hint="see the image's entrypoint: docker image inspect",
        )  # fmt: skip
    return Diagnosis(
        code=Code.UNKNOWN, summary="the engine cannot start it", evidence=evidence,
        hint=f"deployer status {subject.endpoint}",
    )  # fmt: skip


def _architecture(evidence: Sequence[str]) -> Diagnosis:
    return Diagnosis(
        code=Code.IMAGE_ARCHITECTURE, summary="its image is for another processor than the engine's",
        evidence=tuple(evidence), hint="build it for this one: --set image.platform=linux/amd64 or linux/arm64",
    )  # fmt: skip


def _unfinished(facts: Facts, container: ContainerFact, lines: Sequence[str], now: float) -> Diagnosis | None:
    if not container.running or container.started is None or now - container.started < SLOW:
        return None
    checks = [each.check for each in facts.loaded.of(container.revision)] if facts.loaded else []
    said = tuple(cut(f"health check: {each}") for each in dict.fromkeys(checks) if each)
    hint = f"if it only needs longer: --set health.timeout=20m; see deployer logs {facts.name}"
    if container.asked.invocations is not None:
        said = (f"it must answer 200 to GET {container.asked.ready} on port {container.asked.port}", *said)
        hint = f"say by config.routes where it is asked; {hint}"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"it is not ready after {now - container.started:.0f} s",
        evidence=(*last_words(lines), *said),
        hint=hint,
    )
