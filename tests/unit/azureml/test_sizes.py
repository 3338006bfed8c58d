"""Instance types."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import SpecError
from deployer.spec import Resources
from deployer_azureml.sizes import CHOSEN_FROM, canonical, fits, known_sizes, size_of, smallest
from deployer_azureml.table import FAMILIES


def test_the_table_is_whole() -> None:
    sizes = known_sizes()
    assert len(sizes) == sum(len(each.sizes.split(", ")) for each in FAMILIES.values())
    assert all(each.cores >= 1 and each.memory >= 2**30 for each in sizes.values())
    assert {family for families in CHOSEN_FROM.values() for family in families} <= set(FAMILIES)
    assert {each.family for each in sizes.values() if each.gpus} >= set(CHOSEN_FROM[True])


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({}, "Standard_DS2_v2"),
        ({"memory": "1Gi"}, "Standard_DS1_v2"),
        ({"cpu": 2, "memory": "3Gi"}, "Standard_F2s_v2"),
        ({"cpu": 4}, "Standard_F4s_v2"),
        ({"memory": "10Gi"}, "Standard_E2s_v3"),
        ({"cpu": 3, "memory": "12Gi"}, "Standard_DS3_v2"),
        ({"cpu": 80}, "Standard_D96as_v4"),
        ({"gpu": 1}, "Standard_NC4as_T4_v3"),
        ({"gpu": 2}, "Standard_NV72ads_A10_v5"),
        ({"gpu": 4, "memory": "500Gi"}, "Standard_NC96ads_A100_v4"),
        ({"gpu": 8}, "Standard_ND96asr_v4"),
    ],
)
def test_the_smallest_that_fits(asked: dict[str, Any], chosen: str) -> None:
    found = smallest(Resources(**asked))
    assert found.type == chosen
    assert fits(found, Resources(**asked))


def test_no_chosen_type_is_larger_than_one_that_fits_too() -> None:
    for cpu in (1, 2, 5, 9, 33):
        for memory in (1, 5, 20, 100, 300):
            asked = Resources(cpu=cpu, memory=memory * 2**30)
            found = smallest(asked)
            others = [
                each for each in known_sizes().values() if each.family in CHOSEN_FROM[False] and fits(each, asked)
            ]
            assert found.weight == min(each.weight for each in others)


def test_families_and_what_fits_into_none() -> None:
    assert smallest(Resources(), families=("ESv3",)).type == "Standard_E2s_v3"
    with pytest.raises(SpecError, match=r"has 500 vCPU, 1Gi of memory beside the 1Gi of its system"):
        smallest(Resources(cpu=500, memory=2**30))
    with pytest.raises(SpecError, match="16 GPUs"):
        smallest(Resources(gpu=16))
    with pytest.raises(SpecError, match="has 4Gi beside"):
        smallest(Resources(), families=("nothing",))


@pytest.mark.parametrize(
    ("kind", "count", "cores"),
    [
        ("Standard_DS3_v2", 1, 8),  # of which a free subscription has 6
        ("Standard_DS3_v2", 5, 24),
        ("Standard_DS3_v2", 10, 48),  # Microsoft's own example
        ("Standard_DS3_v2", 11, 56),
        ("Standard_F4s_v2", 50, 240),
        ("Standard_NC24ads_A100_v4", 1, 24),
        ("Standard_ND96isr_H100_v5", 3, 288),
        ("Standard_NC4as_T4_v3", 2, 12),
    ],
)
def test_quota_has_a_reserve(kind: str, count: int, cores: int) -> None:
    size = size_of(kind)
    assert size is not None
    assert size.needed(count) == cores


def test_names_are_told_apart_by_letters_alone() -> None:
    assert str(size_of("STANDARD_DS3_V2")) == "Standard_DS3_v2 (4 vCPU, 14Gi)"
    assert str(size_of("standard_nc64as_t4_v3")) == "Standard_NC64as_T4_v3 (64 vCPU, 440Gi, 4 GPUs)"
    assert canonical("standard_nv36ADS_a10_v5") == "Standard_NV36ads_A10_v5"
    assert size_of("Standard_NV6ads_A10_v5") is None
