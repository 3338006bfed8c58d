"""A target that makes the image of a model by itself is brought the model alone."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.endpoint import Observed
from deployer.engine.imaging import deliver_image
from deployer.engine.wishing import Wishing, wish_for
from deployer.errors import BuildError, SpecError
from deployer.model import digest
from deployer.plan import Wish
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink, WeightStore
from deployer.testing.memory import kind
from tests.unit.engine.place import Place, wish


class Shelf(WeightStore):
    """Models in memory."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}

    def has(self, model: str) -> bool:
        return model in self.models

    def put(self, model: str, image: str, archive: Iterable[bytes]) -> None:
        assert image == ""
        with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as tar:
            files = {each.name: each for each in tar if each.isfile()}
            self.models[model] = {name: tar.extractfile(each).read() for name, each in files.items()}  # type: ignore[union-attr]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def sink(tmp_path: Path, shelf: Shelf) -> ImageSink:
    return ImageSink(tmp_path / "cache", "linux/amd64", weights=shelf, bare=lambda spec: spec.replicas == 2)


def _wished(place: Place, sink: ImageSink, spec: DeploymentSpec, monkeypatch: pytest.MonkeyPatch) -> Wish:
    target = place.target(place.deployer())
    monkeypatch.setattr(target, "sink", lambda _name: sink)
    how = Wishing(target=target, kind=replace(kind, delivers="image"), environ={})
    return wish_for(spec, Observed(), how)


def test_nothing_is_locked_and_no_image_is_made(
    place: Place, sink: ImageSink, shelf: Shelf, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    spec = wish(first, replicas=2)
    wanted = _wished(place, sink, spec, monkeypatch)
    assert (wanted.lock, wanted.release.lock, wanted.release.base, wanted.release.runtime) == ("", "", None, "")
    image, words = deliver_image(wanted, spec, sink, lambda **more: told.append(more), {})
    sha = digest(first).sha256
    assert (image.id, image.reference, "MB of weights" in words) == (f"sha256:{sha}", "", True)
    assert shelf.models[sha]["model/weights"] == b"1"
    assert deliver_image(wanted, spec, sink, lambda **_: None, {}) == (image, "there already")


def test_a_newer_runtime_makes_no_other_revision(
    place: Place, sink: ImageSink, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wish(first, replicas=2)
    before = _wished(place, sink, spec, monkeypatch)
    monkeypatch.setattr("deployer.engine.wishing.runtime_version", lambda: "f" * 64)
    assert _wished(place, sink, spec, monkeypatch).release.revision == before.release.revision


def test_a_model_that_changed_meanwhile_is_refused(
    place: Place, sink: ImageSink, shelf: Shelf, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wish(first, replicas=2)
    wanted = _wished(place, sink, spec, monkeypatch)
    (first / "weights").write_text("3")
    with pytest.raises(SpecError, match="changed after the plan"):
        deliver_image(wanted, spec, sink, lambda **_: None, {})
    assert shelf.models == {}


def test_a_target_without_a_place_for_models(
    place: Place, sink: ImageSink, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wish(first, replicas=2)
    wanted = _wished(place, sink, spec, monkeypatch)
    with pytest.raises(BuildError, match="no place for its models"):
        deliver_image(wanted, spec, replace(sink, weights=None), lambda **_: None, {})
