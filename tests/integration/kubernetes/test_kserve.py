"""InferenceServices on a real cluster that knows KServe's kinds, without its controller: what is sent and told.

`tests/cluster/kserve` prints the folder that ``DEPLOYER_TEST_KSERVE`` names; with its controller, see
test_kserve_controller.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployer.endpoint import Code
from deployer_kubernetes.client import connect
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.kserve.finding import spelling_in
from deployer_kubernetes.kserve.objects import STANDARD, inference_service
from tests.integration.kubernetes.bay import Bay, left_of
from tests.integration.kubernetes.beds import until
from tests.integration.kubernetes.inference import API, KIND, checked, kserve_kinds
from tests.unit.kubernetes.values import release, spec

if TYPE_CHECKING:
    from tests.cluster.api import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("kubernetes-kserve")]


@pytest.fixture(scope="module")
def kinds(cluster: Cluster) -> Iterator[bool]:
    """KServe's kinds, and whether nobody acts on them."""
    with kserve_kinds(cluster) as ours:
        yield ours


def wish(bay: Bay, **fields: Any) -> Any:
    return bay.wish("well", "one", config={"kserve": True, **fields.pop("config", {})}, **fields)


PATCH = {"timeout": 30, "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}
WISHES: dict[str, dict[str, Any]] = {
    "plain": {"replicas": 2, "labels": {"team": "risk"}},
    "range": {"replicas": {"min": 1, "max": 4, "metric": "memory", "value": 75}},
    "placed": {
        "resources": {"cpu": 2, "memory": "1Gi", "gpu": 1},
        "config": {
            "node_selector": {"disk": "ssd"}, "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "priority_class": "system-cluster-critical", "pull_secrets": ["login"],
            "annotations": {"example.com/a": "b"},
        },
    },
    "patched": {"config": {"patches": {KIND: {"spec": {"predictor": PATCH}}}}},
    "behind a gateway": {"config": {"gateway": "own"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "which", [each if each == "placed" else pytest.param(each, marks=pytest.mark.exhaustive) for each in WISHES]
)
def test_what_is_rendered_passes_strict_validation_and_kserve_s_own_models(bay: Bay, kinds: bool, which: str) -> None:
    documents = bay.deployer.render(wish(bay, **WISHES[which]))
    path = bay.folder / "objects.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    words = ("apply", "-n", bay.namespace.name, "--dry-run=server", "--validate=strict", "-f", str(path))
    said = bay.namespace.cluster.kubectl(*words)
    assert said.count("created (server dry run)") == len(documents)
    mine = [dict(each) for each in documents if each["kind"] == KIND]
    assert len(mine) == 1
    assert [each for each in documents if each["kind"] in ("Deployment", "HorizontalPodAutoscaler")] == [
        each for each in documents if each["kind"] == "Deployment" and "gateway" in each["metadata"]["name"]
    ]
    assert checked(mine) == mine


OF_MODELS: dict[str, dict[str, Any]] = {
    "secrets and keys": {"auth": {"api_keys": [{"env": "KEY_A"}]}},
    "weights": {"image": {"weights": "mount"}},
    "weights in a claim": {
        "image": {"weights": "mount"}, "config": {"weights_claim": {"name": "models", "path": "iris/4"}},
    },
}  # fmt: skip


@pytest.mark.parametrize("which", OF_MODELS)
def test_what_a_model_needs_does_so_too(bay: Bay, kinds: bool, which: str) -> None:
    fields = OF_MODELS[which]
    config = {"kserve": True, **fields.get("config", {})}
    document = inference_service(spec(**{**fields, "config": config}), release(secrets={"TOKEN": 3}), "team")
    assert checked([document]) == [document]
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    assert bay.namespace.create(document, **query)["kind"] == KIND


def test_its_spelling_is_told_by_its_own_schema(bay: Bay, kinds: bool) -> None:
    if not kinds:
        pytest.skip("this cluster has a KServe of its own, of some version")
    there = connect(KubernetesOptions(kubeconfig=Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])))

    def told() -> str | None:
        try:
            return spelling_in(there.ask("GET", f"/openapi/v3/apis/{API}"))
        except Refused as refused:  # the API server tells the schema of a kind a while after the kind itself
            if refused.status != 404:
                raise
            return None

    until(told, "its schema is not told")
    assert told() == STANDARD


def test_a_controller_that_says_nothing_is_told_and_all_is_taken_back(bay: Bay, kinds: bool) -> None:
    if not kinds:
        pytest.skip("this cluster has a KServe that acts")
    health = {"timeout": "20s", "consecutive": 1, "request": str(bay.folder / "question.json")}
    ended = bay.fails(wish(bay, health=health))
    assert ended.diagnosis.code is Code.NOT_REACHABLE
    assert "KServe's controller has said nothing of it" in ended.diagnosis.summary
    assert bay.namespace.all(API, KIND) == []
    assert left_of(bay.namespace, bay.name) == []


def test_what_a_killed_delete_left_is_found(bay: Bay, kinds: bool) -> None:
    if not kinds:
        pytest.skip("this cluster has a KServe that acts")
    (document,) = [each for each in bay.deployer.render(wish(bay)) if each["kind"] == KIND]
    bay.namespace.create(dict(document))
    found = bay.deployer.gc("kubernetes", remove=False, older_than=0)
    assert [each.what for each in found] == [f"{KIND} {document['metadata']['name']}"]
    bay.deployer.gc("kubernetes", older_than=0)
    assert bay.namespace.all(API, KIND) == []
