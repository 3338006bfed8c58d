"""From evidence to a Diagnosis: what Azure's operation told, and the lines that its containers wrote. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from deployer.endpoint import Code, Diagnosis, Phase
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_azureml.causes import cause_of, is_container
from deployer_azureml.facts import DeploymentFact, Facts
from deployer_azureml.observe import revision_of

__all__ = ["SLOW", "Written", "diagnosis_of", "read_logs"]

SLOW = 1200.0
"""Seconds from which on a deployment that is still made is worth a word: recorded ones took 9 to 20 minutes."""
_FOLDER = "/opt/ml/model"
_MORE = "give it a larger instance: --set resources.memory=SIZE, or config.instance_type=TYPE"
_I = re.IGNORECASE
_STATUS = re.compile(
    r"^(?P<step>SystemSetup|UserContainerImagePull|ModelDownload|UserContainerStart): (?P<how>\w+)", re.MULTILINE
)
_HEADS = re.compile(r"^(Instance status|Container events|Container logs)\b[^\n]*:\s*$", re.MULTILINE)
_MEMORY = re.compile(r"\bOut of memory\b|\boom-kill|\bOOMKilled\b|\bMemoryError\b|^Killed$|exit code:? 137", _I)
_PLATFORM = re.compile(r"exec format error", _I)
_PROBE = re.compile(r"(Liveness|Readiness|Startup) probe failed", _I)
_STEPS = {
    "UserContainerImagePull": "UserContainerImagePull failed",
    "ModelDownload": "ModelDownload failed",
}


@dataclass(frozen=True)
class Written:
    """What ``getLogs`` answered.

    Attributes:
        steps: ``UserContainerImagePull`` -> ``Succeeded``, of the instance.
        events: What Kubernetes told of the container.
        lines: What the container wrote, the newest last.
    """

    steps: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def failed(self) -> str:
        """The step that did not go well; "" for none."""
        return next((step for step, how in self.steps.items() if how == "Failed"), "")


def read_logs(content: str) -> Written:
    """Take the three parts of ``getLogs``' text apart; text without these heads is the container's own."""
    heads = [*_HEADS.finditer(content)]
    if not heads:
        return Written(lines=tuple(content.splitlines()))
    parts: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        parts[head[1].lower()] = content[head.end() : following.start() if following is not None else len(content)]
    steps = {found["step"]: found["how"] for found in _STATUS.finditer(parts.get("instance status", ""))}
    events = tuple(line for line in parts.get("container events", "").splitlines() if line.strip())
    lines = tuple(line for line in parts.get("container logs", "").splitlines() if line.strip())
    return Written(steps, events, lines)


def diagnosis_of(facts: Facts, revision: str, written: Written, now: float) -> Diagnosis | None:
    """Why a revision is not healthy; None when it is, or when nothing can be told.

    Args:
        facts: What was found of its endpoint; a deployment's `trouble` is what its operation told.
        revision: Its id.
        written: What its containers wrote.
        now: Azure's clock.
    """
    found, seen = facts.find(revision), revision_of(facts, revision)
    if found is None or seen is None or seen.phase in (Phase.HEALTHY, Phase.STOPPING):
        return None
    if seen.phase is Phase.STARTING:
        return _unfinished(found, written, now)
    return _of_failure(facts, found, written)


def _of_failure(facts: Facts, found: DeploymentFact, written: Written) -> Diagnosis:
    """By Azure's words where they tell it, else by what the container wrote, else by how it ended."""
    trouble = found.trouble
    known = cause_of(trouble) if trouble else None
    if known is None and written.failed in _STEPS:
        known = cause_of(_STEPS[written.failed])
    if known is not None and not (known.code is Code.OUT_OF_MEMORY and failure_event(written.lines)):
        return _with(known, written, trouble)
    release = facts.record.releases.get(found.revision) if facts.record else None
    subject = Subject(facts.name, release.model.resolved if release else "", _FOLDER, _MORE)
    evidence = (*last_words(written.lines), *_last(written.events), *_said(trouble))
    event = failure_event(written.lines)
    if event is not None:
        told = diagnosis_of_event(event, subject)
        return told.model_copy(update={"evidence": (*told.evidence, *_said(trouble))})
    every = (*written.lines[-5:], *written.events[-5:])
    if any(_PLATFORM.search(line) for line in every):
        return _with(cause_of("exec format error") or _unknown(trouble, evidence), written, trouble)
    if any(_MEMORY.search(line) for line in every):
        return Diagnosis(code=Code.OUT_OF_MEMORY, summary="it ran out of memory", evidence=evidence, hint=_MORE)
    if _PROBE.search(trouble) or any(_PROBE.search(line) for line in written.events[-5:]):
        return _no_answer(facts, trouble, evidence, said=bool(written.lines))
    if is_container(trouble) or written.failed == "UserContainerStart":
        return Diagnosis(
            code=Code.CRASH_LOOP, evidence=evidence,
            summary="its container ended by itself" + ("" if written.lines else ", and wrote nothing"),
            hint=f"deployer logs {facts.name} --revision {found.revision}"
            if written.lines else "does the image start here? docker run IMAGE",
        )  # fmt: skip
    return _unknown(trouble, evidence)


def _with(known: Diagnosis, written: Written, trouble: str) -> Diagnosis:
    """A cause, with what was written beside Azure's own words."""
    more = (*last_words(written.lines)[-4:], *_last(written.events))
    return known.model_copy(update={"evidence": (*more, *_said(trouble))}) if more else known


def _said(trouble: str) -> tuple[str, ...]:
    return (cut(" ".join(trouble.split())),) if trouble else ()


def _last(events: Sequence[str]) -> tuple[str, ...]:
    return tuple(cut(each) for each in events[-2:])


def _no_answer(facts: Facts, trouble: str, evidence: tuple[str, ...], *, said: bool) -> Diagnosis:
    kind = "live" if "liveness" in trouble.lower() else "ready"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"it did not answer that it is {kind} in time" + ("" if said else ", and wrote nothing"),
        evidence=evidence,
        hint=f"if it only needs longer: --set config.startup=30m; see deployer logs {facts.name}",
    )


def _unknown(trouble: str, evidence: tuple[str, ...]) -> Diagnosis:
    return Diagnosis(
        code=Code.UNKNOWN, summary=cut(trouble.partition("\n")[0] or "Azure does not say why"), evidence=evidence,
        hint="az ml online-deployment show, and get-logs, have all that Azure tells",
    )  # fmt: skip


def _unfinished(found: DeploymentFact, written: Written, now: float) -> Diagnosis | None:
    since = max(found.created, found.modified)
    if not since or now - since < SLOW:
        return None
    event = failure_event(written.lines)
    words = f"; its container said: {event.get('error')}" if event is not None and event.get("error") else ""
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=cut(f"{found.name} is still {found.state} after {now - since:.0f} s{words}"),
        evidence=(*last_words(written.lines), *_last(written.events)),
        hint="Azure gives it up by itself, after an hour or more; --set config.startup=SECONDS says how long",
    )  # fmt: skip
