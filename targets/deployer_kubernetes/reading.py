"""From the API server's objects to facts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from deployer_kubernetes.facts import Ending, PodFact, ScalerFact, ServerFact, ServiceFact, told_of
from deployer_kubernetes.marks import BEGUN, REVISION, ROLE, Role, marks_of
from deployer_kubernetes.requests import NOBODY

__all__ = ["moment", "pod_fact", "scaler_fact", "server_fact", "service_fact"]


def moment(text: Any) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, or None."""
    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None


def pod_fact(pod: Mapping[str, Any]) -> PodFact:
    """One pod of a revision."""
    meta, status = pod["metadata"], pod.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    lost = scheduled.get("status") == "False"
    container = _worst([*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())])
    waiting = (container.get("state") or {}).get("waiting") or {}
    leaving = bool(meta.get("deletionTimestamp"))
    marks = marks_of(pod)
    created = moment(meta.get("creationTimestamp")) or 0.0
    return PodFact(
        name=meta["name"],
        uid=meta["uid"],
        revision=(marks.revision if marks else None) or "",
        created=created,
        phase=status.get("phase", ""),
        ready=not leaving and (conditions.get("Ready") or {}).get("status") == "True",
        leaving=leaving,
        node=(pod.get("spec") or {}).get("nodeName", ""),
        address=status.get("podIP", ""),
        restarts=sum(int(each.get("restartCount") or 0) for each in status.get("containerStatuses") or ()),
        waiting=waiting.get("reason", "") if waiting.get("reason") not in _FINE else "",
        waiting_message=waiting.get("message", ""),
        last=_ending(container),
        unscheduled=(scheduled.get("message") or scheduled.get("reason") or "no node") if lost else "",
        unscheduled_since=moment(scheduled.get("lastTransitionTime")) if lost else None,
        scheduled=(moment(scheduled.get("lastTransitionTime")) if not lost else None) or created,
        starting=not container.get("started"),
        image=container.get("imageID", ""),
        container=container.get("name") or "server",
        memory=_limit(pod, container.get("name", "")),
    )


def _limit(pod: Mapping[str, Any], container: str) -> str:
    whole = pod.get("spec") or {}
    for each in (*(whole.get("initContainers") or ()), *(whole.get("containers") or ())):
        if each["name"] == container:
            return str(((each.get("resources") or {}).get("limits") or {}).get("memory") or "")
    return ""


_FINE = (None, "", "ContainerCreating", "PodInitializing")


def _worst(statuses: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The container that keeps its pod from being ready: the first that waits or has failed, else the last."""
    found: Mapping[str, Any] = {}
    for each in statuses:
        found = each
        state = each.get("state") or {}
        ended = state.get("terminated") or {}
        if (state.get("waiting") or {}).get("reason") not in _FINE or ended.get("exitCode"):
            return each
    return found


def _ending(container: Mapping[str, Any]) -> Ending | None:
    for part in ("state", "lastState"):
        ended = (container.get(part) or {}).get("terminated")
        if ended:
            return Ending(
                ended.get("reason", ""), int(ended.get("exitCode") or 0), ended.get("message", ""),
                moment(ended.get("finishedAt")),
            )  # fmt: skip
    return None


def server_fact(thing: Mapping[str, Any]) -> ServerFact:
    """A revision's Deployment."""
    meta, status = thing["metadata"], thing.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    failure = conditions.get("ReplicaFailure") or {}
    marks = marks_of(thing)
    return ServerFact(
        name=meta["name"],
        uid=meta["uid"],
        revision=(marks.revision if marks else None) or "",
        created=_latest(meta.get("creationTimestamp"), (meta.get("annotations") or {}).get(BEGUN)),
        wanted=int(thing["spec"].get("replicas", 1)),
        acted=int(status.get("observedGeneration") or 0) >= int(meta.get("generation") or 0),
        current=int(status.get("updatedReplicas") or 0),
        count=int(status.get("replicas") or 0),
        failure=failure.get("message", "") if failure.get("status") == "True" else "",
        leaving=bool(meta.get("deletionTimestamp")),
        labels=meta.get("labels") or {},
        told=told_of(meta.get("annotations")),
    )


def _latest(*times: Any) -> float:
    return max(moment(each) or 0.0 for each in times)


def service_fact(
    thing: Mapping[str, Any],
    slices: Iterable[Mapping[str, Any]],
    adopted: str = "",
    led: Mapping[str, Any] | None = None,
) -> ServiceFact:
    """The endpoint's Service, with whom it sends requests to.

    Args:
        thing: The Service.
        slices: EndpointSlices of the one that leads to a revision.
        adopted: The revision that it leads to by a selector which somebody else made.
        led: The Service that leads to a revision, where that is another one: behind its activator.
    """
    asked = (led if led is not None else thing)["spec"].get("selector") or {}
    wished = asked.get(REVISION, adopted)
    behind = [
        each["targetRef"]["name"]
        for slice_ in slices
        for each in slice_.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready") is not False and (each.get("targetRef") or {}).get("name")
    ]
    ports = [int(each["port"]) for each in thing["spec"].get("ports") or ()]
    return ServiceFact(
        name=thing["metadata"]["name"],
        uid=thing["metadata"]["uid"],
        revision="" if wished == NOBODY else wished,
        gateway=asked.get(ROLE) == Role.GATEWAY.value,
        behind=tuple(dict.fromkeys(behind)),
        port=80 if 80 in ports or not ports else ports[0],
        activator=(thing["spec"].get("selector") or {}).get(ROLE) == Role.ACTIVATOR.value,
    )


def scaler_fact(thing: Mapping[str, Any]) -> ScalerFact:
    """What has a revision's count."""
    spec, status = thing["spec"], thing.get("status") or {}
    marks = marks_of(thing)
    return ScalerFact(
        name=thing["metadata"]["name"],
        revision=(marks.revision if marks else None) or "",
        least=int(spec.get("minReplicas") or 1),
        most=int(spec["maxReplicas"]),
        wished=status.get("desiredReplicas"),
        present=status.get("currentReplicas"),
    )
