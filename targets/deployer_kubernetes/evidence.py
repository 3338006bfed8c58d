"""Fetches what pods have told: their events, and the last lines that they wrote."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.diagnose import Evidence
from deployer_kubernetes.facts import PodFact
from deployer_kubernetes.logs import last_lines

__all__ = ["evidence_of"]


def evidence_of(cluster: Cluster, pods: Iterable[PodFact]) -> dict[str, Evidence]:
    """Pod's name -> what it has told, of those that are not ready."""
    return {each.name: Evidence(_events(cluster, each), _lines(cluster, each)) for each in pods if not each.ready}


def _events(cluster: Cluster, pod: PodFact) -> tuple[str, ...]:
    found, _ = cluster.all("Event", fields=f"involvedObject.uid={pod.uid}")
    found.sort(key=_when)
    return tuple(f"{each.get('reason', '')}: {each.get('message', '')}".strip() for each in found)


def _when(event: Any) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((str(each) for each in times if each), "")


def _lines(cluster: Cluster, pod: PodFact) -> tuple[str, ...]:
    """Of the container that ended last, while the one after it has said little."""
    if not pod.node:
        return ()
    now = last_lines(cluster, pod.name, previous=False)
    before = last_lines(cluster, pod.name, previous=True) if pod.restarts else ()
    return (*before, *now) if pod.last is not None else now
