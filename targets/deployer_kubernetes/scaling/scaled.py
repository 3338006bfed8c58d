"""What has the count of a revision that may sleep: KEDA's ScaledObject, and what it says. Pure.

https://keda.sh/docs/latest/reference/scaledobject-spec/ and https://keda.sh/docs/latest/scalers/metrics-api/.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target.container import asked_of
from deployer.value import JSON
from deployer_kubernetes.facts import ScalerFact
from deployer_kubernetes.marks import MANAGED_BY, Marks, Role, marks_of
from deployer_kubernetes.patching import patched
from deployer_kubernetes.requests import base_object, config_of, deployment_name
from deployer_kubernetes.scaling.wish import ACTIVATORS, activator_name

__all__ = ["activator_ports", "scaled_fact", "scaled_object"]

_PROBE_PORTS = (8081, 8082)
_REQUESTS = 10
"""Requests at once for each replica, unless the spec says otherwise: a prediction is work, and no waiting."""
_SHARE = 70
"""Percent of the CPU or memory that is asked for."""
_ONLY_WAKES = 100_000
"""Requests at once that no replica has, where the count follows something else."""


def activator_ports(spec: DeploymentSpec) -> tuple[int, int]:
    """Where an activator takes requests, and where it tells how many are on their way.

    The first is the server's: the cluster lists a Service's addresses by their ports, in an object for each of them, so
    that one that is led to another port could have none for a moment.
    """
    port = asked_of(spec, config_of(spec)).port
    return port, next(each for each in _PROBE_PORTS if each != port)


def scaled_object(spec: DeploymentSpec, revision: str, owner: str, namespace: str) -> dict[str, JSON]:
    """The ScaledObject of the revision that is served.

    Args:
        spec: The wish.
        revision: Which.
        owner: Whose it is.
        namespace: The activator's.

    Raises:
        SpecError: It gives no range, or a patch does not hold.
    """
    wish, config, name = spec.replicas, config_of(spec), deployment_name(spec.name, revision)
    if not isinstance(wish, ReplicaRange):
        raise SpecError("only what has a range can sleep", where="replicas", hint="give {min: 0, max: NUMBER}")
    found = base_object("scaledobject", name, Marks(owner, spec.name, Role.SERVER, revision), spec)
    # KEDA gives its own autoscaler all labels but these: without them that is not ours.
    found["metadata"]["annotations"] = {"scaledobject.keda.sh/hpa-excluded-labels": MANAGED_BY}
    idle = math.ceil(config.idle)
    url = f"http://{activator_name(spec.name)}.{namespace}.svc:{activator_ports(spec)[1]}/requests"
    found["spec"] |= {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "cooldownPeriod": idle,
        # The first rest begins when it is made: a replica that still starts is not let go of.
        "initialCooldownPeriod": max(idle, math.ceil(config.probes.startup)),
        "maxReplicaCount": wish.max,
        "triggers": [_requests(wish, url), *_share(wish)],
    }
    return patched(found, config.patches)


def _requests(wish: ReplicaRange, url: str) -> dict[str, JSON]:
    most = (wish.value or _REQUESTS) if wish.metric in (None, "requests") else _ONLY_WAKES
    # KEDA asks one of the activator's pods at a time, which has its part of the requests.
    told = {"url": url, "valueLocation": "requests", "targetValue": f"{most / ACTIVATORS:g}"}
    return {"type": "metrics-api", "metadata": told}


def _share(wish: ReplicaRange) -> list[JSON]:
    if wish.metric not in ("cpu", "memory"):
        return []
    percent = str(round(wish.value) if wish.value else _SHARE)
    return [{"type": wish.metric, "metricType": "Utilization", "metadata": {"value": percent}}]


def scaled_fact(thing: Mapping[str, Any], present: int | None) -> ScalerFact:
    """What is there of it.

    Args:
        thing: The ScaledObject.
        present: The count by now.
    """
    spec, marks = thing["spec"], marks_of(thing)
    return ScalerFact(
        name=thing["metadata"]["name"],
        revision=(marks.revision if marks else None) or "",
        least=int(spec.get("minReplicaCount") or 0),
        most=int(spec.get("maxReplicaCount") or 100),
        present=present,
    )
