"""What is told of a Deployment and a Service that somebody made, and what of them is taken over."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from deployer.endpoint import ImageRef
from deployer.errors import Conflict
from deployer_kubernetes.adoption.adopted import (
    ADOPTED,
    adopted_among,
    is_led_to,
    lead_to,
    led_to_adopted,
    owned_pods,
    selector_of,
    with_marks,
)
from deployer_kubernetes.adoption.foreign import Foreign, adoption_of, identity_of
from deployer_kubernetes.adoption.foreign_service import Reached, service_patch
from deployer_kubernetes.adoption.rewriting import handed_on, taken_fields
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.reading import pod_fact, service_fact
from deployer_kubernetes.requests import service
from tests.unit.kubernetes.values import REVISION, spec

EXACT = "sha256:" + "7" * 64
IMAGE = "registry.example.com:5000/ml/scorer:1"


def deployment(**container: Any) -> dict[str, Any]:
    labels = {"app": "scorer", "track": "main"}
    server = {"name": "web", "image": IMAGE, "ports": [{"name": "api", "containerPort": 9000}], **container}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "scorer", "uid": "d1", "generation": 3, "labels": {"team": "a", "k8s.io/x": "y"}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "scorer"}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [server]}},
        },
        "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2},
    }  # fmt: skip


def their_service(**fields: Any) -> dict[str, Any]:
    ports = [{"port": 8000, "targetPort": "api", "protocol": "TCP"}]
    base = {"type": "ClusterIP", "clusterIP": "10.96.1.1", "selector": {"app": "scorer"}, "ports": ports}
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "iris", "uid": "s1", "labels": {"watched": "yes"}},
        "spec": {**base, **fields},
    }  # fmt: skip


def pod(name: str = "scorer-abc12-x", template: str = "abc12", image: str = EXACT) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": f"scorer-{template}", "controller": True}
    return {
        "metadata": {
            "name": name, "uid": name, "labels": {"app": "scorer", "pod-template-hash": template},
            "ownerReferences": [owner],
        },
        "status": {"containerStatuses": [{"name": "web", "imageID": f"registry.example.com:5000/ml/scorer@{image}"}]},
    }  # fmt: skip


def foreign(made: dict[str, Any] | None = None, **fields: Any) -> Foreign:
    base: dict[str, Any] = {"name": "iris", "service": their_service(), "pods": (pod(),)}
    return Foreign(deployment=made or deployment(), **{**base, **fields})


def test_what_runs_is_told_as_a_spec() -> None:
    made = deployment(
        args=["--workers", "2"], readinessProbe={"httpGet": {"path": "/ping", "port": "api"}},
        env=[{"name": "LEVEL", "value": "info"}],
        resources={"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi", "amd.com/gpu": "1"}},
        securityContext={"readOnlyRootFilesystem": True, "runAsUser": 1000},
    )  # fmt: skip
    inner = made["spec"]["template"]["spec"]
    inner |= {
        "serviceAccountName": "scorer", "imagePullSecrets": [{"name": "login"}], "nodeSelector": {"disk": "ssd"},
        "terminationGracePeriodSeconds": 90, "affinity": {"nodeAffinity": {}}, "priorityClassName": "high",
    }  # fmt: skip
    told = adoption_of(foreign(made))
    assert told.what == f"Deployment scorer behind Service iris ({IMAGE})"
    assert told.image == ImageRef(id=EXACT, reference=f"registry.example.com:5000/ml/scorer@{EXACT}")
    assert told.spec == {
        "image": {"use": IMAGE},
        "replicas": 2,
        "env": {"LEVEL": "info"},
        "resources": {"cpu": 0.25, "memory": 2 * 2**30, "gpu": 1},
        "labels": {"team": "a", "watched": "yes"},
        "network": {"egress": "internet"},
        "config": {
            "read_only": True,
            "routes": {"port": 9000, "ready": "/ping", "invocations": "/invocations"},
            "command": ["--workers", "2"],
            "node_selector": {"disk": "ssd"},
            "priority_class": "high",
            "gpu_resource": "amd.com/gpu",
            "service_account": "scorer",
            "pull_secrets": ["login"],
            "allow_from": [{"namespaceSelector": {}}],
            "drain": 90,
            "patches": {
                "Deployment": {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": {}}}}}},
                "Service": {
                    "spec": {
                        "ports": [
                            {"$patch": "replace"},
                            {"port": 8000, "protocol": "TCP", "targetPort": "http"},
                        ]
                    }
                },
            },
        },
    }
    assert set(told.untold) == {"egress"}


def test_what_cannot_be_told_is_named_and_secrets_are_not_shown() -> None:
    made = deployment(
        command=["/bin/serve"], args=["--api-key", "letmein-letmein"], volumeMounts=[{"mountPath": "/data"}],
        env=[
            {"name": "DB_PASSWORD", "value": "hunter22"},
            {"name": "DSN", "valueFrom": {"secretKeyRef": {"name": "db", "key": "dsn"}}},
        ],
        envFrom=[{"configMapRef": {"name": "settings"}}], resources={"requests": {"memory": "1Gi"}},
    )  # fmt: skip
    made["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy"})
    scaler = {"spec": {"maxReplicas": 4, "scaleTargetRef": {}, "metrics": [{"type": "Pods"}]}}
    policy = {"metadata": {"name": "shut"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    told = adoption_of(foreign(made, scaler=scaler, policies=(policy,)))
    assert told.untold == {
        "env.DB_PASSWORD": "its value looks secret",
        "env.DSN": "it comes from Secret db, key dsn",
        "env": "there are more, from ConfigMap settings",
        "entrypoint": "it was started with another than its image's, which a new replica has",
        "config.command": "an argument looks secret; give the arguments that a new replica is to have",
        "config.routes": "where it takes requests cannot be seen; its port is 9000",
        "config.allow_from": "NetworkPolicy shut says who may ask it",
        "network.egress": "NetworkPolicy shut says what it may reach",
        "resources.memory": "it asks for 1Gi and has no limit",
        "replicas": "its autoscaler measures what a spec has no words for",
        "containers": "a new replica would be without proxy",
        "mounts": "a new replica would not have /data",
        "user": "it may run as root; a new replica does not",
    }
    assert "hunter22" not in str(told)
    assert "letmein" not in str(told)
    assert told.spec["replicas"] == {"min": 1, "max": 4}


def test_an_autoscaler_of_a_share_is_a_range() -> None:
    target = {"type": "Utilization", "averageUtilization": 60}
    scaler = {
        "spec": {
            "minReplicas": 2, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
    }  # fmt: skip
    told = adoption_of(foreign(scaler=scaler))
    assert told.spec["replicas"] == {"min": 2, "max": 5, "metric": "cpu", "value": 60}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"pods": ()}, "none of its pods has started"),
        ({"pods": (pod(), pod("other", image="sha256:" + "8" * 64))}, "run different images"),
        ({"others": ("lone",)}, "sends requests to lone too"),
        ({"service": their_service(clusterIP="None")}, "headless"),
    ],
)
def test_what_could_not_run_on_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Conflict, match=why):
        adoption_of(foreign(**fields))


@pytest.mark.parametrize(
    ("part", "change", "why"),
    [
        ("spec", {"replicas": 0}, "its count is 0"),
        ("status", {"updatedReplicas": 1}, "just being rolled out"),
        ("status", {"observedGeneration": 2}, "just being rolled out"),
        (
            "metadata",
            {"ownerReferences": [{"controller": True, "kind": "Rollout", "name": "r"}]},
            "belongs to Rollout r",
        ),
    ],
)
def test_a_deployment_that_is_not_at_rest_or_another_s_is_refused(part: str, change: Any, why: str) -> None:
    made = deployment()
    made[part] |= change
    with pytest.raises(Conflict, match=why):
        adoption_of(foreign(made))


def test_its_identity_is_what_runs_and_where_it_is_reached_and_not_how_many() -> None:
    first = identity_of(foreign())
    more, other = deployment(), deployment(image="registry.example.com/ml/scorer:2")
    more["spec"]["replicas"], more["status"] = 5, {}
    assert identity_of(foreign(more)) == first
    assert identity_of(foreign(other)) != first
    assert identity_of(foreign(service=their_service(selector={"app": "scorer", "track": "main"}))) != first
    assert identity_of(foreign(service=None)) != first


def test_a_service_s_clients_find_it_as_before() -> None:
    made = deployment()
    made["spec"]["template"]["spec"]["containers"][0]["ports"].append({"name": "metrics", "containerPort": 9100})
    given = their_service(
        type="NodePort", sessionAffinity="ClientIP", externalTrafficPolicy="Local",
        ports=[
            {"name": "web", "port": 80, "targetPort": 9000, "nodePort": 30080},
            {"name": "http", "port": 8080, "targetPort": "api"},
            {"name": "metrics", "port": 9100, "targetPort": "metrics"},
        ],
    )  # fmt: skip
    given["metadata"]["annotations"] = {"cloud/kind": "inner", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    patch, untold = service_patch(given, Reached.of(made, given))
    assert patch == {
        "metadata": {"annotations": {"cloud/kind": "inner"}},
        "spec": {
            "type": "NodePort", "sessionAffinity": "ClientIP", "externalTrafficPolicy": "Local",
            "ports": [
                {"$patch": "replace"},
                {"name": "web", "port": 80, "nodePort": 30080, "targetPort": "http"},
                {"name": "http", "port": 8080, "targetPort": "http"},
            ],
        },
    }  # fmt: skip
    assert list(untold) == ["service.ports"]
    assert adoption_of(foreign(made, service=given)).spec["config"]["allow_from"][1:] == [
        {"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}},
    ]  # fmt: skip
    written = service(spec(config={"patches": {"Service": patch}}), "team")
    assert [(each["name"], each["port"], each.get("nodePort")) for each in written["spec"]["ports"]] == [
        ("web", 80, 30080), ("http", 8080, None),
    ]  # fmt: skip
    plain = their_service(ports=[{"name": "http", "port": 80, "targetPort": "api", "protocol": "TCP"}])
    assert service_patch(plain, Reached.of(made, plain)) == ({}, {})


@pytest.mark.parametrize(
    ("container", "led", "expected"),
    [
        ({}, their_service(), (9000, None)),
        ({"readinessProbe": {"httpGet": {"path": "/up", "port": 9000}}}, their_service(), (9000, "/up")),
        ({"readinessProbe": {"httpGet": {"path": "/up", "port": 9999}}}, their_service(), (9000, None)),
        ({"readinessProbe": {"httpGet": {"path": "/up", "port": 9000, "scheme": "HTTPS"}}}, None, (9000, None)),
        ({"ports": [], "startupProbe": {"httpGet": {"path": "/up", "port": 7000}}}, None, (7000, "/up")),
        ({"ports": []}, their_service(ports=[{"port": 80, "targetPort": 7000}]), (7000, None)),
        ({"ports": []}, None, (None, None)),
    ],
)
def test_where_its_server_is_reached(container: Any, led: Any, expected: Any) -> None:
    found = Reached.of(deployment(**container), led)
    assert (found.port, found.ready) == expected


# Of ours by now.


def adopted() -> dict[str, Any]:
    made = deployment()
    made["metadata"]["labels"] |= Marks("team", "iris", Role.SERVER, REVISION).labels()
    made["metadata"]["annotations"] = {ADOPTED: "true", "deployer.io/routes": "9000 /up /v1"}
    return made


def test_its_pods_are_known_by_what_made_them() -> None:
    made, stranger = adopted(), pod("lone")
    stranger["metadata"]["ownerReferences"] = []
    assert owned_pods(made, [pod(), stranger]) == [pod()]
    seen = pod_fact(with_marks(pod(), made))
    assert (seen.revision, seen.container) == (REVISION, "web")
    assert "deployer.io/revision" not in pod()["metadata"]["labels"]
    made["spec"]["selector"]["matchExpressions"] = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"},
    ]  # fmt: skip
    assert selector_of(made) == "app=scorer,tier in (a,b),!old"


def test_its_service_leads_to_it_until_ours_does() -> None:
    made, led = adopted(), their_service()
    assert is_led_to(led, made)
    assert led_to_adopted(led, [made]) == REVISION
    assert service_fact(led, [], REVISION).revision == REVISION
    assert service_fact(led, [], REVISION).port == 8000
    assert led_to_adopted(led, [deployment()]) is None
    ours = their_service(selector={"deployer.io/revision": "none"})
    assert led_to_adopted(ours, [made]) is None
    document = lead_to(service(spec(), "team"), made, 9000)
    assert is_led_to(document, made)
    assert [(each["port"], each["targetPort"]) for each in document["spec"]["ports"]] == [(80, 9000)]


def test_one_that_is_on_its_way_out_runs_no_revision() -> None:
    made = adopted()
    assert adopted_among([deployment(), made], REVISION) is made
    assert adopted_among([made], "r0000000") is None
    made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert adopted_among([made], REVISION) is None


def test_all_that_people_had_of_an_object_is_ours_to_apply_and_what_controllers_have_is_not() -> None:
    entries = [
        {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:type": {}}}},
        {"manager": "helm", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:ports": {}}}},
        {"manager": "old", "operation": "Update", "apiVersion": "v0", "fieldsV1": {"f:spec": {"f:other": {}}}},
        {"manager": "cloud", "operation": "Update", "apiVersion": "v1", "subresource": "status", "fieldsV1": {}},
        {"manager": "deployer/team/count", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {}},
    ]
    thing = {"apiVersion": "v1", "metadata": {"managedFields": copy.deepcopy(entries)}}
    found = taken_fields(thing, "deployer/team")
    assert found[:2] == entries[3:]
    assert found[2:] == [
        {
            "manager": "deployer/team", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:type": {}, "f:ports": {}}},
        }
    ]  # fmt: skip


def test_another_owner_s_object_changes_hands_with_its_parts() -> None:
    entries = [
        {"manager": each} for each in ("deployer/theirs", "deployer/theirs/count", "kubectl", "deployer/theirsx")
    ]
    thing = {"metadata": {"labels": {"deployer.io/owner": "theirs"}, "managedFields": entries}}
    found = handed_on(thing, owner="team")
    assert found is not None
    assert found["labels"] == {"deployer.io/owner": "team"}
    assert [each["manager"] for each in found["managedFields"]] == [
        "deployer/team", "deployer/team/count", "kubectl", "deployer/theirsx",
    ]  # fmt: skip
    assert handed_on({"metadata": {"labels": {"deployer.io/owner": "team"}}}, owner="team") is None
