"""How large the instance types of managed online endpoints are. Data, and nothing more.

Types, families, cores, GPUs and who is free of the reserve of 20 % are those of "Managed online endpoints SKU list"
(learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list); memory is what "Sizes for
virtual machines in Azure" has for the size of that name (learn.microsoft.com/azure/virtual-machines/sizes). Both were
read in November 2026. Types with a part of a GPU are not in it; they, and newer ones, are taken by their names alone.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAMILIES", "Family"]


class Family(NamedTuple):
    """One family of instance types, of which a quota is counted together.

    Attributes:
        quota: As usages and quotas name it.
        sizes: Each as ``NAME CORES GIB``, and the number of GPUs where it has any.
        reserve: Whether Azure wants quota for a fifth more instances than are asked for.
    """

    quota: str
    sizes: str
    reserve: bool = True


FAMILIES: dict[str, Family] = {
    # General purpose
    "DSv2": Family("standardDSv2Family", "DS1_v2 1 3.5, DS2_v2 2 7, DS3_v2 4 14, DS4_v2 8 28, DS5_v2 16 56"),
    "DASv4": Family(
        "standardDASv4Family",
        "D2as_v4 2 8, D4as_v4 4 16, D8as_v4 8 32, D16as_v4 16 64, D32as_v4 32 128, D48as_v4 48 192, D64as_v4 64 256, "
        "D96as_v4 96 384",
    ),
    "DAv4": Family(
        "standardDAv4Family",
        "D2a_v4 2 8, D4a_v4 4 16, D8a_v4 8 32, D16a_v4 16 64, D32a_v4 32 128, D48a_v4 48 192, D64a_v4 64 256, "
        "D96a_v4 96 384",
    ),
    # Compute
    "FSv2": Family(
        "standardFSv2Family",
        "F2s_v2 2 4, F4s_v2 4 8, F8s_v2 8 16, F16s_v2 16 32, F32s_v2 32 64, F48s_v2 48 96, F64s_v2 64 128, "
        "F72s_v2 72 144",
    ),
    "FXMDVS": Family(
        "standardFXMDVSFamily", "FX4mds 4 84, FX12mds 12 252, FX24mds 24 504, FX36mds 36 756, FX48mds 48 1008"
    ),
    # Memory
    "ESv3": Family(
        "standardESv3Family",
        "E2s_v3 2 16, E4s_v3 4 32, E8s_v3 8 64, E16s_v3 16 128, E32s_v3 32 256, E48s_v3 48 384, E64s_v3 64 432",
    ),
    # Storage
    "LSv2": Family(
        "standardLSv2Family",
        "L8s_v2 8 64, L16s_v2 16 128, L32s_v2 32 256, L48s_v2 48 384, L64s_v2 64 512, L80s_v2 80 640",
    ),
    "LSv3": Family(
        "standardLSv3Family",
        "L8s_v3 8 64, L16s_v3 16 128, L32s_v3 32 256, L48s_v3 48 384, L64s_v3 64 512, L80s_v3 80 640",
    ),
    "LASv3": Family(
        "standardLASv3Family",
        "L8as_v3 8 64, L16as_v3 16 128, L32as_v3 32 256, L48as_v3 48 384, L64as_v3 64 512, L80as_v3 80 640",
    ),
    # GPUs
    "NCASv3_T4": Family(
        "standard NCASv3_T4 Family",
        "NC4as_T4_v3 4 28 1, NC8as_T4_v3 8 56 1, NC16as_T4_v3 16 110 1, NC64as_T4_v3 64 440 4",
    ),
    "NVADSA10v5": Family(
        "standardNVADSA10v5Family", "NV36ads_A10_v5 36 440 1, NV36adms_A10_v5 36 880 1, NV72ads_A10_v5 72 880 2"
    ),
    "NCSv2": Family("standardNCSv2Family", "NC6s_v2 6 112 1, NC12s_v2 12 224 2, NC24s_v2 24 448 4"),
    "NCSv3": Family("standardNCSv3Family", "NC6s_v3 6 112 1, NC12s_v3 12 224 2, NC24s_v3 24 448 4"),
    "NCADSA100v4": Family(
        "standardNCADSA100v4Family",
        "NC24ads_A100_v4 24 220 1, NC48ads_A100_v4 48 440 2, NC96ads_A100_v4 96 880 4",
        reserve=False,
    ),
    "NCADSH100v5": Family(
        "standardNCADSH100v5Family", "NC40ads_H100_v5 40 320 1, NC80adis_H100_v5 80 640 2", reserve=False
    ),
    "NDSv2": Family("standardNDSv2Family", "ND40rs_v2 40 672 8", reserve=False),
    "NDASv4_A100": Family("standard NDASv4_A100 Family", "ND96asr_v4 96 900 8", reserve=False),
    "NDAMSv4_A100": Family("standard NDAMSv4_A100Family", "ND96amsr_A100_v4 96 1900 8", reserve=False),
    "NDv5H100": Family("standardNDv5H100Family", "ND96is_H100_v5 96 1900 8, ND96isr_H100_v5 96 1900 8", reserve=False),
}
