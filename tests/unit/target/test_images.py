"""Where an image is pushed: what a spec says, over what its target does."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.spec import DeploymentSpec
from deployer.spec.model import Image
from deployer.target import Credentials, ImageSink, RegistryPlace, weights_reference


def known() -> Credentials:
    return Credentials("ada", "secret")


@pytest.mark.parametrize(
    ("given", "target", "expected"),
    [
        (None, None, None),
        (None, RegistryPlace("one.example.com/ml/iris"), RegistryPlace("one.example.com/ml/iris")),
        ("two.example.com/team/", None, RegistryPlace("two.example.com/team/iris")),
        ("two.example.com/team", RegistryPlace("one.example.com/ml/iris", known, plain=True),
         RegistryPlace("two.example.com/team/iris")),
        ("one.example.com/team", RegistryPlace("one.example.com/ml/iris", known, plain=True),
         RegistryPlace("one.example.com/team/iris", known, plain=True)),
    ],
)  # fmt: skip
def test_the_spec_s_place_comes_first(
    given: str | None, target: RegistryPlace | None, expected: RegistryPlace | None
) -> None:
    spec = DeploymentSpec(name="iris", model="models:/iris/4", target="any", image=Image(registry=given))
    sink = ImageSink(cache=Path("cache"), platform="linux/amd64", registry=target)
    assert sink.pushed_to(spec) == expected


@pytest.mark.parametrize("name", ["one.example.com:5000/ml/iris@sha256:" + "a" * 64, "one.example.com:5000/ml/iris:r1"])
def test_a_model_s_image_lies_beside_the_one_that_leaves_it_out(name: str) -> None:
    assert weights_reference(name, "0123456789abcdef" * 4) == "one.example.com:5000/ml/iris:weights-0123456789abcdef"
