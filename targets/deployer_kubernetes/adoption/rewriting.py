"""Changes objects' metadata alone: whose they are, and which of their fields are whose to apply.

Labels and annotations of a Deployment itself start no new pod.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.value import JSON
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.marks import OWNER
from deployer_kubernetes.writing import manager_of

__all__ = ["Rewriting", "handed_on", "taken_fields"]

_TRIES = 5
"""Looks at an object that somebody else changes at the same time, such as a controller its status."""


class Rewriting:
    """Changes the metadata of objects as they are by now.

    Args:
        cluster: Their namespace.
        manager: Who writes.
        held: Raises ClaimLost unless the claim holds; called before each change.
    """

    def __init__(self, cluster: Cluster, manager: str, held: Callable[[], object]) -> None:
        self._cluster = cluster
        self._manager = manager
        self._held = held

    def __call__(
        self, kind: str, thing: Mapping[str, Any], wished: Callable[[Mapping[str, Any]], Mapping[str, JSON] | None]
    ) -> None:
        """Have an object's metadata be as wished.

        Args:
            kind: Its kind.
            thing: It, as it was read.
            wished: What is merged into the metadata of it as it is; None for nothing.

        Raises:
            TargetUnavailable: It is another one by now, or somebody else changes it all the while.
        """
        name, uid = thing["metadata"]["name"], thing["metadata"]["uid"]
        now: Mapping[str, Any] | None = thing
        for _ in range(_TRIES):
            if now is None or now["metadata"]["uid"] != uid:
                break
            meta = wished(now)
            if meta is None or self._write(kind, now, meta):
                return
            now = self._cluster.get(kind, name)
        raise TargetUnavailable(f"{kind} {name} was changed meanwhile", transient=True, where=name)

    def _write(self, kind: str, now: Mapping[str, Any], meta: Mapping[str, JSON]) -> bool:
        name = now["metadata"]["name"]
        bound = {key: now["metadata"][key] for key in ("uid", "resourceVersion")}
        self._held()
        with self._cluster.told(f"mark {kind} {name}", name):
            try:
                self._cluster.ask(
                    "PATCH", KINDS[kind].path(self._cluster.namespace, name), body={"metadata": {**meta, **bound}},
                    query={"fieldManager": self._manager}, content="application/merge-patch+json",
                )  # fmt: skip
            except Refused as refused:
                if refused.status in (404, 409):
                    return False
                raise
        return True


def taken_fields(thing: Mapping[str, Any], manager: str) -> list[JSON]:
    """Who has which field of an object, once all that people had of it is this manager's to apply.

    What a controller has by a subresource stays its own, as do the manager's parts that have a name of their own.
    """
    kept: list[JSON] = []
    fields: dict[str, JSON] = {}
    for each in thing["metadata"].get("managedFields") or ():
        if each.get("subresource") or str(each.get("manager")).startswith(f"{manager}/"):
            kept.append(each)
        elif each.get("apiVersion") == thing["apiVersion"]:
            fields = _united(fields, each.get("fieldsV1") or {})
    ours = {"manager": manager, "operation": "Apply", "apiVersion": thing["apiVersion"], "fieldsType": "FieldsV1"}
    return [*kept, {**ours, "fieldsV1": fields}]


def _united(one: Mapping[str, JSON], other: Mapping[str, JSON]) -> dict[str, JSON]:
    found = dict(one)
    for key, value in other.items():
        found[key] = _united(found[key], value) if key in found else value
    return found


def handed_on(now: Mapping[str, Any], *, owner: str) -> Mapping[str, JSON] | None:
    """What makes an object another owner's; None when it is his already."""
    before = str(now["metadata"]["labels"][OWNER])
    if before == owner:
        return None
    old, new = manager_of(before), manager_of(owner)
    entries = now["metadata"].get("managedFields") or []
    return {"labels": {OWNER: owner}, "managedFields": [_renamed(each, old, new) for each in entries]}


def _renamed(entry: Mapping[str, Any], old: str, new: str) -> dict[str, JSON]:
    """An owner's fields, and the parts of them that have a name of their own, as another's."""
    name, slash, part = str(entry.get("manager")), "", ""
    if name.startswith(f"{old}/"):
        name, slash, part = old, "/", name.removeprefix(f"{old}/")
    return {**entry, "manager": f"{new}{slash}{part}"[:128]} if name == old else dict(entry)
