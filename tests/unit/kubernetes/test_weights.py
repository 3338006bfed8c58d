"""What a pod has so that its server finds a model that its image leaves out."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployer_kubernetes.config import KubernetesConfig, WeightsClaim
from deployer_kubernetes.refusing import refuse
from deployer_kubernetes.requests import deployment
from deployer_kubernetes.weights import are_beside
from tests.unit.kubernetes.values import release, spec

MOUNT = {"image": {"weights": "mount"}}


def test_a_model_of_its_own_image_is_copied_before_the_server_starts_under_the_restricted_profile() -> None:
    wish = spec(**MOUNT, resources={"cpu": 1, "memory": "2Gi", "gpu": 1})
    pod = deployment(wish, release(), "team", 1)["spec"]["template"]["spec"]
    (copier,), (server,) = pod["initContainers"], pod["containers"]
    assert copier["image"] == "registry.example.com/ml/iris:weights-dddddddddddddddd"
    assert copier["args"] == ["/weights"]
    assert copier["securityContext"] == server["securityContext"]
    assert copier["resources"] == {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    assert {"name": "weights", "emptyDir": {}} in pod["volumes"]
    assert {"name": "weights", "mountPath": "/opt/ml", "readOnly": True} in server["volumeMounts"]
    assert {"name": "DEPLOYER_SERVING_MODEL_DIGEST", "value": "d" * 64} in server["env"]
    assert are_beside(wish)


@pytest.mark.parametrize(("path", "more"), [("", {}), ("models/iris/4", {"subPath": "models/iris/4"})])
def test_a_model_in_a_claim_is_read_where_it_lies(path: str, more: dict[str, str]) -> None:
    wish = spec(**MOUNT, config={"weights_claim": {"name": "models", "path": path}})
    pod = deployment(wish, release(), "team", 1)["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    claim = {"claimName": "models", "readOnly": True}
    assert {"name": "weights", "persistentVolumeClaim": claim} in pod["volumes"]
    mount = {"name": "weights", "mountPath": "/opt/ml/model", "readOnly": True, **more}
    assert mount in pod["containers"][0]["volumeMounts"]
    assert not are_beside(wish)


def test_a_model_in_the_image_needs_neither() -> None:
    pod = deployment(spec(), release(), "team", 1)["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    assert [each["name"] for each in pod["volumes"]] == ["tmp"]
    assert dict(refuse(spec(config={"weights_claim": {"name": "models"}}))) == {
        "config.weights_claim": "the model is in the image; give image.weights: mount too, or leave it out"
    }
    assert [*refuse(spec(**MOUNT, config={"weights_claim": {"name": "models"}}))] == []


@pytest.mark.parametrize("path", ["/absolute", "a/../b", "..", "a//b"])
def test_a_folder_outside_the_claim_is_none(path: str) -> None:
    with pytest.raises(ValidationError):
        WeightsClaim(name="models", path=path)
    assert KubernetesConfig().weights_claim is None
