"""Pods whose containers cannot even be made: only an event tells why, and the kubelet tries again for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import PodFact

__all__ = ["SIGNS", "with_signs"]

SIGNS: Mapping[str, re.Pattern[str]] = {
    "FailedCreatePodSandBox": re.compile(r"memory limit too low|OOM-killed"),
    "FailedMount": re.compile(r'(?:secret|configmap|persistentvolumeclaim) "[^"]+" not found'),
}
"""Reason of an event -> what it says when trying again is of no use, as it is for a network that is not there yet."""
TIMES = 3
"""That it must have been said, since what was made a moment ago may be news to the kubelet."""


def with_signs(cluster: Cluster, pods: tuple[PodFact, ...]) -> tuple[PodFact, ...]:
    """The pods, those that wait in vain with the event's reason as what they wait for."""
    if not any(map(_is_unborn, pods)):
        return pods
    events, _ = cluster.all("Event", fields="involvedObject.kind=Pod,type=Warning")
    return tuple(_signed(each, events) if _is_unborn(each) else each for each in pods)


def _is_unborn(pod: PodFact) -> bool:
    return pod.phase == "Pending" and bool(pod.node) and not (pod.waiting or pod.last or pod.leaving)


def _signed(pod: PodFact, events: Iterable[Mapping[str, Any]]) -> PodFact:
    for each in events:
        sign = SIGNS.get(each.get("reason", ""))
        message = str(each.get("message", ""))
        if sign is not None and each["involvedObject"].get("uid") == pod.uid and sign.search(message):
            times = max(int(each.get("count") or 0), int((each.get("series") or {}).get("count") or 0))
            if times >= TIMES or each["reason"] != "FailedMount":
                return replace(pod, waiting=each["reason"], waiting_message=message)
    return pod
