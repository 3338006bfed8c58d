"""A strategic merge, as ``kubectl patch`` does it, and what may not be patched away. Pure.

Lists of things that have a key are merged by it, others are replaced, null removes; the keys are those that the API's
own types declare (``patchMergeKey`` in k8s.io/api).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.errors import SpecError
from deployer.value import JSON

__all__ = ["merge", "patched", "unrestricted"]

_KEYS = {
    "containers": ("name",), "initContainers": ("name",), "ephemeralContainers": ("name",), "volumes": ("name",),
    "env": ("name",), "imagePullSecrets": ("name",), "volumeMounts": ("mountPath",), "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",), "topologySpreadConstraints": ("topologyKey",), "ports": ("containerPort", "port"),
}  # fmt: skip
"""List -> the keys that its items may be told apart by."""


_REPLACE: JSON = {"$patch": "replace"}
"""As an item of a list: the others are all that there is of it (``kubectl patch``'s own directive)."""


def merge(base: JSON, patch: JSON, field: str = "") -> JSON:
    """What the patch makes of it."""
    if isinstance(base, Mapping) and isinstance(patch, Mapping):
        found = dict(base)
        for name, value in patch.items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = merge(found[name], value, name) if name in found else _without_nulls(value)
        return found
    if isinstance(base, list) and isinstance(patch, list):
        return _merged_list(base, patch, field)
    return _without_nulls(patch)


def _merged_list(base: list[JSON], patch: list[JSON], field: str) -> list[JSON]:
    if _REPLACE in patch:
        return [_without_nulls(each) for each in patch if each != _REPLACE]
    key = next(
        (key for key in _KEYS.get(field, ()) if all(isinstance(e, Mapping) and key in e for e in (*base, *patch))), None
    )
    if key is None:
        return [_without_nulls(each) for each in patch]
    given = {each[key]: each for each in patch}
    merged = [merge(each, given.pop(each[key]), field) if each[key] in given else each for each in base]
    return [*merged, *(_without_nulls(each) for each in given.values())]


def _without_nulls(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value if each != _REPLACE] if isinstance(value, list) else value


def patched(document: dict[str, JSON], patches: Mapping[str, Mapping[str, JSON]]) -> dict[str, JSON]:
    """A document with what ``config.patches`` says of its kind, checked again.

    Raises:
        SpecError: The patch takes away a mark, a selector, an identity, or part of the restricted profile.
    """
    patch = patches.get(document["kind"])
    if patch is None:
        return document
    found: dict[str, JSON] = merge(document, patch)
    where = f"config.patches.{document['kind']}"
    for path in _kept(document):
        if _at(found, path) != _at(document, path):
            raise SpecError(
                f"{'.'.join(path)} tells what is ours and what runs, and cannot be patched", where=where,
                hint="leave it out of config.patches",
            )  # fmt: skip
    for field in unrestricted(found):
        raise SpecError(
            f'{field} is not allowed by the Pod Security Standard "restricted"', where=where,
            hint="leave it out of config.patches",
        )  # fmt: skip
    return found


def _kept(document: Mapping[str, JSON]) -> Iterator[tuple[str, ...]]:
    yield from ((name,) for name in ("apiVersion", "kind"))
    yield from (("metadata", name) for name in ("name", "namespace"))
    yield from (("metadata", "labels", name) for name in document["metadata"]["labels"])
    if document["kind"] in ("Deployment", "Service", "PodDisruptionBudget"):
        yield ("spec", "selector")
    if document["kind"] == "NetworkPolicy":
        yield ("spec", "podSelector")
    if document["kind"] == "HorizontalPodAutoscaler":
        yield ("spec", "scaleTargetRef")
    if document["kind"] == "InferenceService":
        yield from (("spec", "predictor", name) for name in ("serviceAccountName", "automountServiceAccountToken"))
    if document["kind"] == "Deployment":
        yield ("spec", "replicas")
        pod = ("spec", "template", "spec")
        yield from (
            ("spec", "template", "metadata", "labels", n) for n in document["spec"]["template"]["metadata"]["labels"]
        )
        yield from ((*pod, name) for name in ("serviceAccountName", "automountServiceAccountToken"))


def _at(document: JSON, path: tuple[str, ...]) -> JSON:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
"""What a pod may mount (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)."""


def unrestricted(document: Mapping[str, JSON]) -> Iterator[str]:
    """Fields of a Deployment, or of an InferenceService, that the restricted profile forbids."""
    if document["kind"] not in ("Deployment", "InferenceService"):
        return
    spec = document["spec"]
    pod = spec["template"]["spec"] if document["kind"] == "Deployment" else spec["predictor"]
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    whole = pod.get("securityContext") or {}
    if whole.get("runAsUser") == 0:
        yield "securityContext.runAsUser: 0"
    if not whole.get("runAsNonRoot"):
        yield "securityContext.runAsNonRoot: false"
    if (whole.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "securityContext.seccompProfile"
    for each in whole.get("sysctls") or ():
        if each.get("name") not in _SYSCTLS:
            yield f"securityContext.sysctls.{each.get('name')}"
    yield from _confined(whole, "securityContext")
    for volume in pod.get("volumes") or ():
        for kind in sorted(set(volume) - {"name"} - _VOLUMES):
            yield f"volumes.{volume['name']}.{kind}"
    for each in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
        yield from _unrestricted_container(each)


def _unrestricted_container(container: Mapping[str, JSON]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    name = f"containers.{container['name']}.securityContext"
    if own.get("privileged") or own.get("allowPrivilegeEscalation", True):
        yield f"{name}.allowPrivilegeEscalation"
    if own.get("runAsUser") == 0 or own.get("runAsNonRoot") is False:
        yield f"{name}.runAsNonRoot"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()) or set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield f"{name}.capabilities"
    if (own.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield f"{name}.seccompProfile"
    if own.get("procMount") not in (None, "Default"):
        yield f"{name}.procMount"
    yield from _confined(own, name)
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield f"containers.{container['name']}.ports.hostPort"


_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)  # fmt: skip
_TYPES = frozenset({"container_t", "container_init_t", "container_kvm_t", "container_engine_t"})


def _confined(context: Mapping[str, JSON], name: str) -> Iterator[str]:
    """What keeps a container in by the kernel's own rules may not be let go of."""
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield f"{name}.appArmorProfile"
    labels = context.get("seLinuxOptions") or {}
    if labels.get("user") or labels.get("role") or labels.get("type") not in (None, "", *_TYPES):
        yield f"{name}.seLinuxOptions"
