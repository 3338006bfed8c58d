"""From evidence to a Diagnosis. Pure: the facts, the pods' events, and the lines that they wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_kubernetes.admission import admission_of
from deployer_kubernetes.facts import Facts, PodFact
from deployer_kubernetes.kserve.diagnose import of_inference
from deployer_kubernetes.observe import how, is_hopeless
from deployer_kubernetes.placing import diagnosis_of_placing
from deployer_kubernetes.pulls import PULLING, diagnosis_of_pull, for_this_processor

__all__ = ["Evidence", "diagnosis_of", "of_failure"]

MODEL_FOLDER = "/opt/ml/model"
SLOW = 5.0
"""Seconds from which on a pod that still starts is worth a word."""
_MORE = "give it more: --set resources.memory=SIZE"
_ARCHITECTURE = re.compile(r"exec format error", re.IGNORECASE)
_NO_PROGRAM = re.compile(
    r'exec: \\?"(?P<name>[^"\\]*)\\?": |executable file not found|^exec (?P<loaded>\S+): no such file or directory'
)
"""The runtime's words; the last ones are a container's only line where what would load its program is not there."""
_NO_ROOM = re.compile(r"memory limit too low|OOM-killed", re.IGNORECASE)
_UNSTARTED = frozenset({"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"})
_ABSENT = re.compile(r'(?P<what>(?:secret|configmap|persistentvolumeclaim) "[^"]+") not found|couldn\'t find key .+')
_RUNTIME = re.compile(r"^.*(?:unable to start container process: |OCI runtime create failed: |shim task: )", re.DOTALL)
"""What a container runtime says before it comes to the point."""


@dataclass(frozen=True)
class Evidence:
    """What a pod has told: its events that tell of trouble, the newest last, and the last lines that it wrote."""

    events: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def diagnosis_of(facts: Facts, revision: str, told: Mapping[str, Evidence], now: float) -> Diagnosis | None:
    """Why a revision is not healthy; None when it is, or when nothing can be told.

    Args:
        facts: What was found of its endpoint.
        revision: Its id.
        told: Pod's name -> what it has told.
        now: The cluster's clock, seconds since the epoch.
    """
    server = facts.server(revision)
    bad = [each for each in facts.live(revision) if not each.ready]
    release = facts.record.releases.get(revision) if facts.record else None
    model = (server.model if server else None) or (release.model.resolved if release else "")
    subject = Subject(facts.name, model, MODEL_FOLDER, _MORE)
    ready_image = server is not None and server.asked.invocations is not None
    for each in sorted(bad, key=lambda pod: (-pod.restarts, pod.name)):
        if is_hopeless(facts, each):
            return _of_pod(each, told.get(each.name, Evidence()), subject, ready_image=ready_image)
    made = of_inference(server) if server is not None else None
    if made is not None:
        return made
    if server is not None and server.failure:
        return of_failure(server.failure)
    if not bad:
        return None
    return _unfinished(facts, bad[0], told.get(bad[0].name, Evidence()), now)


def of_failure(said: str) -> Diagnosis:
    """Why no pod can be made: the API server's own words."""
    found = admission_of(said)
    if found is None:
        return Diagnosis(
            code=Code.UNKNOWN, summary=cut(f"the cluster cannot make its pods: {said}"), evidence=(cut(said),),
            hint="kubectl get events says what else happened",
        )  # fmt: skip
    return Diagnosis(
        code=found.code, summary=cut(f"its pods are refused: {found.why}"), evidence=(cut(said),), hint=found.hint
    )


