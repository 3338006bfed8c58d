"""Which wishes are refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_kubernetes.marks import usable_label
from deployer_kubernetes.refusing import refuse
from tests.unit.kubernetes.values import spec


def test_a_plain_wish_is_fine() -> None:
    assert [*refuse(spec())] == []
    assert [*refuse(spec(replicas={"min": 1, "max": 3}, resources={"cpu": 1}, labels={"team": "risk"}))] == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"replicas": {"min": 0, "max": 3}, "config": {"gateway": "own"}}, "config.gateway"),
        ({"replicas": {"min": 0, "max": 3, "metric": "cpu"}}, "resources.cpu"),
        ({"replicas": {"min": 0, "max": 3, "metric": "queue", "value": 3}}, "replicas.metric"),
        ({"replicas": {"min": 1, "max": 3}}, "resources.cpu"),
        ({"replicas": {"min": 1, "max": 3, "metric": "memory"}}, "resources.memory"),
        ({"replicas": {"min": 1, "max": 3, "metric": "queue"}}, "replicas.value"),
        ({"secrets": {"T": {"ref": "arn:x"}}}, "secrets.T"),
        ({"labels": {"deployer.io/owner": "me"}}, "labels.deployer.io/owner"),
        ({"labels": {"a": "no spaces"}}, "labels.a"),
        ({"config": {"weights_claim": {"name": "models"}}}, "config.weights_claim"),
        ({"network": {"expose": "0.0.0.0"}}, "network.expose"),
        ({"network": {"egress": ["api.example.com"]}}, "network.egress"),
        ({"image": {"use": "vllm:1"}}, "config.routes"),
        ({"config": {"read_only": False}}, "config.read_only"),
        (
            {"config": {"patches": {"Deployment": {"spec": {"template": {"spec": {"hostNetwork": True}}}}}}},
            "config.patches.Deployment",
        ),
        ({"config": {"patches": {"Service": {"spec": {"selector": {"app": "other"}}}}}}, "config.patches.Service"),
    ],
)
def test_what_it_cannot(fields: dict[str, Any], where: str) -> None:
    assert [field for field, _ in refuse(spec(**fields))] == [where]


@pytest.mark.parametrize(
    ("key", "value", "usable"),
    [
        ("team", "risk", True), ("example.com/team", "a.b-c_d", True), ("team", "", True), ("-team", "x", False),
        ("team", "x" * 64, False), ("kubernetes.io/x", "y", False), ("deployer.io/x", "y", False),
        ("app.kubernetes.io/name", "y", False), ("Example.com/x", "y", False),
    ],
)  # fmt: skip
def test_labels(key: str, value: str, usable: bool) -> None:
    assert usable_label(key, value) is usable
