"""The Record of an endpoint, as a ConfigMap whose resourceVersion is what it is compared and swapped by.

A person reads it with ``kubectl get configmap NAME--record -o yaml``; the locks, which are long, lie beside it packed.
"""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from deployer.endpoint import Record
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.value import JSON
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.marks import PREFIX, Marks, Role, marks_of, object_name

__all__ = ["Records", "record_of"]

_RECORD, _LOCKS = "record.json", "locks"


class Records:
    """The Records in one namespace.

    Args:
        cluster: The namespace.
        manager: Who writes, as the API server notes it.
    """

    def __init__(self, cluster: Cluster, manager: str) -> None:
        self._cluster = cluster
        self._manager = manager

    def read(self, endpoint: str) -> tuple[Record, str] | None:
        """The Record and its version, or None when there is none, or none that can be read.

        Raises:
            TargetUnavailable: The cluster does not answer, or another version of deployer wrote it.
        """
        found = self._cluster.get("ConfigMap", object_name(endpoint, "record"))
        record = record_of(found) if found is not None else None
        return (record, _version(found)) if record is not None and found is not None else None

    def write(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`, but for the look at what is foreign."""
        name = object_name(record.endpoint, "record")
        document = _document(record)
        with self._cluster.told(f"keep the record of {record.endpoint}", name):
            found = self._cluster.get("ConfigMap", name)
            if found is not None and marks_of(found) is None:
                raise Conflict(
                    f"the namespace has a ConfigMap {name} that deployer did not make", where=name,
                    hint="take another name, or remove that ConfigMap",
                )  # fmt: skip
            current = _version(found) if found is not None and record_of(found) is not None else None
            if current != expected:
                raise _overtaken(record.endpoint, found)
            try:
                if found is None:
                    return _version(self._cluster.create("ConfigMap", document, self._manager))
                known = {each: found["metadata"][each] for each in ("uid", "resourceVersion")}
                document["metadata"] |= known
                return _version(self._cluster.replace("ConfigMap", name, document, self._manager))
            except Refused as refused:
                if refused.status in (404, 409):
                    raise _overtaken(record.endpoint, self._cluster.get("ConfigMap", name)) from refused
                raise

    def ensure_version(self, endpoint: str, expected: str | None) -> None:
        """Nothing, if the Record has that version; None stands for no Record.

        Raises:
            ClaimLost: Somebody wrote meanwhile.
        """
        found = self._cluster.get("ConfigMap", object_name(endpoint, "record"))
        current = _version(found) if found is not None and record_of(found) is not None else None
        if current != expected:
            raise _overtaken(endpoint, found)

    def forget(self, endpoint: str) -> None:
        """Remove the Record."""
        found = self._cluster.get("ConfigMap", object_name(endpoint, "record"))
        if found is not None and marks_of(found) is not None:
            self._cluster.delete("ConfigMap", found)


def _document(record: Record) -> dict[str, Any]:
    plain = record.model_dump(mode="json", exclude={"locks"})
    packed = base64.b64encode(zlib.compress(json.dumps(record.locks, sort_keys=True).encode(), 9)).decode()
    marks = Marks(record.owner, record.endpoint, Role.RECORD)
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": object_name(record.endpoint, "record"),
            "labels": marks.labels(),
            # An equal write would leave the version as it is, and two writers would both have won.
            "annotations": {f"{PREFIX}write": uuid.uuid4().hex},
        },
        "data": {_RECORD: json.dumps(plain, indent=1, ensure_ascii=False)},
    }
    if record.locks:
        found["binaryData"] = {_LOCKS: packed}
    return found


def record_of(thing: Mapping[str, Any]) -> Record | None:
    """The Record in a ConfigMap; None when its text is damaged, so that it is rebuilt.

    Raises:
        TargetUnavailable: Another version of deployer wrote it.
    """
    if marks_of(thing) is None:
        return None
    try:
        plain: JSON = json.loads((thing.get("data") or {})[_RECORD])
        packed = (thing.get("binaryData") or {}).get(_LOCKS)
        locks = json.loads(zlib.decompress(base64.b64decode(packed))) if packed else {}
    except (KeyError, ValueError, zlib.error, RecursionError):
        return None
    try:
        return Record.model_validate({**plain, "locks": locks})
    except (ValidationError, TypeError):
        name = thing["metadata"]["name"]
        raise TargetUnavailable(
            f"the record in {name} was written by another version of deployer, which this one cannot read", where=name,
            hint="upgrade: pip install --upgrade mlflow-deployer",
        ) from None  # fmt: skip


def _version(thing: Mapping[str, Any]) -> str:
    """The uid too: an endpoint that was removed and made again is another one."""
    return f"{thing['metadata']['uid']}.{thing['metadata']['resourceVersion']}"


def _overtaken(endpoint: str, found: Mapping[str, Any] | None) -> ClaimLost:
    record = record_of(found) if found is not None else None
    by = record.claim.holder.by if record is not None and record.claim is not None else None
    return ClaimLost(
        f"the record of {endpoint} was changed meanwhile" + (f" by {by}" if by else ""),
        hint=f"deployer status {endpoint}",
    )
