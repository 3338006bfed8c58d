"""The objects of an endpoint's own gateway, its route by somebody's, and what the gateway is wished to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployer.endpoint import Traffic
from deployer.errors import SpecError
from deployer.gateway import Member, Mirror, Pool, Routing, with_traffic, without_pool
from deployer.target.container import Asked
from deployer_kubernetes.config import GatewayRef, KubernetesOptions
from deployer_kubernetes.gateway.asking import is_whole
from deployer_kubernetes.gateway.facts import URL, route_fact
from deployer_kubernetes.gateway.objects import (
    SHAPE,
    gateway_deployment,
    gateway_files,
    gateway_policy,
    revision_service,
    settings_for,
)
from deployer_kubernetes.gateway.routes import http_route
from deployer_kubernetes.gateway.wish import read_wish, wish_of, with_pool, write_wish
from deployer_kubernetes.patching import unrestricted
from deployer_kubernetes.rendering import documents, left_out
from deployer_kubernetes.requests import config_of
from tests.unit.kubernetes.values import OTHER, REVISION, release, spec

HERE, THERE = Member("10.96.0.7", 80), Member("10.96.0.8", 80)
ROUTING = Routing((Pool(REVISION, (HERE,)), Pool(OTHER, (THERE,), "/health", "/v1/x")), {REVISION: 75, OTHER: 25})
OPTIONS = KubernetesOptions(gateway_image="haproxy:9")
LABELS = {"deployer.io/endpoint": "iris", "deployer.io/role": "gateway"}


def _own(**config: Any) -> Any:
    return spec(config={"gateway": "own", **config})


def _deployment(timeout: float = 60.0, **config: Any) -> dict[str, Any]:
    found: dict[str, Any] = gateway_deployment(_own(**config), OPTIONS, settings_for(timeout), "team")
    return found


# The wish.


def test_a_wish_comes_back() -> None:
    mirrored = Routing(ROUTING.pools, ROUTING.shares, Mirror(OTHER, 10))
    for each in (Routing(), ROUTING, mirrored):
        assert read_wish(write_wish(each)) == each
        assert "\n" not in write_wish(each)


@pytest.mark.parametrize(
    "text", ["", "none", "[]", "{}", '{"format": 2}', '{"format": 1, "pools": [{"revision": "x"}]}', "[" * 100000]
)
def test_what_is_no_wish_is_none(text: str) -> None:
    assert read_wish(text) is None


def test_it_is_read_from_its_files() -> None:
    files = gateway_files(_own(), ROUTING, settings_for(60), "team")
    assert wish_of(files) == ROUTING
    assert wish_of({**files, "data": None}) is None
    assert wish_of(None) is None


def test_an_address_is_one_revision_s() -> None:
    one = with_pool(Routing(), REVISION, HERE, Asked())
    moved = with_pool(one, OTHER, HERE, Asked(9000, "/health", "/v1/x"))
    assert [len(each.members) for each in moved.pools] == [0, 1]
    assert moved.pools[1].invocations == "/v1/x"
    assert with_pool(one, REVISION, THERE, Asked()).pools == (Pool(REVISION, (THERE,)),)


def test_a_revision_goes_with_its_mirror() -> None:
    mirrored = Routing(ROUTING.pools, {REVISION: 100}, Mirror(OTHER, 10))
    assert without_pool(mirrored, OTHER) == Routing(ROUTING.pools[:1], {REVISION: 100})
    assert with_traffic(ROUTING, Traffic()).shares == {}


# Its objects.


def test_its_files_are_whole() -> None:
    made = gateway_files(_own(), ROUTING, settings_for(60), "team")
    assert sorted(made["data"]) == ["haproxy.cfg", "mirror.lua", "routes.map", "state.json"]
    assert f"    server m0 {HERE}\n" in made["data"]["haproxy.cfg"]
    assert "stats socket ipv4@127.0.0.1:8404 level admin" in made["data"]["haproxy.cfg"]
    assert '"show", "mirror"' in made["data"]["mirror.lua"]
    assert '"show", "wish"' in made["data"]["mirror.lua"]
    assert made["metadata"]["name"] == "iris--gateway"


def test_too_many_revisions_are_refused() -> None:
    pools = tuple(Pool(f"r{number:07x}") for number in range(9))
    with pytest.raises(SpecError, match="room for 8 revisions"):
        gateway_files(_own(), Routing(pools), settings_for(60), "team")


def test_its_pods_are_restricted() -> None:
    found = _deployment()
    assert [*unrestricted(found)] == []
    pod = found["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "iris"
    assert found["spec"]["replicas"] == 2
    assert found["spec"]["selector"]["matchLabels"] == LABELS
    assert LABELS.items() <= found["spec"]["template"]["metadata"]["labels"].items()
    assert [each["topologyKey"] for each in pod["topologySpreadConstraints"]][-1] == "kubernetes.io/hostname"


def test_it_has_time_to_leave_and_to_end_its_requests() -> None:
    settings = settings_for(60)
    grace = _deployment()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > settings.leave + settings.drain


def test_other_pods_are_made_for_another_image_or_other_settings_alone() -> None:
    base = _deployment()
    template, shape = base["spec"]["template"], base["metadata"]["annotations"][SHAPE]
    assert template["spec"]["containers"][0]["image"] == "haproxy:9"
    image = _deployment(gateway_image="haproxy:10")
    assert image["spec"]["template"]["spec"]["containers"][0]["image"] == "haproxy:10"
    assert image["metadata"]["annotations"][SHAPE] != shape
    assert _deployment(70.0) == base  # the gateway's own limit is a few of them
    assert _deployment(600.0)["spec"]["template"]["metadata"] != template["metadata"]
    assert _deployment(pull_secrets=["login"])["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "login"}]


def test_it_reaches_the_endpoint_s_servers_and_nothing_else() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}}]
    assert gateway_policy(_own(allow_from=[]), "team")["spec"]["ingress"] == []  # from: [] would be everybody
    found = gateway_policy(_own(allow_from=peers), "team")["spec"]
    assert found["podSelector"]["matchLabels"] == LABELS
    assert found["ingress"] == [{"from": peers, "ports": [{"port": 8080, "protocol": "TCP"}]}]
    servers = {"deployer.io/endpoint": "iris", "deployer.io/role": "server"}
    assert found["egress"] == [{"to": [{"podSelector": {"matchLabels": servers}}]}]


def test_a_revision_has_an_address_of_its_own() -> None:
    found = revision_service(_own(), REVISION, "team")
    assert found["metadata"]["name"] == f"iris--{REVISION}"
    assert found["spec"]["selector"]["deployer.io/revision"] == REVISION


def test_where_services_have_ipv6_it_listens_there() -> None:
    assert settings_for(60, ipv6=True).address == "::"
    assert settings_for(60).address == "0.0.0.0"


# Somebody's gateway.


def test_a_route_leads_to_services_by_weight() -> None:
    way = GatewayRef(ref="edge", namespace="gateways", host="iris.example.com")
    found = http_route(spec(), way, Traffic({OTHER: 10, REVISION: 90}), "team")
    assert found["spec"]["parentRefs"] == [{"name": "edge", "namespace": "gateways"}]
    assert found["spec"]["hostnames"] == ["iris.example.com"]
    assert found["metadata"]["annotations"][URL] == "https://iris.example.com"
    backends = [{"name": f"iris--{each}", "port": 80, "weight": w} for each, w in ((REVISION, 90), (OTHER, 10))]
    assert found["spec"]["rules"][0]["backendRefs"] == backends
    fact = route_fact(found, "iris")
    assert (dict(fact.shares), fact.url, fact.trouble) == ({REVISION: 90, OTHER: 10}, "https://iris.example.com", "")


def test_a_route_without_a_host_has_no_url() -> None:
    found = http_route(spec(), GatewayRef(ref="edge"), Traffic.all_to(REVISION), "team")
    assert "hostnames" not in found["spec"]
    assert route_fact(found, "iris").url == ""


def test_what_its_controller_has_against_a_route_is_told() -> None:
    found = http_route(spec(), GatewayRef(ref="edge", host="a.b", tls=False), Traffic.all_to(REVISION), "team")
    fine = {"type": "Accepted", "status": "True", "message": "Route is accepted"}
    wrong = {"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": "no such Service"}
    status = {"parents": [{"parentRef": {"name": "edge"}, "conditions": [fine, wrong]}]}
    fact = route_fact({**found, "status": status}, "iris")
    assert fact.trouble == "the Gateway edge does not take its HTTPRoute: no such Service"
    assert fact.url == "http://a.b"
    fine_one = {"parents": [{"parentRef": {"name": "edge"}, "conditions": [fine]}]}
    assert route_fact({**found, "status": fine_one}, "iris").trouble == ""


def test_weights_by_hand_are_no_shares_of_ours() -> None:
    found = http_route(spec(), GatewayRef(ref="edge"), Traffic.all_to(REVISION), "team")
    found["spec"]["rules"][0]["backendRefs"][0]["weight"] = 7
    assert route_fact(found, "iris").shares == {}
    assert "add up to 7" in route_fact(found, "iris").trouble


# The wish of a person.


@pytest.mark.parametrize("value", ["none", "own", {"ref": "edge"}, {"ref": "edge", "namespace": "gw", "host": "a.b"}])
def test_three_ways(value: Any) -> None:
    assert config_of(spec(config={"gateway": value})).gateway is not None


@pytest.mark.parametrize("value", ["mine", {}, {"ref": "A B"}, {"ref": "edge", "host": "*.x"}, {"ref": "e", "port": 1}])
def test_other_ways_are_refused(value: Any) -> None:
    with pytest.raises((SpecError, ValidationError)):
        config_of(spec(config={"gateway": value}))


def test_all_of_it_is_rendered() -> None:
    plain = [*documents(spec(), release(), OPTIONS, "team")]
    own = {(each["kind"], each["metadata"]["name"]): each for each in documents(_own(), release(), OPTIONS, "team")}
    assert {name for _, name in own} >= {"iris", "iris--gateway", f"iris--{REVISION}"}
    assert len(own) == len(plain) + 5
    assert own["Service", "iris"]["spec"]["selector"] == LABELS
    assert own["Service", f"iris--{REVISION}"]["spec"]["selector"]["deployer.io/role"] == "server"
    wish = wish_of(own["ConfigMap", "iris--gateway"])
    assert wish is not None
    assert (wish.shares, [each.members for each in wish.pools]) == ({REVISION: 100}, [()])
    there = [*documents(_own(), release(), OPTIONS, "team", "10.96.0.7")]
    files = next(each for each in there if each["kind"] == "ConfigMap")
    routing = Routing((Pool(REVISION, (Member("10.96.0.7", 80),), "/ready", None),), {REVISION: 100})
    assert files == gateway_files(_own(), routing, settings_for(60.0), "team")
    assert [*left_out(_own(), release(), "10.96.0.7")] == []
    assert "without the address of the Service iris--" in " ".join(left_out(_own(), release()))
    ref = [*documents(spec(config={"gateway": {"ref": "edge"}}), release(), OPTIONS, "team")]
    assert [each["kind"] for each in ref if each not in plain][-1] == "HTTPRoute"


@pytest.mark.parametrize(
    ("text", "line", "whole"),
    [
        (b"\n", "a", True), (b"x\n\n", "a", True), (b"x\n\n\n", "a;b", True), (b"\n\n", "a;b", True),
        (b"", "a", False), (b"x\n", "a", False), (b"x", "a", False), (b"x\n\ny\n", "a;b", False),
    ],
)  # fmt: skip
def test_the_answers_tell_when_they_are_whole(text: bytes, line: str, whole: bool) -> None:
    assert is_whole(text, line) is whole
