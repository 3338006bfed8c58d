"""How mounted weights are asked for."""

from __future__ import annotations

from typing import Any

from deployer_docker.requests import Place, replica_body, weights_volume
from deployer_docker.weights import model_of
from tests.unit.docker.values import ADDRESS, REVISION, release, spec

MODEL = "d" * 64


def test_a_replica_gets_them_to_read_and_checks_them() -> None:
    place = Place(f"iris--{REVISION}-1", 1, "net1", ADDRESS)
    body: dict[str, Any] = replica_body(spec(image={"weights": "mount"}), release(), "team", place)
    (mount,) = body["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == (weights_volume(MODEL), "/opt/ml", True)
    assert mount["VolumeOptions"] == {"NoCopy": True}
    assert f"DEPLOYER_SERVING_MODEL_DIGEST={MODEL}" in body["Env"]
    plain: dict[str, Any] = replica_body(spec(), release(), "team", place)
    assert plain["HostConfig"]["Mounts"] == []
    assert not any("MODEL_DIGEST" in each for each in plain["Env"])


def test_only_what_carries_our_marks_holds_a_model() -> None:
    labels = {"io.deployer.managed": "true", "io.deployer.role": "weights", "io.deployer.model": MODEL}
    assert model_of({"Labels": labels}) == MODEL
    for name in labels:
        assert model_of({"Labels": {key: value for key, value in labels.items() if key != name}}) is None
    assert model_of({"Labels": None}) is None
