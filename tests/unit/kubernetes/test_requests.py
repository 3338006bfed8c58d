"""From a spec and a release to objects."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.rendering import documents, left_out
from deployer_kubernetes.requests import deployment, network_policy, scaler, service, service_account
from tests.unit.kubernetes.values import REVISION, release, spec


def _pod(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = deployment(spec(**fields), release(), "team", 2)["spec"]["template"]["spec"]
    return found


def _server(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = _pod(**fields)["containers"][0]
    return found


def test_a_deployment_reads_as_a_person_would_write_it() -> None:
    found = deployment(spec(labels={"team": "risk"}), release(), "team", 2)
    assert list(found) == ["apiVersion", "kind", "metadata", "spec"]
    assert found["metadata"]["name"] == f"iris--{REVISION}"
    labels = found["metadata"]["labels"]
    assert labels["team"] == "risk"
    assert labels["app.kubernetes.io/managed-by"] == "deployer"
    assert labels["app.kubernetes.io/version"] == REVISION
    assert found["spec"]["replicas"] == 2
    selected = found["spec"]["selector"]["matchLabels"]
    assert selected.items() <= found["spec"]["template"]["metadata"]["labels"].items()
    # A label of the spec that changes restarts nothing.
    assert "team" not in found["spec"]["template"]["metadata"]["labels"]
    server = found["spec"]["template"]["spec"]["containers"][0]
    assert list(server)[:3] == ["name", "image", "env"]
    assert server["image"].startswith("registry.example.com/ml/iris@sha256:")


def test_its_count_can_be_somebody_else_s() -> None:
    assert "replicas" not in deployment(spec(), release(), "team")["spec"]


def test_it_is_asked_where_its_server_answers() -> None:
    server = _server()
    assert server["startupProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert server["livenessProbe"]["httpGet"] == {"path": "/live", "port": "http"}
    assert server["startupProbe"]["failureThreshold"] * server["startupProbe"]["periodSeconds"] == 600


def test_a_ready_image_s_server_is_only_connected_to_for_its_life() -> None:
    routes = {"port": 9000, "ready": "/health", "invocations": "/v1/answer"}
    server = _server(image={"use": "vllm:1"}, config={"routes": routes, "command": ["--fast"], "read_only": False})
    assert server["ports"][0]["containerPort"] == 9000
    assert server["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert server["readinessProbe"]["httpGet"]["path"] == "/health"
    assert server["args"] == ["--fast"]
    assert server["securityContext"]["readOnlyRootFilesystem"] is False


def test_it_has_time_to_end_its_requests() -> None:
    pod = _pod(config={"pre_stop": "3s", "drain": "20s"})
    assert pod["terminationGracePeriodSeconds"] == 28
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}
    assert "lifecycle" not in _server(config={"pre_stop": 0})


def test_resources_are_told_as_kubernetes_does() -> None:
    assert _server(resources={"cpu": 0.5, "memory": "1Gi", "gpu": 2})["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "2"},
    }
    assert _server(resources={"cpu": 2})["resources"] == {"requests": {"cpu": "2"}}
    assert _server()["resources"] == {}


def test_secrets_and_keys_are_files() -> None:
    found = deployment(spec(auth={"api_keys": [{"env": "K"}]}), release(secrets={"TOKEN": 3}), "team", 1)
    pod = found["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes["secrets"]["secret"]["items"] == [{"key": "TOKEN.3", "path": "TOKEN"}]
    assert volumes["keys"]["secret"]["secretName"] == "iris--keys"
    mounted = {each["name"]: each for each in pod["containers"][0]["volumeMounts"]}
    assert mounted["secrets"]["readOnly"]
    assert mounted["keys"]["readOnly"]
    names = {each["name"] for each in pod["containers"][0]["env"]}
    assert {"DEPLOYER_SERVING_SECRETS", "DEPLOYER_SERVING_API_KEYS"} <= names


def test_where_it_runs() -> None:
    tolerated = [{"key": "gpu", "operator": "Exists"}]
    pod = _pod(
        config={
            "node_selector": {"disk": "ssd"}, "tolerations": tolerated, "priority_class": "high",
            "pull_secrets": ["login"], "service_account": "mine", "annotations": {"a": "b"},
        }
    )  # fmt: skip
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["tolerations"] == tolerated
    assert pod["priorityClassName"] == "high"
    assert pod["imagePullSecrets"] == [{"name": "login"}]
    assert pod["serviceAccountName"] == "mine"
    assert service_account(spec(config={"service_account": "mine"}), "team") is None


@pytest.mark.parametrize(
    ("wish", "blocks"),
    [
        ("none", []),
        ("internet", ["0.0.0.0/0", "::/0"]),
        (["10.1.0.0/16", "192.0.2.7", "2001:db8::1"], ["10.1.0.0/16", "192.0.2.7/32", "2001:db8::1/128"]),
    ],
)
def test_ways_out(wish: Any, blocks: list[str]) -> None:
    found = network_policy(spec(network={"egress": wish}), release(), "team")["spec"]
    assert found["policyTypes"] == ["Ingress", "Egress"]
    told = [block["ipBlock"]["cidr"] for each in found.get("egress", ()) for block in each.get("to", ())]
    assert told == blocks
    for each in found.get("egress", ()):
        for block in each.get("to", ()):
            if block["ipBlock"]["cidr"] == "0.0.0.0/0":
                assert "169.254.0.0/16" in block["ipBlock"]["except"]


def test_who_may_ask() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}}]
    found = network_policy(spec(config={"allow_from": peers}), release(), "team")["spec"]
    gateway = {"podSelector": {"matchLabels": {"deployer.io/endpoint": "iris", "deployer.io/role": "gateway"}}}
    assert found["ingress"] == [{"from": [*peers, gateway], "ports": [{"port": 8080, "protocol": "TCP"}]}]


def test_an_autoscaler_has_the_range() -> None:
    assert scaler(spec(replicas=2), release(), "team") is None
    found = scaler(spec(replicas={"min": 1, "max": 4}, resources={"cpu": 1}), release(), "team")
    assert found is not None
    assert found["spec"]["scaleTargetRef"]["name"] == f"iris--{REVISION}"
    assert found["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    wish = {"min": 1, "max": 4, "metric": "requests_per_second", "value": 12.5}
    other = scaler(spec(replicas=wish), release(), "team")
    assert other is not None
    assert other["spec"]["metrics"][0]["pods"]["target"] == {"type": "AverageValue", "averageValue": "12.5"}


def test_all_that_is_sent_can_be_read_before() -> None:
    wish = spec(replicas={"min": 1, "max": 3}, resources={"cpu": 1}, auth={"api_keys": [{"env": "K"}]})
    found = [*documents(wish, release(secrets={"TOKEN": 1}), KubernetesOptions(namespace="ml"), "team")]
    assert [each["kind"] for each in found] == [
        "ServiceAccount", "Service", "PodDisruptionBudget", "Secret", "Secret", "NetworkPolicy", "Deployment",
        "HorizontalPodAutoscaler",
    ]  # fmt: skip
    assert {each["metadata"]["namespace"] for each in found} == {"ml"}
    assert not any("data" in each for each in found)
    said = " ".join(left_out(wish, release(secrets={"TOKEN": 1})))
    assert "iris--keys is printed without" in said
    assert "iris--secrets is printed without its values: TOKEN" in said
    leads = next(each for each in found if each["kind"] == "Service")["spec"]["selector"]
    assert leads["deployer.io/revision"] == REVISION


def test_a_release_without_an_image_is_told() -> None:
    with pytest.raises(SpecError, match="has no image"):
        deployment(spec(), release().model_copy(update={"image": None}), "team", 1)


def test_a_patch_reaches_what_has_no_word() -> None:
    patch = {"Service": {"spec": {"sessionAffinity": "ClientIP"}}}
    assert service(spec(config={"patches": patch}), "team")["spec"]["sessionAffinity"] == "ClientIP"
