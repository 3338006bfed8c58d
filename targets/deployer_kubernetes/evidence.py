"""Fetches what pods have told: the events that tell of trouble, and the last lines that they wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.errors import TargetUnavailable
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.diagnose import Evidence
from deployer_kubernetes.facts import PodFact
from deployer_kubernetes.logs import last_lines

__all__ = ["evidence_of", "telling"]


def evidence_of(cluster: Cluster, pods: Iterable[PodFact]) -> dict[str, Evidence]:
    """Pod's name -> what it has told, of those that are not ready; what may not be read is said so in its place."""
    return {each.name: Evidence(_events(cluster, each), _lines(cluster, each)) for each in pods if not each.ready}


def _events(cluster: Cluster, pod: PodFact) -> tuple[str, ...]:
    try:
        found, _ = cluster.all("Event", fields=f"involvedObject.uid={pod.uid}")
    except TargetUnavailable as error:
        return (f"its events are not told: {error.message}",)
    return telling(found)


def telling(events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of a pod's events those that tell of trouble, each once, the newest last; and what it is at, where that lasts.

    Args:
        events: As the API has them.
    """
    ordered = sorted(events, key=_when)
    told = [each for each in ordered if _is_trouble(each) or (each is ordered[-1] and _lasts(each))]
    said = [f"{each.get('reason', '')}: {each.get('message', '')}".strip() for each in told]
    return tuple(reversed(dict.fromkeys(reversed(said))))


def _is_trouble(event: Mapping[str, Any]) -> bool:
    # That the kubelet waits between two trials says nothing of why.
    return event.get("type") != "Normal" and event.get("reason") != "BackOff"


def _lasts(event: Mapping[str, Any]) -> bool:
    return event.get("reason") in ("Pulling", "Scheduled")


def _when(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((str(each) for each in times if each), "")


def _lines(cluster: Cluster, pod: PodFact) -> tuple[str, ...]:
    """Of the container that ended last, while the one after it has said little."""
    if not pod.node:
        return ()
    try:
        now = last_lines(cluster, pod.name, pod.container, previous=False)
        before = last_lines(cluster, pod.name, pod.container, previous=True) if pod.restarts else ()
    except TargetUnavailable as error:
        return (f"what it wrote is not told: {error.message}",)
    return (*before, *now) if pod.last is not None else now
