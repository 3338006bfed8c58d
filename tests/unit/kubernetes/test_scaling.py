"""What an endpoint that may sleep is made of, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Phase, Traffic
from deployer.engine.unmet import unmet
from deployer.target import Target
from deployer_kubernetes import kind
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.facts import Facts, ScalerFact
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.reading import service_fact
from deployer_kubernetes.refusing import refuse
from deployer_kubernetes.rendering import documents, left_out
from deployer_kubernetes.requests import network_policy, scaler
from deployer_kubernetes.scaling.facts import ActivatorFact
from deployer_kubernetes.scaling.objects import activator_deployment, activator_files, activator_policy
from deployer_kubernetes.scaling.scaled import scaled_fact, scaled_object
from deployer_kubernetes.scaling.survey import led_service
from deployer_kubernetes.scaling.wish import sleeps
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, record, release, server, spec
from tests.unit.kubernetes.values import service_fact as service_value

NAPPING: dict[str, Any] = {"replicas": {"min": 0, "max": 3}}
OPTIONS = KubernetesOptions(namespace="ml")


def trigger(**replicas: Any) -> dict[str, Any]:
    wish = spec(replicas={"min": 0, "max": 4, **replicas}, resources={"cpu": 1, "memory": "1Gi"})
    return {each["type"]: each for each in scaled_object(wish, REVISION, "team", "ml")["spec"]["triggers"]}


def test_it_may_sleep_where_its_least_count_is_none() -> None:
    assert sleeps(spec(**NAPPING))
    assert not sleeps(spec(replicas={"min": 1, "max": 3}))
    assert not sleeps(spec(replicas=1))
    assert [*refuse(spec(**NAPPING))] == []


def test_the_count_is_keda_s_and_no_other_autoscaler_has_it() -> None:
    wish = spec(**NAPPING, config={"idle": "90s", "probes": {"startup": "30s"}})
    assert scaler(wish, release(), "team") is None
    made = scaled_object(wish, REVISION, "team", "ml")
    assert made["spec"]["scaleTargetRef"]["name"] == f"iris--{REVISION}"
    counts = ("minReplicaCount", "maxReplicaCount", "cooldownPeriod", "initialCooldownPeriod")
    assert [made["spec"][each] for each in counts] == [0, 3, 90, 90]


def test_a_replica_that_still_starts_is_not_put_to_sleep() -> None:
    wish = spec(**NAPPING, config={"idle": "10s", "probes": {"startup": "200s"}})
    assert scaled_object(wish, REVISION, "team", "ml")["spec"]["initialCooldownPeriod"] == 200


def test_it_is_asked_by_its_activator_s_service_and_half_of_the_requests_are_told() -> None:
    told = trigger()["metrics-api"]["metadata"]
    assert told["url"] == "http://iris--activator.ml.svc:8081/requests"
    assert told["targetValue"] == "5"
    assert trigger(metric="requests", value=3)["metrics-api"]["metadata"]["targetValue"] == "1.5"


@pytest.mark.parametrize("metric", ["cpu", "memory"])
def test_a_share_is_kept_beside_the_requests_that_wake_it(metric: str) -> None:
    found = trigger(metric=metric, value=50)
    assert found[metric]["metadata"] == {"value": "50"}
    assert found[metric]["metricType"] == "Utilization"
    assert float(found["metrics-api"]["metadata"]["targetValue"]) > 10_000


def test_what_keda_makes_of_it_does_not_look_like_ours() -> None:
    made = scaled_object(spec(**NAPPING), REVISION, "team", "ml")
    left_out = made["metadata"]["annotations"]["scaledobject.keda.sh/hpa-excluded-labels"].split(",")
    assert "app.kubernetes.io/managed-by" in left_out


def test_a_patch_has_a_say_in_it() -> None:
    wish = spec(**NAPPING, config={"patches": {"ScaledObject": {"spec": {"pollingInterval": 7}}}})
    assert scaled_object(wish, REVISION, "team", "ml")["spec"]["pollingInterval"] == 7


def test_what_it_leads_to_and_how_long_it_holds_is_in_its_files() -> None:
    wish = spec(**NAPPING, config={"probes": {"startup": "45s"}})
    text = activator_files(wish, "10.96.3.4:80", "team")["data"]["haproxy.cfg"]
    assert "server served 10.96.3.4:80\n" in text
    assert "retries 45\n" in text
    assert "http_req_rate(30s)" in text
    quick = activator_files(spec(**NAPPING, config={"idle": "4s"}), "", "team")["data"]["haproxy.cfg"]
    assert "http_req_rate(4s)" in quick
    assert "{{" not in text
    assert "bind [::]:8080 v4v6" in activator_files(wish, "[fd00::1]:80", "team")["data"]["haproxy.cfg"]
    assert "server served" not in activator_files(wish, "", "team")["data"]["haproxy.cfg"]


def test_other_files_are_other_pods_and_labels_alone_are_not() -> None:
    def settings(address: str, **fields: Any) -> tuple[Any, Any]:
        wish = spec(**NAPPING, **fields)
        made = activator_deployment(wish, OPTIONS, activator_files(wish, address, "team"), "team")
        return made["spec"]["template"]["metadata"]["annotations"], made["metadata"]["annotations"]

    assert settings("10.0.0.1:80")[0] != settings("10.0.0.2:80")[0]
    assert settings("10.0.0.1:80")[0] == settings("10.0.0.1:80", labels={"team": "risk"})[0]
    assert settings("10.0.0.1:80")[1] != settings("10.0.0.1:80", labels={"team": "risk"})[1]


def test_it_listens_where_the_server_does_so_that_its_service_has_addresses_of_one_port() -> None:
    def ports(server: int) -> tuple[list[int], bool, str]:
        routes = {"port": server, "ready": "/health", "invocations": "/v1/answer"}
        wish = spec(**NAPPING, image={"use": "vllm:1"}, config={"routes": routes})
        files = activator_files(wish, "10.96.3.4:80", "team")
        container = activator_deployment(wish, OPTIONS, files, "team")["spec"]["template"]["spec"]["containers"][0]
        triggers = scaled_object(wish, REVISION, "team", "ml")["spec"]["triggers"]
        found = [each["containerPort"] for each in container["ports"]]
        listens = all(f"bind 0.0.0.0:{each}\n" in files["data"]["haproxy.cfg"] for each in found)
        return found, listens, triggers[0]["metadata"]["url"].rpartition(":")[2]

    assert ports(9000) == ([9000, 8081], True, "8081/requests")
    assert ports(8081) == ([8081, 8082], True, "8082/requests")


def test_who_may_ask_whom() -> None:
    wish = spec(**NAPPING)
    clients, keda = activator_policy(wish, "team")["spec"]["ingress"]
    assert (clients["ports"][0]["port"], keda["ports"][0]["port"]) == (8080, 8081)
    assert keda["from"][0]["podSelector"]["matchLabels"] == {"app": "keda-operator"}
    nobody = activator_policy(spec(**NAPPING, config={"allow_from": []}), "team")["spec"]["ingress"]
    assert [each["ports"][0]["port"] for each in nobody] == [8081]
    roles = [
        each["podSelector"]["matchLabels"].get("deployer.io/role")
        for each in network_policy(wish, release(), "team")["spec"]["ingress"][0]["from"]
        if "matchLabels" in each["podSelector"]
    ]
    assert roles == ["gateway", "activator"]
    assert "activator" not in str(network_policy(spec(), release(), "team"))


def test_rendered_it_is_whole_and_its_service_leads_to_the_activator() -> None:
    found = documents(spec(**NAPPING), release(), OPTIONS, "t", "10.96.3.4:80")
    made = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert "server served 10.96.3.4:80" in made["ConfigMap", "iris--activator"]["data"]["haproxy.cfg"]
    assert made["Service", "iris"]["spec"]["selector"]["deployer.io/role"] == "activator"
    assert made["Service", "iris--served"]["spec"]["selector"]["deployer.io/revision"] == REVISION
    assert ("ScaledObject", f"iris--{REVISION}") in made
    assert ("HorizontalPodAutoscaler", f"iris--{REVISION}") not in made
    assert not [each for each in documents(spec(), release(), OPTIONS, "t") if "activator" in each["metadata"]["name"]]
    assert [*left_out(spec(**NAPPING), release(), "10.96.3.4:80")] == []
    assert "iris--served" in next(iter(left_out(spec(**NAPPING), release())))


# Told.

SERVICE = {
    "metadata": {"name": "iris", "uid": "u2"},
    "spec": {"ports": [{"port": 80}], "selector": {"deployer.io/role": "activator"}},
}
SERVED = {
    "metadata": {"name": "iris--served", "uid": "u3"},
    "spec": {"ports": [{"port": 80}], "selector": {"deployer.io/revision": REVISION}},
}


def napping(**fields: Any) -> Facts:
    """An endpoint that sleeps."""
    keda = ScalerFact(f"iris--{REVISION}", REVISION, 0, 3, present=0)
    asleep = {
        "service": service_value(activator=True, behind=()), "pods": (), "scalers": (keda,),
        "servers": (server(wanted=0, current=0, count=0),),
        "activator": ActivatorFact(2, 2, (pod(name="a1", revision=""), pod(name="a2", revision=""))),
    }  # fmt: skip
    return facts(**{**asleep, **fields})


def test_the_revision_that_is_served_is_told_by_the_service_behind_the_activator() -> None:
    led = led_service("iris", SERVICE, [SERVICE, SERVED])
    assert led is SERVED
    found = service_fact(SERVICE, [], "", led)
    assert (found.revision, found.activator, found.name) == (REVISION, True, "iris")
    lost = led_service("iris", SERVICE, [SERVICE])
    assert lost is None
    assert service_fact(SERVICE, [], "", lost).revision == ""
    assert led_service("iris", SERVED, []) is SERVED


def test_asleep_is_healthy_and_has_its_traffic() -> None:
    found = endpoint_of(napping())
    assert found is not None
    assert (found.phase, found.detail) == (Phase.HEALTHY, "")
    assert found.traffic.same_as(Traffic.all_to(REVISION))
    revision = found.find(REVISION)
    assert revision is not None
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 0, 0, True)
    assert "asleep" in revision.detail
    assert revision.facts["autoscaler"] == "0 to 3, now 0"


def test_without_pods_and_without_keda_it_is_not() -> None:
    found = endpoint_of(napping(scalers=()))
    assert found is not None
    assert found.phase is not Phase.HEALTHY


def test_waking_is_starting_and_awake_is_healthy() -> None:
    starting = pod(ready=False, starting=True)
    found = endpoint_of(napping(servers=(server(),), pods=(starting,)))
    assert found is not None
    assert found.phase is Phase.STARTING
    behind = service_value(activator=True)
    found = endpoint_of(napping(service=behind, servers=(server(),), pods=(pod(),)))
    assert found is not None
    assert found.phase is Phase.HEALTHY


def test_what_is_wrong_with_the_activator_is_told() -> None:
    found = endpoint_of(napping(activator=ActivatorFact(2, 2, (pod(name="a1", revision=""),))))
    assert found is not None
    assert (found.phase, found.detail) == (Phase.DEGRADED, "1 of 2 pods of its activator are ready")
    found = endpoint_of(napping(activator=ActivatorFact()))
    assert found is not None
    assert (found.phase, "Deployment is gone" in found.detail) == (Phase.DEGRADED, True)


def test_that_it_would_not_sleep_or_wake_is_told() -> None:
    wished, behind = record(spec=spec(**NAPPING).wish()), service_value(activator=True)
    for seen, words in (
        (facts(record=wished), "do not come by an activator"),
        (facts(record=wished, service=behind, activator=napping().activator), "KEDA is not told"),
    ):
        found = endpoint_of(seen)
        assert found is not None
        assert found.phase is Phase.DEGRADED
        assert words in found.detail
    found = endpoint_of(napping(record=wished))
    assert found is not None
    assert found.phase is Phase.HEALTHY


def test_of_a_scaled_object_its_counts_are_told() -> None:
    made = scaled_object(spec(**NAPPING), REVISION, "team", "ml")
    found = scaled_fact(made, 1)
    assert (found.revision, found.least, found.most, found.present) == (REVISION, 0, 3, 1)
    assert facts(scalers=(found,)).may_sleep(REVISION)
    assert not facts(scalers=(found,)).may_sleep(OTHER)


# Refused while planning.


class Place:
    """What is asked of a target here."""

    def __init__(self, *found: tuple[str, str]) -> None:
        self.found = found
        self.asked = 0

    def unmet(self, _spec: object) -> tuple[tuple[str, str], ...]:
        self.asked += 1
        return self.found


def test_a_place_is_asked_what_it_cannot_where_its_kind_has_no_objection() -> None:
    place = Place(("replicas.min", "no KEDA"))
    target: Target = place  # type: ignore[assignment]
    assert [*unmet(spec(**NAPPING), kind, target)] == [("replicas.min", "no KEDA")]
    assert [*unmet(spec(**NAPPING), kind)] == []
    refused = [*unmet(spec(**NAPPING, config={"gateway": "own"}), kind, target)]
    assert [field for field, _ in refused] == ["config.gateway"]
    assert place.asked == 1
