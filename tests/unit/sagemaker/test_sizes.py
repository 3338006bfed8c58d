"""Which instance type a wish runs on."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import SpecError
from deployer.spec import Resources
from deployer_sagemaker.shapes import enum
from deployer_sagemaker.sizes import CHOSEN_FROM, architecture_of, fits, known_sizes, size_of, smallest
from deployer_sagemaker.table import FAMILIES


def _for(platform: str = "linux/amd64", **fields: Any) -> str:
    return smallest(Resources(**fields), platform=platform).type


def test_every_type_of_the_table_is_one_that_aws_has_for_endpoints() -> None:
    assert set(known_sizes()) <= set(enum("ProductionVariantInstanceType"))


def test_a_family_is_whole() -> None:
    offered = {each for each in enum("ProductionVariantInstanceType") if each.split(".")[1] in FAMILIES}
    assert offered - set(known_sizes()) <= set(), "a newer botocore has more sizes: add them to the table"


@pytest.mark.parametrize(
    ("kind", "families"),
    [
        ("general", ("m5", "m6i", "m7i")),
        ("compute", ("c5", "c6i", "c7i")),
        ("memory", ("r5", "r6i", "r7i")),
        ("graviton", ("c6g", "c7g", "m6g", "r6g", "m8g")),
        ("gpu", ("g4dn", "g5", "g6", "p4d", "p5")),
    ],
)
def test_the_table_covers_the_families(kind: str, families: tuple[str, ...]) -> None:
    for family in families:
        sizes = [each for each in known_sizes().values() if each.family == family]
        assert sizes, family
        assert all(bool(each.gpus) == (kind == "gpu") for each in sizes)
        assert all((each.architecture == "arm64") == (kind == "graviton") for each in sizes)


def test_sizes_grow_within_a_family() -> None:
    for family in FAMILIES:
        sizes = [each for each in known_sizes().values() if each.family == family]
        assert sorted(sizes, key=lambda each: each.cpu) == sorted(sizes, key=lambda each: (each.cpu, each.memory))
        assert all(each.cpu > 0 and each.memory >= 2**30 for each in sizes)


def test_what_is_chosen_from_is_known() -> None:
    for (architecture, gpu), families in CHOSEN_FROM.items():
        for family in families:
            assert FAMILIES[family].architecture == architecture
            assert any(each.gpus for each in known_sizes().values() if each.family == family) is gpu


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({}, "ml.m5.large"),
        ({"memory": "1Gi"}, "ml.c5.large"),
        ({"memory": "4Gi"}, "ml.m5.large"),  # of c5.large's 4 GiB some are its own system's
        ({"memory": "12Gi"}, "ml.r5.large"),
        ({"cpu": 3, "memory": "1Gi"}, "ml.c5.xlarge"),
        ({"cpu": 4, "memory": "12Gi"}, "ml.m5.xlarge"),
        ({"cpu": 90, "memory": "1Gi"}, "ml.m5.24xlarge"),
        ({"gpu": 1}, "ml.g4dn.xlarge"),
        ({"gpu": 1, "memory": "60Gi"}, "ml.g4dn.4xlarge"),
        ({"gpu": 4}, "ml.g4dn.12xlarge"),
        ({"gpu": 8}, "ml.g5.48xlarge"),
    ],
)
def test_the_smallest_that_fits(fields: dict[str, Any], chosen: str) -> None:
    assert _for(**fields) == chosen


def test_graviton_where_the_image_is_for_it() -> None:
    assert _for("linux/arm64") == "ml.m6g.large"
    with pytest.raises(SpecError, match="none with GPUs for linux/arm64"):
        _for("linux/arm64", gpu=1)


def test_other_families_can_be_chosen_from() -> None:
    assert smallest(Resources(), families=["m7i", "m6i"]).type == "ml.m7i.large"
    assert smallest(Resources(), families=["m6i", "m7i"]).type == "ml.m6i.large"


def test_what_fits_nowhere_is_said_with_what_was_asked_for() -> None:
    with pytest.raises(SpecError, match=r"2 vCPU, 1Ti of memory") as caught:
        _for(cpu=2, memory="1Ti")
    assert caught.value.where == "resources"
    assert "config.instance_type" in (caught.value.hint or "")


def test_an_unknown_type_is_taken_by_its_name() -> None:
    assert size_of("ml.p3.2xlarge") is None
    assert "ml.p3.2xlarge" in enum("ProductionVariantInstanceType")
    assert architecture_of("ml.p3.2xlarge") == "linux/amd64"
    assert architecture_of("ml.c9gn.large") == "linux/arm64"
    assert architecture_of("ml.g9.large") == "linux/amd64"


def test_every_type_s_architecture_is_that_of_its_name() -> None:
    for each in known_sizes():
        assert architecture_of(each) == f"linux/{known_sizes()[each].architecture}"
        assert architecture_of(each.replace(".", ".", 1)) == architecture_of(each)


def test_a_named_type_that_is_too_small_does_not_fit() -> None:
    small = size_of("ml.c5.large")
    assert small is not None
    assert not fits(small, Resources(memory="4Gi"))  # type: ignore[arg-type]
    assert fits(small, Resources(memory="3Gi"))  # type: ignore[arg-type]
    assert str(small) == "ml.c5.large (2 vCPU, 4Gi)"
