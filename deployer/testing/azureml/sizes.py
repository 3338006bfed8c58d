"""Sizes of machines that managed online endpoints run on: a part of the documented list, and what they count for."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["SIZES", "Size", "reserved"]


@dataclass(frozen=True)
class Size:
    """A VM size.

    Attributes:
        name: ``Standard_DS3_v2``.
        family: What its quota is told by.
        cores: vCPUs.
        memory: GiB.
        gpus: GPUs.
    """

    name: str
    family: str
    cores: int
    memory: float
    gpus: int = 0


_DSV2, _FSV2, _ESV3 = "standardDSv2Family", "standardFSv2Family", "standardESv3Family"
_LIST = (
    Size("Standard_DS1_v2", _DSV2, 1, 3.5),
    Size("Standard_DS2_v2", _DSV2, 2, 7),
    Size("Standard_DS3_v2", _DSV2, 4, 14),
    Size("Standard_DS4_v2", _DSV2, 8, 28),
    Size("Standard_DS5_v2", _DSV2, 16, 56),
    Size("Standard_F2s_v2", _FSV2, 2, 4),
    Size("Standard_F4s_v2", _FSV2, 4, 8),
    Size("Standard_F8s_v2", _FSV2, 8, 16),
    Size("Standard_F16s_v2", _FSV2, 16, 32),
    Size("Standard_F32s_v2", _FSV2, 32, 64),
    Size("Standard_F48s_v2", _FSV2, 48, 96),
    Size("Standard_F64s_v2", _FSV2, 64, 128),
    Size("Standard_F72s_v2", _FSV2, 72, 144),
    Size("Standard_E2s_v3", _ESV3, 2, 16),
    Size("Standard_E4s_v3", _ESV3, 4, 32),
    Size("Standard_E8s_v3", _ESV3, 8, 64),
    Size("Standard_E16s_v3", _ESV3, 16, 128),
    Size("Standard_E32s_v3", _ESV3, 32, 256),
    Size("Standard_E48s_v3", _ESV3, 48, 384),
    Size("Standard_E64s_v3", _ESV3, 64, 432),
    Size("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28, 1),
    Size("Standard_NC8as_T4_v3", "Standard NCASv3_T4 Family", 8, 56, 1),
    Size("Standard_NC16as_T4_v3", "Standard NCASv3_T4 Family", 16, 110, 1),
    Size("Standard_NC64as_T4_v3", "Standard NCASv3_T4 Family", 64, 440, 4),
    Size("Standard_NC6s_v3", "standardNCSv3Family", 6, 112, 1),
    Size("Standard_NC12s_v3", "standardNCSv3Family", 12, 224, 2),
    Size("Standard_NC24s_v3", "standardNCSv3Family", 24, 448, 4),
    Size("Standard_NC24ads_A100_v4", "StandardNCADSA100v4Family", 24, 220, 1),
    Size("Standard_NC48ads_A100_v4", "StandardNCADSA100v4Family", 48, 440, 2),
    Size("Standard_NC96ads_A100_v4", "StandardNCADSA100v4Family", 96, 880, 4),
)

SIZES = {each.name.lower(): each for each in _LIST}
"""By name in lower case. Documented: Managed online endpoints SKU list."""


def reserved(size: Size, count: int) -> int:
    """The vCPUs that so many instances count for (documented: 20% of the instances are reserved for upgrades)."""
    return math.ceil(1.2 * count) * size.cores