def _of_pod(pod: PodFact, told: Evidence, subject: Subject, *, ready_image: bool) -> Diagnosis:
    if pod.unscheduled:
        return diagnosis_of_placing(pod.unscheduled, told.events)
    if pod.waiting in PULLING:
        return diagnosis_of_pull(pod, told.events, ready_image=ready_image)
    message = " ".join((pod.waiting_message, pod.last.message if pod.last else ""))
    evidence = (*last_words(told.lines), *(cut(each) for each in told.events[-2:]), *_ending(pod)) or (cut(how(pod)),)
    if _ARCHITECTURE.search(" ".join((message, *told.lines[-5:]))):
        return Diagnosis(
            code=Code.IMAGE_ARCHITECTURE, summary="its image is for another processor than the node's",
            evidence=evidence, hint=for_this_processor(ready_image=ready_image),
        )  # fmt: skip
    if (pod.last is not None and pod.last.reason == "OOMKilled") or _NO_ROOM.search(message):
        return Diagnosis(code=Code.OUT_OF_MEMORY, summary=cut(_out_of_memory(pod)), evidence=evidence, hint=_MORE)
    if unstarted := _why_unstarted(pod, message, told):
        return _unstarted(pod, unstarted, evidence)
    event = failure_event(told.lines)
    if event is not None:
        return diagnosis_of_event(event, subject)
    if pod.last is not None:
        return Diagnosis(
            code=Code.CRASH_LOOP, summary=cut(how(pod)), subject=str(pod.last.code), evidence=evidence,
            hint=f"deployer logs {subject.endpoint}",
        )  # fmt: skip
    absent = _ABSENT.search(pod.waiting_message)
    return Diagnosis(
        code=Code.UNKNOWN,
        summary=cut(f"what its pods are to be given is not there: {absent[0]}" if absent else how(pod)),
        evidence=evidence if not absent else (cut(pod.waiting_message),),
        hint="make it, or leave it out of config.patches" if absent else f"deployer status {subject.endpoint}",
    )


def _out_of_memory(pod: PodFact) -> str:
    if pod.last is not None and pod.last.reason == "OOMKilled":
        return how(pod)
    return f"{pod.name} cannot even start with {f'the {pod.memory}' if pod.memory else 'what'} that it may use"


def _ending(pod: PodFact) -> tuple[str, ...]:
    """In the kubelet's own words, for whoever compares it with what kubectl shows."""
    return (f"its container ended: {pod.last.reason}, exit code {pod.last.code}",) if pod.last is not None else ()


def _why_unstarted(pod: PodFact, message: str, told: Evidence) -> str:
    """What is said of a container whose program never ran; "" for one whose did."""
    if pod.waiting in _UNSTARTED or (pod.last is not None and pod.last.reason in _UNSTARTED):
        return message
    return told.lines[-1] if told.lines and _NO_PROGRAM.search(told.lines[-1]) else ""


def _unstarted(pod: PodFact, message: str, evidence: tuple[str, ...]) -> Diagnosis:
    """A container whose program never ran."""
    point = cut(_RUNTIME.sub("", message).strip() or how(pod))
    missing = _NO_PROGRAM.search(message)
    name = (missing["name"] or missing["loaded"] or "") if missing else ""
    summary = (
        f"its image has not the program that it is to start{f': {name}' if name else ''}"
        if missing
        else f"its container cannot be started: {point}"
    )
    return Diagnosis(
        code=Code.IMAGE_MANIFEST, summary=cut(summary), subject=name,
        evidence=tuple(dict.fromkeys((point, *(each for each in evidence if point not in each)))),
        hint="see the image's entrypoint, and config.command",
    )  # fmt: skip


def _unfinished(facts: Facts, pod: PodFact, told: Evidence, now: float) -> Diagnosis | None:
    if now - pod.created < SLOW:
        return None
    server = facts.server(pod.revision)
    said: tuple[str, ...] = tuple(cut(each) for each in told.events[-3:])
    hint = f"if it only needs longer: --set health.timeout=20m; see deployer logs {facts.name}"
    if server is not None and server.asked.invocations is not None:
        said = (f"it must answer 200 to GET {server.asked.ready} on port {server.asked.port}", *said)
        hint = f"say by config.routes where it is asked; {hint}"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT, summary=f"it is not ready after {now - pod.created:.0f} s",
        evidence=(*last_words(told.lines), *said), hint=hint,
    )  # fmt: skip
