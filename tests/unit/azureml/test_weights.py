"""Models in the workspace's store: put whole or not at all, registered by the real SDK, and removed by gc."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Claim, Holder, ModelRef
from deployer.errors import BuildError, TargetUnavailable
from deployer.target import Request
from deployer.target.named import images_in, models_in
from deployer_azureml.mounted import Mounted, is_put
from deployer_azureml.naming import Naming
from deployer_azureml.orphans import Orphanage
from deployer_azureml.weights import ASSET, AssetWeights, asset_id, version_of
from tests.unit.azureml.parts import Parts, connected, rights_without
from tests.unit.azureml.values import IMAGE, OTHER, REVISION, record, release

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 100_000, "data/empty": b""}
MODEL = hashlib.sha256(b"one").hexdigest()
SECOND = hashlib.sha256(b"two").hexdigest()


def _archive(files: dict[str, bytes] | None = None) -> Iterator[bytes]:
    """As the engine gives it: in pieces of any length."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (FILES if files is None else files).items():
            about = tarfile.TarInfo(f"model/{name}")
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    text = buffer.getvalue()
    return (text[at : at + 1000] for at in range(0, len(text), 1000))


def _mounting(model: str = MODEL, **fields: Any) -> Any:
    made = release()
    named = ModelRef(uri=made.model.uri, resolved=made.model.resolved, digest=model)
    return made.model_copy(update={"model": named, "spec": {"image": {"weights": "mount"}, **fields}})


def test_an_id_that_needs_nobody_to_be_asked() -> None:
    assert asset_id("/subscriptions/s/workspaces/w", MODEL) == (
        f"/subscriptions/s/workspaces/w/models/deployer-model/versions/{MODEL[:24]}"
    )
    assert len(version_of(MODEL)) <= 30


def test_what_records_name() -> None:
    plain, no_code = release(), _mounting(SECOND, image={}, config={"no_code": True})
    kept = record(releases={REVISION: _mounting(), OTHER: no_code, "r0000001": plain})
    assert models_in([kept], is_put) == {MODEL, SECOND}
    assert models_in([kept]) == {MODEL}
    assert set(images_in([kept])) == {IMAGE}


# On the double.


@pytest.fixture(params=["AccountKey", "None"])
def double(request: pytest.FixtureRequest) -> Generator[Double]:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: models are not registered")
    from deployer.testing.azureml import Double, Durations, InProcess, Options
    from deployer.testing.azureml.echo import echo

    containers, durations = InProcess({"": echo}), Durations(probe_every=0.01)
    with Double(Options(credentials=request.param, containers=containers, durations=durations)) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(double, connected(double, monkeypatch, tags={"cost": "ml"}))


@pytest.fixture
def weights(parts: Parts) -> AssetWeights:
    return AssetWeights(parts.azure, parts.placing, "team")


def _blobs(parts: Parts) -> dict[str, bytes]:
    found = parts.double.world.blobs.container(parts.placing.store.datastore.container)
    return {name: each.data for name, each in (found or {}).items()}


def test_a_model_is_put_by_its_digest(parts: Parts, weights: AssetWeights, capsys: pytest.CaptureFixture[str]) -> None:
    assert not weights.has(MODEL)
    weights.put(MODEL, "", _archive())
    assert weights.has(MODEL)
    assert not weights.has(MODEL[:24] + "0" * 40)
    assert re.fullmatch(r"deployer/ws-[0-9a-f]{8}/models/", weights.root)
    blobs = _blobs(parts)
    assert sorted(blobs) == sorted(f"{weights.root}{MODEL}/model/{name}" for name in FILES)
    assert all(blobs[f"{weights.root}{MODEL}/model/{name}"] == data for name, data in FILES.items())
    found = parts.azure.ask("GET", f"models/{ASSET}/versions/{version_of(MODEL)}")
    assert found["id"] == asset_id(parts.azure.workspace, MODEL)
    assert found["properties"]["modelType"] == "mlflow_model"
    assert found["properties"]["tags"]["cost"] == "ml"
    weights.put(MODEL, "", _archive())
    assert [each.model for each in weights.kept()] == [MODEL]
    assert capsys.readouterr().out == ""


