"""From one way of leading requests to another while requests run; a new image of the gateway; an update; a route."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from deployer.endpoint import Traffic
from deployer.errors import BuildError, Conflict
from tests.conformance.kubernetes_bench import KubernetesWorkbench, environment_layers
from tests.integration.kubernetes.bay import Bay, deployer_on
from tests.integration.kubernetes.gateways import NAME, Sharing, pods_of, shared_endpoint, until, url_of
from tests.integration.kubernetes.images import ReadyImages
from tests.integration.kubernetes.rights import kubeconfig_for, role
from tests.integration.local.load import Load
from tests.plugins.cluster import Namespace
from tests.plugins.docker import Image

pytestmark = [
    pytest.mark.real("cluster"),
    pytest.mark.slow,
    pytest.mark.xdist_group("kubernetes-gateway"),
    pytest.mark.timeout(600),
]
UPDATES = int(os.environ.get("DEPLOYER_TEST_GATEWAY_UPDATES", "3"))
ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute", NAME)


@pytest.fixture(scope="module")
def sharing(
    new_namespace: Callable[..., AbstractContextManager[Namespace]], base_image: Image, gateway_image: Image
) -> Iterator[Sharing]:
    """One endpoint, of two revisions of the real runtime; each test leaves it as it was."""
    layers = environment_layers(base_image)
    with new_namespace() as namespace:
        bench = KubernetesWorkbench(namespace, base_image.reference.partition("/")[0], layers, gateway_image.reference)
        with shared_endpoint(bench, namespace) as made:
            yield made


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> None:
    """Whatever the test before did to a pod, its gateway is whole again."""
    if "sharing" in request.fixturenames:
        sharing: Sharing = request.getfixturevalue("sharing")
        until(sharing.whole, "its gateway is not whole")


def _answers(load: Load, count: int = 200) -> None:
    before = sum(load.answered.values())
    until(lambda: sum(load.answered.values()) >= before + count, "it does not answer")


def _leads_to(sharing: Sharing) -> str:
    found = sharing.namespace.get("v1", "Service", NAME)
    assert found is not None
    return str(found["spec"]["selector"].get("deployer.io/revision", found["spec"]["selector"]["deployer.io/role"]))


def test_from_its_own_gateway_to_none_and_back_nothing_is_lost(sharing: Sharing) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    with sharing.load() as load:
        _answers(load)
        sharing.configure(gateway="none")
        assert _leads_to(sharing) == sharing.first
        until(lambda: not pods_of(sharing.namespace), "its pods stay")
        until(lambda: sharing.traffic().same_as(Traffic.all_to(sharing.first)), "its traffic is told otherwise")
        _answers(load)
        sharing.configure(gateway="own")
        assert _leads_to(sharing) == "gateway"
        until(lambda: len(sharing.gateway().ready) == 2, "its pods do not come")
        _answers(load)
        until(lambda: sharing.traffic().same_as(Traffic.all_to(sharing.first)), "its traffic is told otherwise")
    print(sum(load.answered.values()))
    assert load.failed == []
    assert set(load.answered) == {sharing.first}


def test_shares_are_not_dropped_in_silence(sharing: Sharing) -> None:
    shares = Traffic({sharing.first: 50, sharing.second: 50})
    sharing.share(shares)
    with pytest.raises(Conflict, match="its traffic is shared") as caught:
        sharing.configure(gateway="none")
    assert "config.gateway" in (caught.value.hint or "")
    assert sharing.traffic().same_as(shares)
    sharing.configure(gateway="own")


@pytest.mark.exhaustive
def test_a_new_image_of_it_is_a_rolling_update(sharing: Sharing, gateway_image: Image) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    before = pods_of(sharing.namespace)
    registry, _, tagged = gateway_image.reference.partition("/")
    same = f"{registry.replace('localhost', '127.0.0.1')}/{tagged}"  # the same one by another name
    with sharing.load() as load:
        _answers(load)
        sharing.configure(gateway="own", gateway_image=same)

        def replaced() -> bool:
            ready = {each.name for each in sharing.gateway().ready}
            return len(ready) == 2 and not ready & set(before) and len(pods_of(sharing.namespace)) == 2

        until(replaced, "its pods are not replaced")
        until(lambda: len(sharing.gateway().pods) == 2, "the old ones stay")
        _answers(load)
    print(sum(load.answered.values()))
    assert load.failed == []
    assert sharing.traffic().same_as(Traffic.all_to(sharing.first))
    sharing.configure(gateway="own")


def test_an_image_that_does_not_start_changes_nothing(sharing: Sharing, gateway_image: Image) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    before = pods_of(sharing.namespace)
    with sharing.load() as load:
        _answers(load)
        with pytest.raises(
            BuildError, match=r"its gateway does not start: .*ImagePull|its gateway .*ErrImagePull"
        ) as caught:
            sharing.configure(gateway="own", gateway_image=f"{gateway_image.reference.partition('/')[0]}/nobody/none:1")
        assert "gateway_image" in (caught.value.hint or "")
        sharing.configure(gateway="own")
        until(lambda: pods_of(sharing.namespace) == before, "its pods are others")
        _answers(load)
    assert load.failed == []


@pytest.mark.exhaustive
def test_what_is_lost_of_it_is_made_anew(sharing: Sharing) -> None:
    shares = Traffic({sharing.first: 80, sharing.second: 20})
    sharing.share(shares)
    sharing.kubectl("delete", "configmap", f"{NAME}--gateway")
    sharing.configure(gateway="own")
    assert sharing.traffic().same_as(shares)
    sharing.kubectl("delete", "deployment", f"{NAME}--gateway", "--wait=true")
    sharing.configure(gateway="own")
    until(lambda: sharing.traffic().same_as(shares), "it does not come back")
    sharing.kubectl("delete", "service", f"{NAME}--{sharing.second}")
    sharing.configure(gateway="own")
    until(lambda: sharing.traffic().same_as(shares), "it does not come back")
    with sharing.load(clients=2) as load:
        until(lambda: len(load.answered) == 2, "one of both does not answer")
    assert load.failed == []


def test_a_route_to_somebody_s_gateway(sharing: Sharing) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    way = {"ref": "edge", "namespace": "gateways", "host": "iris.invalid"}
    with sharing.load() as load:
        _answers(load)
        sharing.configure(gateway=way)
        until(lambda: not pods_of(sharing.namespace), "the pods of its own gateway stay")
        _answers(load)
    assert load.failed == []
    shares = Traffic({sharing.first: 90, sharing.second: 10})
    sharing.writer.route(shares)
    found = sharing.namespace.get(*ROUTE)
    assert found is not None
    weights = {each["name"]: each["weight"] for each in found["spec"]["rules"][0]["backendRefs"]}
    assert weights == {f"{NAME}--{sharing.first}": 90, f"{NAME}--{sharing.second}": 10}
    assert found["spec"]["parentRefs"][0].items() >= {"name": "edge", "namespace": "gateways"}.items()
    seen = sharing.target.observe(NAME)
    assert seen is not None
    assert (seen.traffic, seen.url) == (shares, "https://iris.invalid")
    # Nobody has that name: it is asked at a pod, by a port-forward.
    assert sharing.target.invoke(NAME, sharing.bench.request()).revision == sharing.first
    status = {"parents": [{
        "parentRef": {"name": "edge", "namespace": "gateways"}, "controllerName": "example.com/edge",
        "conditions": [{
            "type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "no listener takes it",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    }]}  # fmt: skip
    sharing.namespace.cluster.ask(
        "PATCH", _status(sharing), {"status": status}, content_type="application/merge-patch+json"
    )
    seen = sharing.target.observe(NAME)
    assert seen is not None
    assert seen.detail == "the Gateway edge does not take its HTTPRoute: no listener takes it"
    sharing.share(Traffic.all_to(sharing.first))
    sharing.configure(gateway="own")
    assert sharing.namespace.get(*ROUTE) is None
    until(lambda: len(sharing.gateway().ready) == 2, "its pods do not come")


def _status(sharing: Sharing) -> str:
    return f"{sharing.namespace.cluster.kind(*ROUTE[:2]).path(sharing.namespace.name, NAME)}/status"


def test_updates_under_load_lose_nothing(
    namespace: Namespace, ready: ReadyImages, gateway_image: Image, tmp_path: Path
) -> None:
    kubeconfig = kubeconfig_for(namespace, role()["rules"], tmp_path)
    deployer = deployer_on(kubeconfig, namespace.name, gateway_image=gateway_image.reference)
    bay = Bay(namespace, deployer, ready, tmp_path)
    assert bay.name == NAME
    deployer.apply(bay.wish("well", "0", config={"gateway": "own"}))
    with Load(url_of(namespace), pause=0.005, body=b'{"inputs": "how?"}') as load:
        _answers(load)
        for turn in range(UPDATES):
            deployer.apply(bay.wish("well", str(turn + 1), config={"gateway": "own"}))
            _answers(load, 50)
    print(dict(load.answered))
    assert load.failed == []
    assert len(load.answered) == UPDATES + 1
    deployer.delete(NAME)
    left = [f"{kind} {each['metadata']['name']}" for version, kind in _KINDS for each in namespace.all(version, kind)]
    assert [each for each in left if NAME in each] == []


_KINDS = (
    ("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("v1", "ServiceAccount"), ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"), ("networking.k8s.io/v1", "NetworkPolicy"), ("v1", "Pod"),
)  # fmt: skip
