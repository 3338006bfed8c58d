"""From evidence to a Diagnosis. Pure: the facts, the pods' events, and the lines that they wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_kubernetes.facts import Facts, PodFact
from deployer_kubernetes.observe import how, is_hopeless

__all__ = ["Evidence", "diagnosis_of", "of_failure"]

MODEL_FOLDER = "/opt/ml/model"
SLOW = 5.0
"""Seconds from which on a pod that still starts is worth a word."""
_MORE = "give it more: --set resources.memory=SIZE"
_PULLING = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_EXCEEDED = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>[^ ]+), used: [^ ]+, limited: (?P<most>\S+)"
)
_LOCKED = ("unauthorized", "authentication required", "denied", "forbidden", "no basic auth")
_ARCHITECTURE = re.compile(r"exec format error|no match for platform|no matching manifest", re.IGNORECASE)
_NO_PROGRAM = re.compile(r"executable file not found|no such file or directory", re.IGNORECASE)


@dataclass(frozen=True)
class Evidence:
    """What a pod has told: its events' messages, the newest last, and the last lines that it wrote."""

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
    for each in sorted(bad, key=lambda pod: (not is_hopeless(facts, pod), -pod.restarts, pod.name)):
        if is_hopeless(facts, each):
            return _of_pod(each, told.get(each.name, Evidence()), subject)
    if server is not None and server.failure:
        return of_failure(server.failure)
    if not bad:
        return None
    return _unfinished(facts, bad[0], told.get(bad[0].name, Evidence()), now)


def of_failure(said: str) -> Diagnosis:
    """Why no pod can be made: the API server's own words."""
    evidence = (cut(said),)
    if "exceeded quota" in said:
        return Diagnosis(
            code=Code.QUOTA, summary=cut(f"its pods would exceed a quota of the namespace: {_quota(said)}"),
            evidence=evidence,
            hint="take less (resources, replicas), or have it raised: kubectl describe resourcequota",
        )  # fmt: skip
    if "violates PodSecurity" in said:
        return Diagnosis(
            code=Code.PERMISSION, summary="the namespace's Pod Security does not admit its pods", evidence=evidence,
            hint="see config.patches, and the namespace's label pod-security.kubernetes.io/enforce",
        )  # fmt: skip
    if "forbidden" in said or "denied" in said:
        return Diagnosis(
            code=Code.PERMISSION, summary="the cluster does not admit its pods", evidence=evidence,
            hint="whoever runs the cluster's admission can tell what it wants",
        )  # fmt: skip
    return Diagnosis(code=Code.UNKNOWN, summary="the cluster cannot make its pods", evidence=evidence)


def _quota(said: str) -> str:
    found = _EXCEEDED.search(said)
    return f"{found['name']} allows {found['most']}, and {found['asked']} more is asked" if found else cut(said)


def _of_pod(pod: PodFact, told: Evidence, subject: Subject) -> Diagnosis:
    if pod.unscheduled:
        return Diagnosis(
            code=Code.UNSCHEDULABLE, summary=cut(f"no node has room for it: {pod.unscheduled}"),
            evidence=(cut(pod.unscheduled), *map(cut, told.events[-3:])),
            hint="take less (resources, config.node_selector), or add a node: kubectl describe nodes",
        )  # fmt: skip
    if pod.waiting in _PULLING:
        return _of_pull(pod, told, subject)
    evidence = (*last_words(told.lines), *(cut(each) for each in told.events[-2:])) or (cut(how(pod)),)
    said = " ".join((pod.waiting_message, pod.last.message if pod.last else "", *told.lines[-5:]))
    if _ARCHITECTURE.search(said):
        return Diagnosis(
            code=Code.IMAGE_ARCHITECTURE, summary="its image is for another processor than the node's",
            evidence=evidence, hint="build it for this one: --set image.platform=linux/amd64 or linux/arm64",
        )  # fmt: skip
    if pod.last is not None and pod.last.reason == "OOMKilled":
        return Diagnosis(code=Code.OUT_OF_MEMORY, summary=cut(how(pod)), evidence=evidence, hint=_MORE)
    if _NO_PROGRAM.search(" ".join((pod.waiting_message, pod.last.message if pod.last else ""))):
        return Diagnosis(
            code=Code.IMAGE_MANIFEST, summary="its image has not the program that it is to start",
            evidence=(cut(pod.last.message if pod.last else pod.waiting_message), *evidence),
            hint="see the image's entrypoint, and config.command",
        )  # fmt: skip
    event = failure_event(told.lines)
    if event is not None:
        return diagnosis_of_event(event, subject)
    if pod.last is not None:
        return Diagnosis(
            code=Code.CRASH_LOOP, summary=cut(how(pod)), subject=str(pod.last.code), evidence=evidence,
            hint=f"deployer logs {subject.endpoint}",
        )  # fmt: skip
    return Diagnosis(
        code=Code.UNKNOWN, summary=cut(how(pod)), evidence=evidence, hint=f"deployer status {subject.endpoint}"
    )


def _of_pull(pod: PodFact, told: Evidence, subject: Subject) -> Diagnosis:
    """Which of its parts is wrong: the name, the log-in, or the way."""
    events = (each for each in reversed(told.events) if "pull" in each and "Back-off" not in each)
    said = next(events, pod.waiting_message)
    low = said.lower()
    if _ARCHITECTURE.search(said):
        return Diagnosis(
            code=Code.IMAGE_ARCHITECTURE, summary="its image is not there for the node's processor",
            evidence=(cut(said),), hint="build it for this one: --set image.platform=linux/amd64 or linux/arm64",
        )  # fmt: skip
    if any(word in low for word in _LOCKED):
        why, hint = (
            "the registry does not let the node in",
            "name a Secret with a log-in: --set config.pull_secrets=NAME",
        )
    elif any(word in low for word in ("not found", "manifest unknown", "name unknown", "does not exist")):
        why, hint = "the registry has no such image", "run the same command again, which delivers it"
    elif "x509" in low or "certificate" in low:
        why, hint = "the node does not trust the registry's certificate", "have its authority known to the nodes"
    elif any(word in low for word in ("no such host", "connection refused", "i/o timeout", "dial tcp", "network is")):
        why, hint = "the node does not reach the registry", "is that name one that the nodes can reach?"
    elif pod.waiting == "InvalidImageName":
        why, hint = "that is no image's name", "see image.registry and image.use"
    else:
        why, hint = "its image cannot be pulled", f"deployer status {subject.endpoint}"
    return Diagnosis(code=Code.IMAGE_PULL, summary=cut(f"{why}: {_image(said)}"), evidence=(cut(said),), hint=hint)


def _image(said: str) -> str:
    found = re.search(r'image "(?P<name>[^"]+)"', said)
    return found["name"] if found else said


def _unfinished(facts: Facts, pod: PodFact, told: Evidence, now: float) -> Diagnosis | None:
    if now - pod.created < SLOW:
        return None
    server = facts.server(pod.revision)
    said: Sequence[str] = tuple(cut(each) for each in told.events[-3:])
    hint = f"if it only needs longer: --set health.timeout=20m; see deployer logs {facts.name}"
    if server is not None and server.asked.invocations is not None:
        said = (f"it must answer 200 to GET {server.asked.ready} on port {server.asked.port}", *said)
        hint = f"say by config.routes where it is asked; {hint}"
    return Diagnosis(
        code=Code.PROBE_TIMEOUT, summary=f"it is not ready after {now - pod.created:.0f} s",
        evidence=(*last_words(told.lines), *said), hint=hint,
    )  # fmt: skip
