"""What a push sends, and what it spares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.push import Pushed, push, push_index
from deployer.image.registry import RegistryClient, Transport
from deployer.image.values import Image, ImageReference
from tests.unit.image.bases import base_of, image_of, layer_of, tar_of
from tests.unit.image.registry.server import State, registry


@pytest.fixture
def images(tmp_path: Path) -> tuple[Image, Image]:
    base = base_of(tar_of([("a", b"1")]))
    wheel, old, new = (layer_of(tmp_path, content) for content in (b"wheel", b"old weights", b"new weights"))
    return image_of(base, wheel, old), image_of(base, wheel, new)


def pushed(image: Image, state: State, cache: Path, repository: str = "team/iris", tag: str = "1") -> Pushed:
    with RegistryClient(state.host, transport=Transport(sleep=lambda _: None)) as client:
        return push(image, ImageReference(state.host, repository, tag), client=client, cache=cache)


def test_only_what_is_new_is_sent(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry() as state:
        first = pushed(images[0], state, tmp_path)
        assert first.digest == "sha256:" + first.digest[7:]
        assert {key for key in state.manifests if key[1] == "1"}
        second = pushed(images[1], state, tmp_path, tag="2")
        assert (second.present, second.mounted) == (2, 0)
        assert 0 < second.sent < first.sent
        document = json.loads(state.manifests["team/iris", "2"][1])
        assert document["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
        assert document["config"]["digest"] == images[1].digest


def test_the_same_again_is_one_question_and_another_tag_one_more(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry() as state:
        first = pushed(images[0], state, tmp_path)
        state.asked.clear()
        assert pushed(images[0], state, tmp_path).digest == first.digest
        assert {method for method, path, _ in state.asked if path != "/v2/"} == {"HEAD"}
        assert state.count("HEAD", "/blobs/") == 0
        assert pushed(images[0], state, tmp_path, tag="stable").sent == 0
        assert state.manifests["team/iris", "stable"] == state.manifests["team/iris", first.digest]


def test_another_repository_is_told_where_the_blobs_are(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry() as state:
        pushed(images[0], state, tmp_path)
        other = pushed(images[0], state, tmp_path, repository="team/other")
        assert (other.sent, other.mounted) == (0, 4)
        state.forget_mounts = True
        third = pushed(images[0], state, tmp_path, repository="team/third")
        assert third.sent > 0


def test_a_push_that_was_cut_off_goes_on(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry(break_upload_after=[1] * 50) as state:
        with pytest.raises(TargetUnavailable):
            pushed(images[0], state, tmp_path)
        assert not state.manifests
        state.break_upload_after.clear()
        pushed(images[0], state, tmp_path)
        assert state.manifests


def test_blobs_that_are_gone_from_the_cache_are_made_again(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry() as one, registry() as other:
        first = pushed(images[0], one, tmp_path)
        for blob in (tmp_path / "blobs").glob("*"):
            if blob.is_file():
                blob.unlink()
        assert pushed(images[0], other, tmp_path).digest == first.digest


def test_a_layer_that_is_damaged_reaches_nobody(images: tuple[Image, Image], tmp_path: Path) -> None:
    damaged = images[0].layers[1]
    path: Path = damaged.path  # type: ignore[attr-defined]
    path.write_bytes(b"x" * damaged.size)
    with registry() as state, pytest.raises(BuildError, match="not what its digest says"):
        pushed(images[0], state, tmp_path)
    assert not state.manifests


def test_progress_ends_where_it_should(images: tuple[Image, Image], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with registry() as state, RegistryClient(state.host) as client:
        reference = ImageReference(state.host, "team/iris", "1")
        done = push(images[0], reference, client=client, cache=tmp_path, told=lambda *each: told.append(each))
    assert told[-1] == (done.sent, done.sent)


def test_several_platforms_in_one(images: tuple[Image, Image], tmp_path: Path) -> None:
    with registry() as state, RegistryClient(state.host) as client:
        both = {
            name: pushed(each, state, tmp_path)
            for name, each in zip(("linux/amd64", "linux/arm64"), images, strict=True)
        }
        digest = push_index(both, ImageReference(state.host, "team/iris", "all"), client=client)
        found = client.manifest(ImageReference(state.host, "team/iris", "all"))
    assert found.digest == digest
    assert [each["digest"] for each in json.loads(found.content)["manifests"]] == [
        each.digest for each in both.values()
    ]
