"""Makes objects, and changes only those that are ours.

The first write of an object is a plain create, so that one which somebody else made at the same moment is found and not
adopted. Later ones are server-side apply, bound to the uid that was read, and never forced over another manager.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from deployer.errors import Conflict, TargetUnavailable
from deployer.value import JSON
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.marks import marks_of

__all__ = ["Hand", "manager_of"]


def manager_of(owner: str) -> str:
    """Whom the API server notes for what is written."""
    return f"deployer/{owner}"[:128]


class Hand:
    """Writes one endpoint's objects.

    Args:
        cluster: Its namespace.
        endpoint: Which.
        owner: Whose it is.
        held: Raises ClaimLost unless the claim holds; called before each change.
    """

    def __init__(self, cluster: Cluster, endpoint: str, owner: str, held: Callable[[], object]) -> None:
        self._cluster = cluster
        self._endpoint = endpoint
        self._held = held
        self.manager = manager_of(owner)

    def find(self, kind: str, name: str) -> Any | None:
        """An object of ours.

        Raises:
            Conflict: There is one of that name that is another's.
        """
        found = self._cluster.get(kind, name)
        if found is None:
            return None
        marks = marks_of(found)
        if marks is None or marks.endpoint != self._endpoint:
            raise Conflict(
                f"the namespace {self._cluster.namespace} has a {kind} {name} that deployer did not make", where=name,
                hint="take another name, or remove it",
            )  # fmt: skip
        return found

    def ensure(self, document: Mapping[str, JSON], found: Any | None = None) -> Any:
        """Have an object be as a document says.

        Args:
            document: The object.
            found: It, as `find` has just told; looked for when left out.

        Raises:
            Conflict: It is another's, or somebody else has a field of it.
        """
        kind, name = document["kind"], document["metadata"]["name"]
        doing = f"make {kind} {name}"
        found = found if found is not None else self.find(kind, name)
        if found is None:
            self._held()
            with self._cluster.told(doing, name):
                try:
                    return self._cluster.create(kind, document, self.manager)
                except Refused as refused:
                    if refused.status != 409:
                        raise
            found = self.find(kind, name)
            if found is None:
                return self.ensure(document)
        self._held()
        with self._cluster.told(doing, name), self._unraced(kind, name):
            self._hand_over(kind, found)
            return self._apply(kind, found, document, self.manager)

    def own(
        self,
        kind: str,
        found: Mapping[str, Any],
        spec: Mapping[str, JSON],
        part: str,
        over: frozenset[str] = frozenset(),
    ) -> Any:
        """Have some fields of an object, in a name of their own, so that whoever writes the rest leaves them alone.

        Args:
            kind: The object's.
            found: It.
            spec: The fields, below ``spec``.
            part: What this part is called.
            over: Other managers that may be overruled.
        """
        name = found["metadata"]["name"]
        document = {"apiVersion": found["apiVersion"], "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
        self._held()
        manager = f"{self.manager}/{part}"[:128]
        with self._cluster.told(f"change {kind} {name}", name), self._unraced(kind, name):
            try:
                return self._apply(kind, found, document, manager)
            except Refused as refused:
                if not refused.managers or not set(refused.managers) <= {self.manager, *over}:
                    raise
            return self._apply(kind, found, document, manager, force=True)

    def annotate(self, kind: str, found: Mapping[str, Any], words: Mapping[str, str], part: str) -> Any:
        """Have an object say something, in a name of its own, so that whoever writes the rest leaves it alone.

        An owner from whom it was taken over is overruled.

        Args:
            kind: The object's.
            found: It.
            words: Annotations with our prefix, which are nobody else's.
            part: What this part is called.
        """
        name = found["metadata"]["name"]
        meta: dict[str, JSON] = {"name": name, "annotations": dict(words)}
        document: dict[str, JSON] = {"apiVersion": found["apiVersion"], "kind": kind, "metadata": meta}
        self._held()
        with self._cluster.told(f"change {kind} {name}", name), self._unraced(kind, name):
            return self._apply(kind, found, document, f"{self.manager}/{part}"[:128], force=True)

    def tie(self, kind: str, found: Mapping[str, Any], owners: Iterable[Mapping[str, Any]]) -> bool:
        """Have an object go with the last of others, or with none when there are none; False when it is gone by now.

        In a name of its own, so that whoever writes the rest leaves it alone.
        """
        refs: list[JSON] = [
            {
                "apiVersion": each["apiVersion"], "kind": each["kind"],
                "name": each["metadata"]["name"], "uid": each["metadata"]["uid"],
            }
            for each in owners
        ]  # fmt: skip
        name = found["metadata"]["name"]
        meta: dict[str, JSON] = {"name": name, **({"ownerReferences": refs} if refs else {})}
        document: dict[str, JSON] = {"apiVersion": found["apiVersion"], "kind": kind, "metadata": meta}
        self._held()
        with self._cluster.told(f"change {kind} {name}", name):
            try:
                self._apply(kind, found, document, f"{self.manager}/life"[:128])
            except Refused as refused:
                if refused.status in (404, 409) and not refused.managers:
                    return False
                raise
        return True

    def _apply(
        self, kind: str, found: Mapping[str, Any], document: Mapping[str, JSON], manager: str, *, force: bool = False
    ) -> Any:
        meta = {**document["metadata"], "uid": found["metadata"]["uid"]}
        name = meta["name"]
        return self._cluster.apply(kind, name, {**document, "metadata": meta}, manager, force=force)

    def _hand_over(self, kind: str, found: Mapping[str, Any]) -> None:
        """Have what we created be ours to apply: the API server notes a create as another way of writing.

        Without that, a field that we no longer wish would stay, and one that we change would be a conflict with us.
        """
        entries = found["metadata"].get("managedFields") or []
        mine = [each for each in entries if each.get("manager") == self.manager and not each.get("subresource")]
        made = next((each for each in mine if each.get("operation") == "Update"), None)
        if made is None:
            return
        applied = any(each.get("operation") == "Apply" for each in mine)
        rest = [each for each in entries if each is not made]
        operations: list[Mapping[str, JSON]] = [
            {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
            {"op": "test", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]},
            {
                "op": "replace", "path": "/metadata/managedFields",
                "value": rest if applied else [*rest, {**made, "operation": "Apply"}],
            },
        ]  # fmt: skip
        self._cluster.patch(kind, found["metadata"]["name"], operations, self.manager)

    def change(self, kind: str, name: str, operations: list[Mapping[str, JSON]]) -> Any:
        """Change some fields of an object by a JSON patch, whose first operation tests that it is the one meant."""
        self._held()
        with self._cluster.told(f"change {kind} {name}", name), self._unraced(kind, name):
            return self._cluster.patch(kind, name, operations, self.manager)

    @contextlib.contextmanager
    def _unraced(self, kind: str, name: str) -> Iterator[None]:
        """What was changed or removed since it was read is told as that: the next look begins anew."""
        try:
            yield
        except Refused as refused:
            failed_test = refused.status == 422 and not refused.causes  # of a JSON patch; an invalid object has causes
            if refused.managers or not (refused.status in (404, 409) or failed_test):
                raise
            self.overtaken(kind, name, refused)

    def overtaken(self, kind: str, name: str, cause: Exception | None = None) -> NoReturn:
        """Tell that somebody else was at an object at the same moment.

        Raises:
            ClaimLost: He has the endpoint by now.
            TargetUnavailable: He has not; transient.
        """
        self._held()
        raise TargetUnavailable(f"{kind} {name} was changed meanwhile", transient=True, where=name) from cause

    def remove(self, kind: str, name: str, *, last: bool = False) -> None:
        """Remove an object, if it is there and ours; ``last``: it stays until all that it made is gone."""
        found = self._cluster.get(kind, name)
        marks = marks_of(found) if found is not None else None
        if found is None or marks is None or marks.endpoint != self._endpoint:
            return
        self._held()
        self._cluster.delete(kind, found, last=last)
