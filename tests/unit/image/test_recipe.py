"""What a recipe depends on, and which bases it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.environment import Lock, LockedWheel
from deployer.errors import BuildError
from deployer.image.recipe import Recipe, check_fit
from tests.unit.image.recipes import BASE, LOCK, NUMPY, OWN, RECIPE, A


def test_the_digest_is_of_contents_not_of_places() -> None:
    elsewhere = replace(BASE, reference="mirror.example/python:3.11", manifest=None)
    sizes = Lock(LOCK.python, LOCK.platform, (replace(NUMPY, size=None), replace(OWN, path=None)))
    assert replace(RECIPE, base=elsewhere, environment=sizes).digest == RECIPE.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, base=replace(BASE, digest=f"sha256:{'d' * 64}")),
        replace(RECIPE, base=replace(BASE, python="/usr/bin/python3.11")),
        replace(RECIPE, environment=Lock("3.11", LOCK.platform, (NUMPY,))),
        replace(RECIPE, runtime=A),
        replace(RECIPE, weights="mount"),
        replace(RECIPE, bytecode="none"),
    ],
)
def test_each_content_counts(other: Recipe) -> None:
    assert other.digest != RECIPE.digest
    assert other.environment_digest != RECIPE.environment_digest


def test_another_model_in_the_same_environment() -> None:
    other = replace(RECIPE, model=A)
    assert other.digest != RECIPE.digest
    assert other.environment_digest == RECIPE.environment_digest


@pytest.mark.parametrize(
    ("base", "lock", "said"),
    [
        (replace(BASE, python_version="3.12"), LOCK, "has Python 3.12, and the model needs 3.11"),
        (replace(BASE, platform="linux/arm64"), LOCK, "is for linux/arm64"),
        (replace(BASE, platform="linux/s390x"), LOCK, "is for linux/s390x"),
        (replace(BASE, glibc="2.31"), LOCK, "has glibc 2.31, and the wheels were chosen for 2.36"),
        (
            BASE,
            Lock("3.11", LOCK.platform, (LockedWheel("n", "1", "n-1-cp312-cp312-manylinux_2_28_x86_64.whl", A),)),
            "does not run on Python 3.11",
        ),
        (
            BASE,
            Lock("3.11", LOCK.platform, (LockedWheel("n", "1", "n-1-cp311-cp311-manylinux_2_28_aarch64.whl", A),)),
            "does not run on Python 3.11",
        ),
        (BASE, Lock("3.11", LOCK.platform, (LockedWheel("n", "1", "n.whl", A),)), "does not run"),
    ],
)
def test_what_does_not_fit(base: object, lock: Lock, said: str) -> None:
    with pytest.raises(BuildError) as caught:
        check_fit(base, lock)  # type: ignore[arg-type]
    assert said in caught.value.message
    assert caught.value.hint


def test_what_fits() -> None:
    check_fit(BASE, LOCK)
    check_fit(replace(BASE, glibc="2.41"), LOCK)
    arm = LockedWheel("n", "1", "n-1-cp311-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl", A)
    check_fit(replace(BASE, platform="linux/arm64"), Lock("3.11", "aarch64-manylinux_2_36", (arm,)))
