"""What nothing refers to any more, kinds that not every cluster knows among it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused, mapped
from deployer_kubernetes.gateway.survey import ROUTED
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.orphans import find, remove
from deployer_kubernetes.record import Records
from tests.unit.kubernetes.values import OTHER, REVISION, record, spec

GATEWAYS = KINDS["HTTPRoute"].api
SHARED = {"spec": spec(config={"gateway": {"ref": "edge"}}).wish()}


class _There:
    """A cluster with some objects of ours; ``api`` is what else than its own it serves."""

    def __init__(self, *things: dict[str, Any], api: str = GATEWAYS, status: int = 0) -> None:
        self.things = [*things]
        self.asked: list[str] = []
        self._status = status
        self._known = [KINDS["ScaledObject"].api, "apps/v1", api]

    @contextlib.contextmanager
    def told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Refused as refused:
            raise mapped(refused, doing, None) from refused

    def ask(self, method: str, path: str) -> Any:
        assert (method, path) == ("GET", "/apis")
        if self._status == 1:
            raise Refused(403, {}, "no")
        return {"groups": [{"versions": [{"groupVersion": each}]} for each in self._known]}

    def all(self, kind: str, labels: str = "") -> tuple[list[Any], str]:
        assert labels.startswith("app.kubernetes.io/managed-by=deployer")
        self.asked.append(kind)
        if kind == "HTTPRoute" and self._status:
            refused = Refused(self._status, {}, "no")
            raise mapped(refused, "list httproutes", None) from refused
        return [each for each in self.things if each["kind"] == kind], "1"

    def delete(self, kind: str, thing: dict[str, Any]) -> None:
        assert thing["kind"] == kind
        self.things.remove(thing)


class _Told:
    def __init__(self, found: Record | None) -> None:
        self._found = found

    def read(self, _endpoint: str) -> tuple[Record, str] | None:
        return (self._found, "1") if self._found is not None else None


def thing(kind: str, name: str, role: Role, revision: str | None = None, **annotations: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {
            "name": name, "uid": f"u-{kind}-{name}", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": Marks("team", "iris", role, revision).labels(), "annotations": annotations,
        },
    }  # fmt: skip


ROUTE = thing("HTTPRoute", "iris", Role.ENDPOINT)
SERVICE = thing("Service", "iris", Role.ENDPOINT)
ROUTED_SERVICE = thing("Service", "iris", Role.ENDPOINT, **{ROUTED: "true"})
RECORD = thing("ConfigMap", "iris--record", Role.RECORD)
POLICY = thing("NetworkPolicy", f"iris--{REVISION}", Role.SERVER, REVISION)


def found(there: _There, known: Record | None, older_than: float = 0.0) -> list[str]:
    given = cast("Cluster", there), cast("Records", _Told(known))
    return [each.what for each in find(*given, now=2e9, older_than=older_than)]


def test_a_route_that_is_all_that_is_left_is_an_orphan() -> None:
    there = _There(ROUTE)
    assert found(there, None) == ["HTTPRoute iris"]
    assert found(there, None, older_than=1e9) == []
    cluster = cast("Cluster", there)
    (orphan,) = find(cluster, cast("Records", _Told(None)), now=2e9, older_than=0.0)
    there.things.append(RECORD)
    assert not remove(cluster, cast("Records", _Told(record(**SHARED))), orphan, now=2e9, older_than=0.0)
    assert remove(cluster, cast("Records", _Told(record())), orphan, now=2e9, older_than=0.0)
    assert there.things == [RECORD]


@pytest.mark.parametrize(
    ("things", "known", "expected"),
    [
        ((ROUTE, ROUTED_SERVICE, RECORD), record(**SHARED), []),
        ((ROUTE, SERVICE, RECORD), record(**SHARED), []),
        ((ROUTE, ROUTED_SERVICE), None, []),
        ((ROUTE, RECORD), record(**SHARED), []),
        ((ROUTE, SERVICE, RECORD), record(), ["HTTPRoute iris"]),
        ((ROUTE, SERVICE), None, ["HTTPRoute iris"]),
    ],
)
def test_a_route_that_its_service_tells_or_its_record_wishes_is_none(
    things: tuple[dict[str, Any], ...], known: Record | None, expected: list[str]
) -> None:
    assert found(_There(*things), known) == expected


@pytest.mark.parametrize(("api", "status"), [("apps/v1", 0), (GATEWAYS, 404), (GATEWAYS, 403), (GATEWAYS, 1)])
def test_where_nobody_knows_routes_or_may_not_list_them_the_rest_is_told(api: str, status: int) -> None:
    there = _There(ROUTE, SERVICE, POLICY, api=api, status=status)
    assert found(there, record(releases={})) == [f"NetworkPolicy iris--{REVISION}"]
    assert ("HTTPRoute" in there.asked) == (status > 1)


def test_a_cluster_that_does_not_answer_is_said() -> None:
    with pytest.raises(TargetUnavailable, match="list httproutes"):
        found(_There(SERVICE, status=503), None)


def test_what_a_revision_of_the_record_has_stays() -> None:
    others = [thing(kind, f"iris--{OTHER}", Role.SERVER, OTHER) for kind in ("HorizontalPodAutoscaler", "ScaledObject")]
    expected = [f"HorizontalPodAutoscaler iris--{OTHER}", f"ScaledObject iris--{OTHER}"]
    assert found(_There(SERVICE, POLICY, *others), record()) == expected
