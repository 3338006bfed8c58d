"""What the engine is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_docker.marks import Role
from deployer_docker.requests import (
    GatewayPlace,
    NetworkWish,
    Place,
    config_of,
    count_of,
    courier_body,
    gateway_body,
    replica_body,
    settings_for,
    shape_of,
)
from tests.unit.docker.values import ADDRESS, REVISION, release, spec

PLACE = Place(f"iris--{REVISION}-1", 1, "net1", ADDRESS)


def _replica(place: Place = PLACE, secrets: dict[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    made = release(secrets=secrets) if secrets else release()
    return replica_body(spec(**fields), made, "team", place)


def test_a_replica_is_shut_in() -> None:
    body = _replica()
    host = body["HostConfig"]
    assert body["User"] == "65532:65532"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] == 512
    assert host["RestartPolicy"] == {"Name": "always"}
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert host["NetworkMode"] == "net1"
    assert host["Dns"] == ["127.0.0.1"]
    assert body["NetworkingConfig"]["EndpointsConfig"] == {"net1": {"IPAMConfig": {"IPv4Address": ADDRESS}}}
    assert "PortBindings" not in host
    assert body["Healthcheck"] == {"Test": ["NONE"]}


def test_it_carries_its_marks() -> None:
    assert _replica()["Labels"] == {
        "io.deployer.managed": "true",
        "io.deployer.owner": "team",
        "io.deployer.endpoint": "iris",
        "io.deployer.role": "replica",
        "io.deployer.revision": REVISION,
        "io.deployer.digest": release().digest,
        "io.deployer.model": "models:/iris/4",
        "io.deployer.number": "1",
        "io.deployer.address": ADDRESS,
        "io.deployer.drain": "30",
        "io.deployer.auth": "none",
        "io.deployer.endpoint_port": "",
    }


def test_limits_and_options_reach_it() -> None:
    body = _replica(
        resources={"cpu": 1.5, "memory": "2Gi", "gpu": 2}, env={"LOG_LEVEL": "info"}, health={"tolerance": 0.5},
        config={"threads": 2, "timeout": "90s", "drain": "5s", "max_body": "1Mi", "pids": 64, "tmp": "64Mi"},
    )  # fmt: skip
    host = body["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (2 * 2**30, 2 * 2**30, 1_500_000_000)
    assert host["DeviceRequests"] == [{"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}]
    assert host["PidsLimit"] == 64
    assert host["Tmpfs"] == {"/tmp": f"rw,nosuid,nodev,size={64 * 2**20},mode=1777"}
    assert sorted(body["Env"]) == [
        "DEPLOYER_SERVING_DRAIN=5", f"DEPLOYER_SERVING_MAX_BODY={2**20}", "DEPLOYER_SERVING_PORT=8080",
        f"DEPLOYER_SERVING_REVISION={REVISION}", "DEPLOYER_SERVING_THREADS=2", "DEPLOYER_SERVING_TIMEOUT=90",
        "DEPLOYER_SERVING_TOLERANCE=0.5", "LOG_LEVEL=info",
    ]  # fmt: skip


READY: dict[str, Any] = {"image": {"use": "own:1"}}
ROUTES = {"port": 9000, "ready": "/health", "invocations": "/v1/infer"}


def test_a_ready_image_runs_as_it_is_and_as_shut_in() -> None:
    body = _replica(replace(PLACE, user="1000"), **READY, config={"routes": ROUTES})
    assert not {"User", "Cmd", "Entrypoint"} & set(body)
    assert (body["HostConfig"]["ReadonlyRootfs"], body["HostConfig"]["CapDrop"]) == (True, ["ALL"])
    assert body["Labels"]["io.deployer.routes"] == "9000 /health /v1/infer"
    assert "DEPLOYER_SERVING_PORT=9000" in body["Env"]
    other = _replica(**READY, config={"routes": ROUTES, "command": ["serve", "--fast"], "read_only": False})
    assert (other["Cmd"], other["HostConfig"]["ReadonlyRootfs"]) == (["serve", "--fast"], False)


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:staff"])
def test_nothing_runs_as_root(user: str) -> None:
    assert _replica(replace(PLACE, user=user), **READY, config={"routes": ROUTES})["User"] == "65532:65532"


@pytest.mark.parametrize(
    "routes",
    [{}, {"port": 0}, {"port": 80, "ready": "health"}, {"port": 80, "ready": "/a b"}, {"port": 80, "ready": "/a:b"},
     {"port": 80, "invocations": "/a\n"}, {"port": 80, "invocations": "/a|b"}, {"port": 80, "more": 1}],
)  # fmt: skip
def test_paths_that_are_not_plain_are_refused(routes: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        config_of(spec(**READY, config={"routes": routes}))
    assert str(caught.value.where).startswith("config.routes")


def test_secrets_are_a_volume_and_nothing_else() -> None:
    body = _replica(secrets={"TOKEN": 3})
    (mount,) = body["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["ReadOnly"]) == (f"iris--secrets.{REVISION}", True)
    assert f"DEPLOYER_SERVING_SECRETS={mount['Target']}" in body["Env"]
    assert _replica()["HostConfig"]["Mounts"] == []


def test_a_way_out_is_a_second_network() -> None:
    body = _replica(Place(PLACE.name, 1, "net1", ADDRESS, edge="edge1"))
    assert body["HostConfig"]["NetworkMode"] == "edge1"
    assert body["NetworkingConfig"]["EndpointsConfig"] == {}
    assert "Dns" not in body["HostConfig"]


def test_an_endpoint_s_variables_do_not_replace_the_server_s() -> None:
    body = _replica(env={"DEPLOYER_SERVING_REVISION": "r0000000"})
    assert f"DEPLOYER_SERVING_REVISION={REVISION}" in body["Env"]
    assert "DEPLOYER_SERVING_REVISION=r0000000" not in body["Env"]


def test_the_gateway_is_shut_in_and_published_on_loopback() -> None:
    body = gateway_body(spec(), "team", GatewayPlace("edge1", "127.0.0.1", 8321), "haproxy:2.8")
    host = body["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
    assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8321"}]}
    assert body["Entrypoint"] + body["Cmd"] == ["haproxy", "-db", "-f", "/etc/deployer/current/haproxy.cfg"]
    assert body["StopSignal"] == "SIGUSR1"
    assert body["Labels"]["io.deployer.port"] == "8321"


def test_another_gateway_is_one_whose_shape_differs() -> None:
    def shape(port: int = 8321, host: str = "127.0.0.1", image: str = "haproxy:2.8", **fields: Any) -> str:
        return shape_of(gateway_body(spec(**fields), "team", GatewayPlace("edge1", host, port), image))

    same = shape()
    assert shape(replicas=3, labels={"a": "b"}, config={"timeout": "30s"}) == same
    others = {shape(8322), shape(host="0.0.0.0"), shape(image="haproxy:3.0"), shape(config={"timeout": "600s"})}
    assert len(others | {same}) == 5


def test_the_gateway_waits_longer_than_the_server() -> None:
    assert [settings_for(seconds, None).server for seconds in (1, 60, 76, 300, 3600)] == [90, 90, 300, 900, 3700]


def test_only_the_inner_network_hides_the_host() -> None:
    hidden = {"com.docker.network.bridge.inhibit_ipv4": "true"}
    assert NetworkWish("iris--net", Role.NETWORK, "10.213.3.0/24").options == hidden
    assert NetworkWish("iris--edge", Role.EDGE, "10.213.200.0/28").options == {}


def test_a_courier_cannot_be_run_and_reaches_nothing() -> None:
    body = courier_body("iris", "team", "any", {"/store": "iris--secrets"})
    assert body["HostConfig"]["NetworkMode"] == "none"
    assert body["Entrypoint"] == ["/none"]
    assert json.dumps(body).count("iris--secrets") == 1


def test_what_is_not_usable_is_told_with_its_field() -> None:
    with pytest.raises(SpecError) as caught:
        config_of(spec(config={"prot": 1}))
    assert caught.value.where == "config.prot"
    with pytest.raises(SpecError):
        count_of(spec(replicas={"min": 1, "max": 2}))
    with pytest.raises(SpecError, match="no image"):
        replica_body(spec(), release().model_copy(update={"image": None}), "team", PLACE)
