"""From a spec and a release to the objects that the API server is sent. Pure.

What is the same for all lies in ``manifests/kubernetes``, as a person would write it; here is what a spec says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.manifests import read_manifest
from deployer.quantity import format_memory
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target.container import (
    KEYS_FOLDER,
    SECRETS_FOLDER,
    Asked,
    asked_of,
    server_environment,
    write_paths,
)
from deployer.target.reading import read_config, secret_numbers
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesConfig
from deployer_kubernetes.marks import ENDPOINT, PREFIX, REVISION, ROLE, Marks, Role, object_name
from deployer_kubernetes.patching import patched
from deployer_kubernetes.scaling.wish import activator_labels, sleeps
from deployer_kubernetes.weights import mounted_weights

__all__ = [
    "CPU_SHARE",
    "NOBODY",
    "base_object",
    "budget",
    "config_of",
    "deployment",
    "deployment_name",
    "gateway_labels",
    "keys_name",
    "network_policy",
    "pod_labels",
    "pull_name",
    "pull_secrets",
    "scaler",
    "secrets_name",
    "service",
    "service_account",
    "told",
    "traffic_selector",
    "unpatched_deployment",
]

NOBODY = "none"
"""What a Service's selector asks for while nothing is served: no revision has this name."""
CPU_SHARE = 70
"""Percent of the CPU asked for that an autoscaler keeps its replicas at, unless the spec says otherwise."""
_SPARE = 5
"""Seconds beyond draining, after which the kubelet ends a replica the hard way."""


def config_of(spec: DeploymentSpec) -> KubernetesConfig:
    """The spec's ``config``, read.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    return read_config(spec, KubernetesConfig, "kubernetes")


def deployment_name(endpoint: str, revision: str) -> str:
    """The Deployment of a revision, and what belongs to it."""
    return object_name(endpoint, revision)


def secrets_name(endpoint: str) -> str:
    """The Secret with all values of an endpoint's secrets, each under ``NAME.NUMBER``."""
    return object_name(endpoint, "secrets")


def keys_name(endpoint: str) -> str:
    """The Secret with the digests of its API keys."""
    return object_name(endpoint, "keys")


def pull_name(endpoint: str) -> str:
    """The Secret with the login for its images' registry."""
    return object_name(endpoint, "pull")


def pull_secrets(spec: DeploymentSpec) -> list[JSON]:
    """What the kubelet pulls its image with."""
    config = config_of(spec)
    made = (pull_name(spec.name),) if config.pull_login == "docker" else ()
    return [{"name": each} for each in (*config.pull_secrets, *made)]


@cache
def _text(kind: str) -> str:
    return read_manifest(f"kubernetes/{kind}.yaml")


def base_object(kind: str, name: str, marks: Marks, spec: DeploymentSpec) -> dict[str, Any]:
    """What is the same for all of ``manifests/kubernetes/KIND.yaml``, with its name and labels."""
    text: dict[str, Any] = yaml.safe_load(_text(kind))
    # Labels of the spec lie on objects and not on pods, so that a new one restarts nothing.
    meta = {"name": name, "labels": {**spec.labels, **marks.labels()}}
    return {"apiVersion": text.pop("apiVersion"), "kind": text.pop("kind"), "metadata": meta, **text}


def pod_labels(endpoint: str, revision: str | None = None) -> dict[str, str]:
    """The labels by which an endpoint's pods are found, or those of one revision."""
    found = {ENDPOINT: endpoint, ROLE: Role.SERVER.value}
    return {**found, REVISION: revision} if revision is not None else found


def gateway_labels(endpoint: str) -> dict[str, str]:
    """The labels by which the pods of its own gateway are found."""
    return {ENDPOINT: endpoint, ROLE: Role.GATEWAY.value}


# What the endpoint has once.


def service_account(spec: DeploymentSpec, owner: str) -> dict[str, JSON] | None:
    """The account of its pods; None when one that is there is named."""
    if config_of(spec).service_account is not None:
        return None
    return base_object("serviceaccount", spec.name, Marks(owner, spec.name, Role.ENDPOINT), spec)


