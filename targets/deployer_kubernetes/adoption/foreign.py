"""A Deployment and a Service that somebody made by hand, as a spec: what can be told of them, and what cannot. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.endpoint import ImageRef
from deployer.errors import Conflict
from deployer.quantity import parse_memory
from deployer.target import Adoption, holds_secret, told_variables
from deployer.value import JSON, digest
from deployer_kubernetes.adoption.foreign_service import Reached, service_patch
from deployer_kubernetes.marks import usable_label

__all__ = ["Foreign", "adoption_of", "identity_of", "refuse_unfit"]

_PING = {"ready": "/ping", "invocations": "/invocations"}
"""Who answers ``GET /ping`` takes ``POST /invocations``: MLflow's images, and all others that SageMaker runs
(https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html)."""
_CARRIED = ("affinity", "dnsConfig", "hostAliases", "runtimeClassName")
"""Fields of a pod that config.patches has words for."""
_LEFT_OUT = ("hostNetwork", "hostPID", "hostIPC", "initContainers")
_DIGEST = re.compile(r"@(?P<digest>sha256:[0-9a-f]{64})$")


@dataclass(frozen=True)
class Foreign:
    """What was found, as the API server tells it.

    Attributes:
        name: Of the endpoint that it would be.
        deployment: What runs it.
        service: What leads to it; None when nothing does.
        pods: Of the Deployment.
        others: Names of pods that the Service sends requests to, and that are not the Deployment's.
        scaler: What has its count.
        policies: NetworkPolicies that hold for its pods.
    """

    name: str
    deployment: Mapping[str, Any]
    service: Mapping[str, Any] | None = None
    pods: tuple[Mapping[str, Any], ...] = ()
    others: tuple[str, ...] = ()
    scaler: Mapping[str, Any] | None = None
    policies: tuple[Mapping[str, Any], ...] = ()

    @property
    def what(self) -> str:
        """For people."""
        led = f" behind Service {self.name}" if self.service is not None else ""
        return f"Deployment {self.deployment['metadata']['name']}{led} ({self.reached.container['image']})"

    @property
    def reached(self) -> Reached:
        """Its server."""
        return Reached.of(self.deployment, self.service)


def identity_of(found: Foreign) -> str:
    """Of exactly these objects as they run; a count is no part of it."""
    service = found.service
    led = [service["metadata"]["uid"], service["spec"].get("selector"), service["spec"].get("ports")] if service else []
    runs = [found.deployment["metadata"]["uid"], found.deployment["spec"]["template"]]
    return f"{found.deployment['metadata']['uid']}.{digest([runs, led])[:16]}"


def refuse_unfit(found: Foreign) -> None:
    """Whether it can run on as an endpoint.

    Raises:
        Conflict: It cannot, or not now.
    """
    for why, hint in _unfit(found):
        raise Conflict(f"{found.what} cannot be taken over: {why}", where=found.name, hint=hint)


def _unfit(found: Foreign) -> Iterator[tuple[str, str]]:
    meta, spec, status = found.deployment["metadata"], found.deployment["spec"], found.deployment.get("status") or {}
    name = meta["name"]
    for each in meta.get("ownerReferences") or ():
        if each.get("controller"):
            yield f"it belongs to {each['kind']} {each['name']}, which would undo it", "change that one instead"
    if not spec.get("replicas", 1):
        yield "its count is 0, so nothing runs", f"kubectl scale deployment {name} --replicas=1"
    service = found.service["spec"] if found.service is not None else None
    if service is not None and service.get("clusterIP") == "None":
        hint = "give it a Service with an address of its own"
        yield "its Service is headless, so its clients know its pods by their addresses", hint
    if found.others:
        yield f"its Service sends requests to {', '.join(found.others[:3])} too", "lead the Service to it alone"
    acted = int(status.get("observedGeneration") or 0) >= int(meta.get("generation") or 0)
    if not acted or int(status.get("updatedReplicas") or 0) < int(status.get("replicas") or 0):
        yield "it is just being rolled out", f"kubectl rollout status deployment {name}"
    if len(_digests(found)) > 1:
        yield "its pods run different images under one name", f"kubectl rollout restart deployment {name}"
    if not _digests(found):
        yield "none of its pods has started, so nobody can tell which image runs", f"kubectl describe deployment {name}"


def _digests(found: Foreign) -> set[str]:
    """Of the images that its pods run, as the nodes have them."""
    name = found.reached.container["name"]
    statuses = (each for pod in found.pods for each in (pod.get("status") or {}).get("containerStatuses") or ())
    told = (_DIGEST.search(str(each.get("imageID") or "")) for each in statuses if each["name"] == name)
    return {each["digest"] for each in told if each is not None}


def adoption_of(found: Foreign) -> Adoption:
    """What can be told.

    Raises:
        Conflict: It cannot be taken over.
    """
    refuse_unfit(found)
    reading = _Reading(found)
    return Adoption(
        identity=identity_of(found), what=found.what, spec=reading.spec(), untold=reading.untold,
        image=_image(reading.reached.container["image"], _digests(found).pop()),
    )  # fmt: skip


def _image(named: str, exact: str) -> ImageRef:
    name = named.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return ImageRef(id=exact, reference=f"{folder}{slash}{last.partition(':')[0]}@{exact}")


@dataclass
class _Reading:
    """One reading; gathers what cannot be told."""

    found: Foreign
    untold: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reached = self.found.reached
        self.container: Mapping[str, Any] = self.reached.container
        self.pod: Mapping[str, Any] = self.found.deployment["spec"]["template"]["spec"]

    def spec(self) -> dict[str, JSON]:
        result: dict[str, JSON] = {"image": {"use": self.container["image"]}, "config": self._config()}
        parts = {
            "replicas": self._replicas(), "env": self._variables(), "resources": self._resources(),
            "labels": self._labels(), "network": self._network(),
        }  # fmt: skip
        result |= {name: value for name, value in parts.items() if value}
        self._left_out()
        return result

    # The spec's own fields.

    def _replicas(self) -> JSON:
        if self.found.scaler is None:
            return self.found.deployment["spec"].get("replicas", 1)
        spec = self.found.scaler["spec"]
        wish: dict[str, JSON] = {"min": spec.get("minReplicas", 1), "max": spec["maxReplicas"]}
        metric = (spec.get("metrics") or [{}])[0].get("resource") or {}
        share = (metric.get("target") or {}).get("averageUtilization")
        if share is None or len(spec["metrics"]) > 1:
            self.untold["replicas"] = "its autoscaler measures what a spec has no words for"
        else:
            wish |= {"metric": metric["name"], "value": share}
        return wish

    def _variables(self) -> dict[str, str]:
        given = {each["name"]: each for each in self.container.get("env") or ()}
        plain = {name: each.get("value") or "" for name, each in given.items() if "valueFrom" not in each}
        told, hidden = told_variables(plain)
        self.untold |= {f"env.{name}": "its value looks secret" for name in hidden}
        for name, each in given.items():
            if "valueFrom" in each:
                self.untold[f"env.{name}"] = f"it comes from {_source(each['valueFrom'])}"
        for each in self.container.get("envFrom") or ():
            kind, ref = next((kind, each[kind]) for kind in ("secretRef", "configMapRef") if kind in each)
            self.untold["env"] = f"there are more, from {kind[0].upper()}{kind[1:-3]} {ref['name']}"
        return told

    def _resources(self) -> dict[str, JSON]:
        given = self.container.get("resources") or {}
        requests, limits = given.get("requests") or {}, given.get("limits") or {}
        result: dict[str, JSON] = {}
        cpu = _cores(requests.get("cpu", limits.get("cpu")))
        if cpu:
            result["cpu"] = cpu
        if limits.get("memory"):
            try:
                result["memory"] = parse_memory(limits["memory"])
            except ValueError:
                self.untold["resources.memory"] = f"its limit is {limits['memory']}"
        elif requests.get("memory"):
            self.untold["resources.memory"] = f"it asks for {requests['memory']} and has no limit"
        gpus = next((int(count) for key, count in limits.items() if key.endswith("/gpu") and str(count).isdigit()), 0)
        return result | ({"gpu": gpus} if gpus else {})

    def _labels(self) -> dict[str, str]:
        """Such as whoever watches or selects its objects goes by."""
        things = (self.found.deployment, self.found.service)
        labels = {k: v for each in things if each for k, v in (each["metadata"].get("labels") or {}).items()}
        return {key: value for key, value in sorted(labels.items()) if usable_label(key, value)}

    def _network(self) -> dict[str, JSON]:
        held = [each["metadata"]["name"] for each in self.found.policies if _holds(each, "Egress")]
        if held:
            self.untold["network.egress"] = f"NetworkPolicy {', '.join(held)} says what it may reach"
            return {}
        self.untold["egress"] = "it may reach addresses of the cluster too, a new replica may not: see network.egress"
        return {"egress": "internet"}

    # Its config.

    def _config(self) -> dict[str, JSON]:
        own = self.container.get("securityContext") or {}
        result: dict[str, JSON] = {"read_only": bool(own.get("readOnlyRootFilesystem"))}
        result |= self._routes() | self._command() | self._placement() | self._access()
        grace = self.pod.get("terminationGracePeriodSeconds", 30)
        if grace != 30:
            result["drain"] = min(grace, 3600)
        patches = self._patches()
        return result | ({"patches": patches} if patches else {})

    def _routes(self) -> dict[str, JSON]:
        port, ready = self.reached.port, self.reached.ready
        if port is not None and ready == _PING["ready"]:
            return {"routes": {"port": port, **_PING}}
        known = [f"its port is {port}" if port else "", f"it is ready at {ready}" if ready else ""]
        told = "; ".join(filter(None, known))
        self.untold["config.routes"] = f"where it takes requests cannot be seen{f'; {told}' if told else ''}"
        return {}

    def _command(self) -> dict[str, JSON]:
        if self.container.get("command"):
            self.untold["entrypoint"] = "it was started with another than its image's, which a new replica has"
        given = self.container.get("args") or ()
        if holds_secret(given):
            self.untold["config.command"] = "an argument looks secret; give the arguments that a new replica is to have"
            return {}
        return {"command": [*given]} if given else {}

    def _placement(self) -> dict[str, JSON]:
        result: dict[str, JSON] = {}
        for name, key in (("node_selector", "nodeSelector"), ("tolerations", "tolerations")):
            if self.pod.get(key):
                result[name] = self.pod[key]
        if self.pod.get("priorityClassName"):
            result["priority_class"] = self.pod["priorityClassName"]
        limits = (self.container.get("resources") or {}).get("limits") or {}
        for key in limits:
            if key.endswith("/gpu") and key != "nvidia.com/gpu":
                result["gpu_resource"] = key
        given = self.found.deployment["spec"]["template"]["metadata"].get("annotations") or {}
        notes = {k: v for k, v in given.items() if not k.partition("/")[0].endswith(("kubernetes.io", "k8s.io"))}
        return result | ({"annotations": notes} if notes else {})

    def _access(self) -> dict[str, JSON]:
        result: dict[str, JSON] = {}
        account = self.pod.get("serviceAccountName", "default")
        if account != "default":
            result["service_account"] = account
        if self.pod.get("imagePullSecrets"):
            result["pull_secrets"] = [each["name"] for each in self.pod["imagePullSecrets"]]
        held = [each["metadata"]["name"] for each in self.found.policies if _holds(each, "Ingress")]
        if held:
            self.untold["config.allow_from"] = f"NetworkPolicy {', '.join(held)} says who may ask it"
            return result
        # Nobody is kept from asking it: neither pods of other namespaces, nor what the Service lets in from outside.
        outside = (self.found.service or {"spec": {}})["spec"].get("type", "ClusterIP") != "ClusterIP"
        blocks = [{"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0")] if outside else []
        return {**result, "allow_from": [{"namespaceSelector": {}}, *blocks]}

    def _patches(self) -> dict[str, JSON]:
        result: dict[str, JSON] = {}
        carried = {name: self.pod[name] for name in _CARRIED if self.pod.get(name)}
        if carried:
            result["Deployment"] = {"spec": {"template": {"spec": carried}}}
        if self.found.service is not None:
            patch, untold = service_patch(self.found.service, self.reached)
            self.untold |= untold
            if patch:
                result["Service"] = patch
        return result

    def _left_out(self) -> None:
        """What a new replica would be without."""
        pod, own = self.pod, self.container.get("securityContext") or {}
        user = own.get("runAsUser", (pod.get("securityContext") or {}).get("runAsUser"))
        if not user:
            self.untold["user"] = "it may run as root; a new replica does not"
        beside = [each["name"] for each in pod["containers"] if each["name"] != self.container["name"]]
        if beside:
            self.untold["containers"] = f"a new replica would be without {', '.join(beside)}"
        mounts = (each["mountPath"] for each in self.container.get("volumeMounts") or ())
        mounted = ", ".join(each for each in mounts if each not in ("/tmp", "/tmp/"))  # noqa: S108 - the container's
        if mounted:
            self.untold["mounts"] = f"a new replica would not have {mounted}"
        for name in _LEFT_OUT:
            if pod.get(name):
                self.untold[name] = "a new replica would be without"
        if self.found.service is None:
            self.untold["service"] = "there is none; the endpoint gets one"


def _holds(policy: Mapping[str, Any], way: str) -> bool:
    types = policy["spec"].get("policyTypes") or ["Ingress"]
    return way in types


def _source(given: Mapping[str, Any]) -> str:
    for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if key in given:
            return f"{kind} {given[key]['name']}, key {given[key]['key']}"
    return next((str(each["fieldPath"]) for each in given.values() if "fieldPath" in each), "its pod")


def _cores(quantity: Any) -> float | None:
    text = str(quantity or "")
    try:
        return float(text[:-1]) / 1000 if text.endswith("m") else float(text) if text else None
    except ValueError:
        return None
