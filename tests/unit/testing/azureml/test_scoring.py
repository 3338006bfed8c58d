"""What the scoring URI answers, and what Azure Monitor says of it afterwards."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from deployer.testing.azureml import scoring
from tests.unit.testing.azureml.conftest import Place, Said


def pieces(wish: Any, write: Callable[[str], None]) -> Any:
    """A container that answers in pieces of unknown length."""

    def application(environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/event-stream")])
        if environ["REQUEST_METHOD"] == "GET":
            return [b""]
        return iter([b"one\n", b"two\n"])

    return application


def test_a_containers_error_is_424(place: Place) -> None:
    place.serving()
    said = place.ask(body=json.dumps({"status": 500, "say": "no such column"}).encode())
    assert (said.status, said.data) == (424, b"no such column")
    assert said.headers["ms-azureml-model-error-statuscode"] == "500"
    assert said.headers["ms-azureml-model-error-reason"] == "model_error"


def test_a_slow_container_is_408(place: Place) -> None:
    place.serving(requestSettings={"requestTimeout": "PT0.2S"})
    said = place.ask(body=b'{"sleep": 1}')
    assert (said.status, said.headers["azureml-model-deployment"]) == (408, "r01")


def test_more_than_twice_the_concurrency_is_429(place: Place) -> None:
    place.serving(requestSettings={"requestTimeout": "PT1M", "maxConcurrentRequestsPerInstance": 1})
    world = place.double.world
    answers: list[Said] = []
    threads = [threading.Thread(target=lambda: answers.append(place.ask(body=b'{"sleep": 2}'))) for _ in range(2)]
    for each in threads:
        each.start()
    found = world.endpoint("fraud")
    assert found is not None
    until = time.monotonic() + 10
    while found[1].deployment("r01").pending < 2 and time.monotonic() < until:
        place.pause()
    assert place.ask().status == 429
    for each in threads:
        each.join()
    assert [each.status for each in answers] == [200, 200]


def test_other_paths_and_pieces_are_passed_on(new_place: Callable[..., Place]) -> None:
    place = new_place({"": pieces})
    place.serving()
    said = place.ask()
    assert said.data == b"one\ntwo\n"
    assert said.headers.get("Transfer-Encoding") == "chunked"


def test_the_query_and_the_path_reach_the_container(place: Place) -> None:
    place.serving()
    uri = place.arm("GET", "onlineEndpoints/fraud").json["properties"]
    key = place.arm("POST", "onlineEndpoints/fraud/listKeys").json["primaryKey"]
    about = {"Authorization": f"Bearer {key}"}
    base = uri["scoringUri"].removesuffix("/invocations")
    assert place.send("POST", f"{base}/v1/chat?x=1", b"{}", about).json["path"] == "/v1/chat"
    assert place.send("GET", f"{base}/health", headers=about).status == 200
    assert place.send("GET", uri["swaggerUri"], headers=about).status == 404
    assert place.send("POST", f"{place.double.url}/scoring/none/x", b"{}", about).status == 404


def test_faults_of_the_scoring_uri(place: Place) -> None:
    place.serving()
    place.double.fault(
        "Score", name="fraud", error="Unavailable", status=503, message="upstream connect error", times=2
    )
    assert [place.ask().status for _ in range(3)] == [503, 503, 200]


def metrics(place: Place, below: str = "", **query: str) -> Any:
    where = f"{place.double.workspace}/onlineEndpoints/fraud{below}/providers/Microsoft.Insights/metrics"
    return place.arm("GET", where, version="2023-10-01", **query)


def total(said: Said) -> dict[str, float]:
    (metric,) = said.json["value"]
    return {
        ",".join(each["value"] for each in series["metadatavalues"]): sum(
            point.get("total", 0) for point in series["data"]
        )
        for series in metric["timeseries"]
    }


def test_azure_monitor_counts_requests(place: Place) -> None:
    place.serving()
    for status in (200, 200, 500):
        place.ask(body=json.dumps({"status": status}).encode() if status != 200 else b"{}")
    query = {"metricnames": "RequestsPerMinute", "aggregation": "Total", "interval": "PT1M"}
    assert total(metrics(place, **query)) == {"": 3}
    split = {"$filter": "deployment eq 'r01' and statusCode eq '*'"}
    assert total(metrics(place, **query, **split)) == {"r01,200": 2, "r01,424": 1}
    (latency,) = metrics(place, metricnames="RequestLatency_P95", aggregation="Average").json["value"]
    assert latency["unit"] == "MilliSeconds"
    assert sum(point.get("average", 0) for point in latency["timeseries"][0]["data"]) > 0
    (capacity,) = metrics(place, "/deployments/r01", metricnames="DeploymentCapacity").json["value"]
    assert capacity["timeseries"][0]["data"][0]["average"] == 1
    assert "Valid metrics" in metrics(place, metricnames="Happiness").message
    assert metrics(place, aggregation="Best").status == 400
    assert metrics(place, timespan="yesterday").status == 400


def test_autoscale_settings(place: Place) -> None:
    place.serving()
    group = place.double.workspace.partition("/providers/")[0]
    where = f"{group}/providers/microsoft.insights/autoscalesettings/fraud-r01"
    target = f"{place.double.workspace}/onlineEndpoints/fraud/deployments/r01"
    profile: dict[str, Any] = {
        "name": "usual",
        "rules": [],
        "capacity": {"minimum": "2", "maximum": "3", "default": "2"},
    }
    body: dict[str, Any] = {
        "location": "eastus2",
        "properties": {"targetResourceUri": target, "profiles": [profile], "enabled": True},
    }
    assert place.arm("GET", where, version="2022-10-01").status == 404
    assert place.arm("PUT", where, body, version="2022-10-01").status == 201
    assert place.arm("GET", where, version="2022-10-01").json["properties"]["enabled"]
    assert len(place.arm("GET", where.rpartition("/")[0], version="2022-10-01").json["value"]) == 1
    assert list(place.double.tell("POST", "autoscaling").values()) == [2]
    assert place.settled("fraud/r01")["sku"]["capacity"] == 2
    assert place.double.tell("POST", "autoscaling") == {}
    wrongs: list[dict[str, Any]] = [
        {"targetResourceUri": target.replace("fraud", "none")},
        {"profiles": []},
        {"profiles": [{**profile, "capacity": {"minimum": "3", "maximum": "2", "default": "2"}}]},
    ]
    for wrong in wrongs:
        said = place.arm("PUT", where, {**body, "properties": {**body["properties"], **wrong}}, version="2022-10-01")
        assert said.status == 400
    assert [place.arm("DELETE", where, version="2022-10-01").status for _ in range(2)] == [200, 204]


@pytest.mark.parametrize("grant", ["POST", "GET"])
def test_login_of_the_registry(place: Place, grant: str) -> None:
    from urllib.parse import urlencode

    host = place.double.url.removeprefix("https://")
    bare = place.send("GET", "/v2/")
    assert (bare.status, bare.json["errors"][0]["code"]) == (401, "UNAUTHORIZED")
    assert bare.headers["Www-Authenticate"] == f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
    form = {"grant_type": "access_token", "service": host, "access_token": place.token()}
    wrong = place.send("POST", "/oauth2/exchange", urlencode({**form, "access_token": "x"}).encode())
    assert wrong.status == 401
    assert place.send("POST", "/oauth2/exchange", urlencode({**form, "service": "x"}).encode()).status == 400
    refresh = place.send("POST", "/oauth2/exchange", urlencode(form).encode()).json["refresh_token"]
    scope = {"service": host, "scope": "repository:fraud:pull"}
    if grant == "POST":
        asked = {**scope, "grant_type": "refresh_token", "refresh_token": refresh}
        access = place.send("POST", "/oauth2/token", urlencode(asked).encode()).json["access_token"]
    else:
        import base64

        user = base64.b64encode(f"00000000-0000-0000-0000-000000000000:{refresh}".encode()).decode()
        said = place.send("GET", f"/oauth2/token?{urlencode(scope)}", headers={"Authorization": f"Basic {user}"})
        access = said.json["access_token"]
    bearer = {"Authorization": f"Bearer {access}"}
    assert place.send("GET", "/v2/", headers=bearer).status == 200
    pull = place.send("GET", "/v2/fraud/manifests/1", headers=bearer)
    assert (pull.status, pull.json["errors"][0]["code"]) == (503, "UNAVAILABLE")
    push = place.send("POST", "/v2/fraud/blobs/uploads/", b"", bearer)
    assert push.status == 401
    assert 'scope="repository:fraud:pull,push"' in push.headers["Www-Authenticate"]
    assert place.send("GET", "/v2/other/manifests/1", headers=bearer).status == 401


def test_a_container_ends_after_the_requests_that_are_on_their_way_to_it(place: Place) -> None:
    place.serving()
    found = place.double.world.endpoint("fraud")
    assert found is not None
    deployment = found[1].deployment("r01")
    (instance,) = deployment.instances
    (container,) = place.containers.started
    answers: list[Said] = []
    asking = threading.Thread(target=lambda: answers.append(place.ask(body=b'{"sleep": 1}')))
    asking.start()
    while not deployment.pending:
        place.pause()
    ending = threading.Thread(target=lambda: instance.stop(60))
    ending.start()
    while not instance.underway.closed:
        place.pause()
    assert container.exit_code() is None
    assert place.ask().status == 503  # nobody new is led there
    asking.join()
    ending.join()
    assert [each.status for each in answers] == [200]
    assert container.exit_code() == 0


def test_who_was_led_to_what_is_removed_meanwhile_is_led_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.serving()
    pick, removed = scoring._picked, place.double.world.clock.signal()
    removed.set()
    picks: list[str] = []

    def late(*asked: Any) -> Any:
        found = pick(*asked)
        picks.append(found.name)
        return dataclasses.replace(found, stopped=removed, instances=[]) if len(picks) == 1 else found

    monkeypatch.setattr(scoring, "_picked", late)
    assert place.ask().status == 200
    assert picks == ["r01", "r01"]