def service(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """The stable address, whose selector belongs to whoever moves traffic (`traffic_selector`)."""
    found = base_object("service", spec.name, Marks(owner, spec.name, Role.ENDPOINT), spec)
    return patched(found, config_of(spec).patches)


def traffic_selector(endpoint: str, revision: str | None) -> dict[str, str]:
    """A Service's selector that leads to one revision, or to nobody."""
    return pod_labels(endpoint, revision or NOBODY)


def budget(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """What a node that is drained has to heed."""
    found = base_object("poddisruptionbudget", spec.name, Marks(owner, spec.name, Role.ENDPOINT), spec)
    found["spec"]["selector"] = {"matchLabels": pod_labels(spec.name)}
    return patched(found, config_of(spec).patches)


# What each revision has.


def deployment(spec: DeploymentSpec, release: Release, owner: str, count: int | None = None) -> dict[str, JSON]:
    """A revision's pods.

    Args:
        spec: The wish.
        release: The revision.
        owner: Whose it is.
        count: How many; None leaves the count to whoever has it.

    Raises:
        SpecError: It has no image, or a patch does not hold.
    """
    return patched(unpatched_deployment(spec, release, owner, count), config_of(spec).patches)


def unpatched_deployment(
    spec: DeploymentSpec, release: Release, owner: str, count: int | None = None
) -> dict[str, JSON]:
    """`deployment`, before what ``config.patches`` says of it."""
    if release.image is None:
        raise SpecError(f"{release.revision} has no image", where=spec.name, hint="run the same command again")
    config, marks = config_of(spec), Marks(owner, spec.name, Role.SERVER, release.revision)
    found = base_object("deployment", deployment_name(spec.name, release.revision), marks, spec)
    asked = asked_of(spec, config)
    found["metadata"]["annotations"] = told(release, asked)
    whole = found["spec"]
    if count is not None:
        whole["replicas"] = count
    whole["selector"] = {"matchLabels": pod_labels(spec.name, release.revision)}
    pod = whole["template"]["spec"]
    meta = {"labels": marks.labels(), "annotations": {**config.annotations, **told(release, asked)}}
    whole["template"] = {"metadata": meta, "spec": pod}
    volumes, mounts = _volumes(spec, release)
    pod["volumes"][0]["emptyDir"]["sizeLimit"] = format_memory(config.tmp)
    pod["volumes"] += volumes
    pod |= {
        "serviceAccountName": config.service_account or spec.name,
        "terminationGracePeriodSeconds": math.ceil(config.pre_stop + config.drain + _SPARE),
        "topologySpreadConstraints": _spread(spec.name, release.revision),
        **_placement(config),
        **({"imagePullSecrets": pulled} if (pulled := pull_secrets(spec)) else {}),
    }
    server = pod["containers"][0]
    server["ports"][0]["containerPort"] = asked.port
    server["securityContext"]["readOnlyRootFilesystem"] = config.read_only
    server["volumeMounts"] += mounts
    mounted = mounted_weights(spec, release, config)
    if mounted is not None:
        pod["volumes"].append(mounted.volume)
        server["volumeMounts"].append(mounted.mount)
        if mounted.container is not None:
            pod["initContainers"] = [mounted.container | {"resources": _resources(spec, config, gpu=False)}]
    variables = server_environment(spec, release, config)
    pod["containers"][0] = {
        "name": server.pop("name"),
        "image": release.image.reference,
        **({"args": [*config.command]} if config.command is not None else {}),
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        **server,
        "resources": _resources(spec, config),
        **_probes(config, asked),
        **({"lifecycle": {"preStop": {"sleep": {"seconds": math.ceil(config.pre_stop)}}}} if config.pre_stop else {}),
    }
    return found


def told(release: Release, asked: Asked) -> dict[str, str]:
    """Annotations that tell what runs, when the Record is lost."""
    found = {f"{PREFIX}model": release.model.resolved, f"{PREFIX}digest": release.digest}
    paths = write_paths(asked)
    return {**found, f"{PREFIX}routes": paths} if paths else found


def _spread(endpoint: str, revision: str) -> list[JSON]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": pod_labels(endpoint, revision)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def _placement(config: KubernetesConfig) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    if config.node_selector:
        found["nodeSelector"] = dict(config.node_selector)
    if config.tolerations:
        found["tolerations"] = [dict(each) for each in config.tolerations]
    if config.priority_class is not None:
        found["priorityClassName"] = config.priority_class
    return found


def _volumes(spec: DeploymentSpec, release: Release) -> tuple[list[JSON], list[JSON]]:
    volumes: list[JSON] = []
    mounts: list[JSON] = []
    if numbers := secret_numbers(release):
        items = [{"key": f"{name}.{number}", "path": name} for name, number in sorted(numbers.items())]
        given = {"secretName": secrets_name(spec.name), "items": items, "defaultMode": 0o440}
        volumes.append({"name": "secrets", "secret": given})
        mounts.append({"name": "secrets", "mountPath": SECRETS_FOLDER, "readOnly": True})
    if spec.auth.api_keys:
        volumes.append({"name": "keys", "secret": {"secretName": keys_name(spec.name), "defaultMode": 0o440}})
        mounts.append({"name": "keys", "mountPath": KEYS_FOLDER, "readOnly": True})
    return volumes, mounts


def _resources(spec: DeploymentSpec, config: KubernetesConfig, *, gpu: bool = True) -> dict[str, JSON]:
    """CPU is asked for and not limited, since a limit only throttles; memory is both, as is a GPU."""
    requests: dict[str, JSON] = {}
    limits: dict[str, JSON] = {}
    if spec.resources.cpu is not None:
        requests["cpu"] = _millis(spec.resources.cpu)
    if spec.resources.memory is not None:
        requests["memory"] = limits["memory"] = format_memory(spec.resources.memory)
    if gpu and spec.resources.gpu:
        requests[config.gpu_resource] = limits[config.gpu_resource] = str(spec.resources.gpu)
    return {name: found for name, found in (("requests", requests), ("limits", limits)) if found}


def _millis(cores: float) -> str:
    millis = max(1, round(cores * 1000))
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def _probes(config: KubernetesConfig, asked: Asked) -> dict[str, JSON]:
    """When it is ready, and when it is to be started anew: only if its process does not answer at all."""
    probes = config.probes
    # Of a server that is not ours only a connection tells whether it lives.
    ours = asked.invocations is None
    alive: JSON = {"httpGet": {"path": "/live", "port": "http"}} if ours else {"tcpSocket": {"port": "http"}}
    timeout = math.ceil(probes.timeout)
    return {
        "startupProbe": {
            "httpGet": {"path": asked.ready, "port": "http"}, "periodSeconds": 1, "timeoutSeconds": timeout,
            "failureThreshold": math.ceil(probes.startup),
        },
        "readinessProbe": {
            "httpGet": {"path": asked.ready, "port": "http"}, "periodSeconds": math.ceil(probes.period),
            "timeoutSeconds": timeout, "failureThreshold": probes.failures,
        },
        "livenessProbe": {
            **alive, "periodSeconds": 10, "timeoutSeconds": timeout, "failureThreshold": max(3, probes.failures),
        },
    }  # fmt: skip


def network_policy(spec: DeploymentSpec, release: Release, owner: str) -> dict[str, JSON]:
    """Who may ask a revision, and what it may reach."""
    config, marks = config_of(spec), Marks(owner, spec.name, Role.SERVER, release.revision)
    found = base_object("networkpolicy", deployment_name(spec.name, release.revision), marks, spec)
    port = [{"port": asked_of(spec, config).port, "protocol": "TCP"}]
    found["spec"] |= {
        "podSelector": {"matchLabels": pod_labels(spec.name, release.revision)},
        # Its own gateway too, before it has one: nobody has to be let in when that begins to lead here.
        "ingress": [{"from": [*map(dict, config.allow_from), *_peers(spec)], "ports": port}],
    }
    if ways_out := _ways_out(spec):  # an empty list would be stored as none, and each apply be a change
        found["spec"]["egress"] = ways_out
    return patched(found, config.patches)


def _peers(spec: DeploymentSpec) -> list[JSON]:
    labels = [gateway_labels(spec.name), *([activator_labels(spec.name)] if sleeps(spec) else ())]
    return [{"podSelector": {"matchLabels": each}} for each in labels]


_NAMES: JSON = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
_INTERNET = (
    ("0.0.0.0/0", ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")),
    ("::/0", ("::1/128", "fc00::/7", "fe80::/10")),
)
"""All addresses but for those that are somebody's own: the cluster's, and the cloud's metadata service (RFC 6890)."""


def _ways_out(spec: DeploymentSpec) -> list[JSON]:
    wish = spec.network.egress
    if wish == "none":
        return []
    if wish == "internet":
        blocks = [{"ipBlock": {"cidr": cidr, "except": [*but]}} for cidr, but in _INTERNET]
    else:
        blocks = [
            {"ipBlock": {"cidr": each if "/" in each else f"{each}/{128 if ':' in each else 32}"}} for each in wish
        ]
    return [{"to": blocks}, _NAMES]


def scaler(spec: DeploymentSpec, release: Release, owner: str) -> dict[str, JSON] | None:
    """What has a revision's count; None where the spec gives one, or KEDA has it (`scaling.scaled`)."""
    wish = spec.replicas
    if not isinstance(wish, ReplicaRange) or sleeps(spec):
        return None
    name = deployment_name(spec.name, release.revision)
    found = base_object("horizontalpodautoscaler", name, Marks(owner, spec.name, Role.SERVER, release.revision), spec)
    found["spec"] |= {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": wish.min,
        "maxReplicas": wish.max,
        "metrics": [_metric(wish)],
    }
    return patched(found, config_of(spec).patches)


def _metric(wish: ReplicaRange) -> Mapping[str, JSON]:
    """CPU and memory as a share of what was asked for, in percent; any other metric as its mean over the pods."""
    metric = wish.metric or "cpu"
    if metric in ("cpu", "memory"):
        target = {"type": "Utilization", "averageUtilization": round(wish.value) if wish.value else CPU_SHARE}
        return {"type": "Resource", "resource": {"name": metric, "target": target}}
    target_value = {"type": "AverageValue", "averageValue": f"{wish.value or 1:g}"}
    return {"type": "Pods", "pods": {"metric": {"name": metric}, "target": target_value}}
