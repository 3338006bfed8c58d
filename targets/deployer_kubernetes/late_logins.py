"""Pods whose image was asked for without the login that lies ready for it: the node had not got that yet.

A kubelet waits one second for a Secret that it has not seen before, and then pulls without it (Kubernetes,
pkg/kubelet/util/manager/watch_based_manager.go); it says so by an event, and tries again in ten seconds. On a busy
cluster that is no rare thing, since the API server first has to learn that a node may read the Secret at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import PodFact
from deployer_kubernetes.pulls import is_refused
from deployer_kubernetes.reading import moment

__all__ = ["without_late_logins"]

_LATE, _FAILED = "FailedToRetrieveImagePullSecret", "Failed to pull image "
_NAMES = re.compile(r"\((?P<names>[^)]+)\)")
TIMES = 3
"""Pulls that failed, after which it is no matter of a moment any more."""
_SPAN = 5.0
"""Seconds from a Secret that is not there to a pull that fails without it, at most; the next is ten seconds later."""


def without_late_logins(cluster: Cluster, pods: tuple[PodFact, ...]) -> tuple[PodFact, ...]:
    """The pods, those that the node tries again with a login that it has by then as if it had not tried yet."""
    return tuple(replace(each, waiting="", waiting_message="") if _is_late(cluster, each) else each for each in pods)


def _is_late(cluster: Cluster, pod: PodFact) -> bool:
    begins = pod.waiting == "ErrImagePull" and is_refused(pod.waiting_message)
    if not (begins or pod.waiting == "ImagePullBackOff"):
        return False
    events, _ = cluster.all("Event", fields=f"involvedObject.uid={pod.uid}")
    failed = [each for each in events if str(each.get("message", "")).startswith(_FAILED)]
    if begins and not failed:
        return True  # what the kubelet said before that is not known yet either
    missing = [each for each in events if each.get("reason") == _LATE]
    if not missing or sum(int(each.get("count") or 1) for each in failed) >= TIMES:
        return False
    if _last(failed) - _last(missing) > _SPAN:  # refused with it as well; a pull that goes on is not told as that
        return False
    return all(cluster.get("Secret", name) is not None for each in missing for name in _names(each))


def _last(events: Iterable[Mapping[str, Any]]) -> float:
    times = (each.get("lastTimestamp") or each["metadata"].get("creationTimestamp") for each in events)
    return max((moment(each) or 0.0 for each in times), default=0.0)


def _names(event: Mapping[str, Any]) -> list[str]:
    found = _NAMES.search(str(event.get("message", "")))
    return [each.strip() for each in found["names"].split(",")] if found else []