def test_a_large_file_goes_in_pieces(parts: Parts, weights: AssetWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer_azureml.sdk._PIECE", 2**16)
    weights.put(MODEL, "", _archive({"data/large.bin": b"0123456789" * 50_000}))
    ((name, data),) = _blobs(parts).items()
    assert (name, len(data)) == (f"{weights.root}{MODEL}/model/data/large.bin", 500_000)
    assert data == b"0123456789" * 50_000


def test_what_is_broken_off_is_no_model_and_is_put_again(parts: Parts, weights: AssetWeights) -> None:
    def broken() -> Iterator[bytes]:
        yield from _archive({"MLmodel": b"x"})
        raise BuildError("the model's files changed")

    with pytest.raises(BuildError, match="changed"):
        weights.put(MODEL, "", broken())
    assert not weights.has(MODEL)
    assert [(each.model, each.whole) for each in weights.kept()] in ([(MODEL, False)], [])
    with pytest.raises(BuildError, match="no files"):
        weights.put(MODEL, "", _archive({}))
    weights.put(MODEL, "", _archive())
    assert weights.has(MODEL)


def test_it_is_mounted_where_the_server_looks(
    parts: Parts, weights: AssetWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.put(MODEL, "", _archive())
    place = replace(parts.driver.place, model=asset_id(parts.azure.workspace, MODEL))
    monkeypatch.setattr(parts.driver, "place", place)
    parts.stage(REVISION, image={"weights": "mount"})
    (instance,) = _deployment(parts).instances
    told = json.loads(parts.driver.invoke(Request(body=b"{}"), REVISION).body)
    # Below the mount there is the folder whose files the asset was made of.
    folder = PurePosixPath(told["env"]["DEPLOYER_SERVING_MODEL"]).relative_to(instance.serving.mount)
    assert {f"{folder}/{name}" for name in FILES} <= set(told["files"])


def _deployment(parts: Parts) -> Any:
    found = parts.double.world.endpoint("iris")
    assert found is not None
    return found[1].deployment(REVISION)


def test_gc_takes_what_nobody_names_or_runs(parts: Parts, weights: AssetWeights) -> None:
    for model in (MODEL, SECOND):
        weights.put(model, "", _archive())
    parts.keep(record(releases={REVISION: _mounting()}))
    mounted = Mounted(parts.azure, weights, Naming(parts.azure, parts.records))
    orphanage = Orphanage(parts.azure, parts.records, parts.surveyor, (mounted,))
    assert [*mounted.find(3600.0)] == []
    (found,) = mounted.find(0.0)
    assert SECOND[:12] in found.what
    assert not orphanage.remove(found, 3600.0)
    assert orphanage.remove(found, 0.0)
    assert not orphanage.remove(found, 0.0)
    assert {name.split("/")[3] for name in _blobs(parts) if "/models/" in name} == {MODEL}
    assert weights.has(MODEL)
    assert not weights.has(SECOND)


def test_gc_leaves_what_somebody_may_be_about_to_name(parts: Parts, weights: AssetWeights) -> None:
    weights.put(MODEL, "", _archive())
    mounted = Mounted(parts.azure, weights, Naming(parts.azure, parts.records))
    holder = Holder(by="a@b", host="b", pid=1, started="1")
    claim = Claim(token="t", generation=1, holder=holder, verb="update", since=5.0, expires=6.0)
    parts.keep(record(claim=claim))
    assert [*mounted.find(0.0)] == []
    parts.keep(record())
    assert len([*mounted.find(0.0)]) == 1


def test_who_may_not_register_models_is_told_the_right(parts: Parts, double: Double, weights: AssetWeights) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/models/versions/write"
    double.tell("PUT", "rights", rights_without(action))
    with pytest.raises(TargetUnavailable, match=action):
        weights.put(MODEL, "", _archive())
