"""Strategic merge, and what is kept from it."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_kubernetes.patching import merge
from deployer_kubernetes.requests import deployment, service
from tests.unit.kubernetes.values import release, spec


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        ({"new": 1}, {"deep": {"x": None, "y": 1}}, {"new": 1, "deep": {"y": 1}}),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"ports": [{"port": 80}]}, {"ports": [{"port": 81}]}, {"ports": [{"port": 80}, {"port": 81}]}),
    ],
)
def test_a_merge(base: Any, patch: Any, merged: Any) -> None:
    assert merge(base, patch) == merged


def _patched(patch: dict[str, Any]) -> Any:
    return deployment(spec(config={"patches": {"Deployment": patch}}), release(), "team", 1)


def _pod(fields: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": fields}}}


def test_what_we_did_not_think_of_is_merged() -> None:
    found = _patched(
        _pod({"dnsPolicy": "None", "containers": [{"name": "server", "env": [{"name": "X", "value": "1"}]}]})
    )
    pod = found["spec"]["template"]["spec"]
    assert pod["dnsPolicy"] == "None"
    assert len(pod["containers"]) == 1
    assert {"name": "X", "value": "1"} in pod["containers"][0]["env"]


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"name": "other"}},
        {"metadata": {"labels": {"deployer.io/owner": "me"}}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
        {"spec": {"selector": {"matchLabels": {"x": "y"}}}},
        {"spec": {"replicas": 9}},
        {"spec": {"template": {"metadata": {"labels": {"deployer.io/revision": "r0000000"}}}}},
        _pod({"serviceAccountName": "cluster-admin"}),
        _pod({"automountServiceAccountToken": True}),
        _pod({"hostNetwork": True}),
        _pod({"securityContext": {"runAsUser": 0}}),
        _pod({"securityContext": {"runAsNonRoot": False}}),
        _pod({"securityContext": {"seccompProfile": None}}),
        _pod({"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}),
        _pod({"containers": [{"name": "server", "securityContext": {"privileged": True}}]}),
        _pod({"containers": [{"name": "server", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}),
        _pod({"containers": [{"name": "server", "securityContext": {"runAsUser": 0}}]}),
        _pod({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
        _pod({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
        _pod({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
        _pod({"containers": [{"name": "server", "securityContext": {"procMount": "Unmasked"}}]}),
        _pod({"containers": [{"name": "server", "securityContext": {"seLinuxOptions": {"user": "root"}}}]}),
        _pod({"containers": [{"name": "other", "image": "x"}]}),
        _pod({"initContainers": [{"name": "other", "image": "x"}]}),
        _pod({"containers": [{"name": "server", "ports": [{"containerPort": 8080, "hostPort": 80}]}]}),
    ],
)
def test_what_is_ours_and_what_keeps_it_shut_in_cannot_be_patched(patch: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        _patched(patch)
    assert caught.value.where == "config.patches.Deployment"


def test_kinds_that_cannot_be_patched_are_told() -> None:
    with pytest.raises(SpecError, match="no Secret can be patched"):
        deployment(spec(config={"patches": {"Secret": {}}}), release(), "team", 1)


def test_a_list_can_be_replaced_as_a_whole() -> None:
    ports = [{"$patch": "replace"}, {"port": 8000, "targetPort": "http"}]
    found = service(spec(config={"patches": {"Service": {"spec": {"ports": ports}}}}), "team")
    assert found["spec"]["ports"] == [{"port": 8000, "targetPort": "http"}]
    assert merge({}, {"ports": ports}) == {"ports": ports[1:]}
