"""What is ours is told by marks, and names follow from them."""

from __future__ import annotations

import pytest

from deployer_docker.marks import (
    MANAGED,
    Marks,
    Role,
    belongs_by_name,
    filters,
    image_tag,
    object_name,
    read_marks,
    read_tag,
    usable_name,
)


def test_marks_come_back() -> None:
    for marks in (Marks("team", "iris", Role.GATEWAY), Marks("team", "iris", Role.REPLICA, "r1a2b3c4")):
        assert read_marks(marks.labels(more="x")) == marks


@pytest.mark.parametrize("key", sorted(Marks("team", "iris", Role.GATEWAY).labels()))
def test_what_lacks_one_is_not_ours(key: str) -> None:
    labels = Marks("team", "iris", Role.GATEWAY).labels()
    assert read_marks({name: value for name, value in labels.items() if name != key}) is None
    assert read_marks(None) is None
    assert read_marks({**labels, MANAGED: "no"}) is None


def test_the_labels_of_an_image_of_ours_are_no_marks() -> None:
    assert read_marks({"io.deployer.recipe": "sha256:0", "io.deployer.model": "0", "io.deployer.runtime": "1"}) is None


def test_names() -> None:
    assert object_name("iris", "net") == "iris--net"
    assert [belongs_by_name(each, "iris") for each in ("iris", "iris--net", "iris-b", "iris-b--net", "xiris")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert [usable_name(each) for each in ("iris", "iris-2", "Iris", "iris--net", "", "../x", "-a")] == [
        True, True, False, False, False, False, False,
    ]  # fmt: skip


def test_a_tag_names_whose_image_it_is() -> None:
    repository, tag = image_tag("iris-2", "r1a2b3c4")
    assert read_tag(f"{repository}:{tag}") == ("iris-2", "r1a2b3c4")
    for other in ("iris:latest", f"{repository}:latest", f"x{repository}:{tag}", "deployer.local/a/b:r1a2b3c4"):
        assert read_tag(other) is None


def test_filters_and_labels() -> None:
    assert filters()["label"] == ["io.deployer.managed=true"]
    assert "io.deployer.role=replica" in filters("iris", Role.REPLICA)["label"]
