"""Which instance type a wish runs on: the one that is named, or the smallest that ``resources`` fit into. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from deployer.errors import SpecError
from deployer.quantity import format_memory
from deployer.spec import Resources
from deployer_azureml.table import FAMILIES

__all__ = ["CHOSEN_FROM", "MACHINE", "RESERVE", "Size", "canonical", "fits", "known_sizes", "size_of", "smallest"]

_GI = 2**30
MACHINE = 2**30
"""Bytes of an instance that its own system is taken to need: beside the machine's, Azure runs containers of its own
(image fetcher, model mount, sidecars) on it, and warns of types with 3.5 GiB and 4 GiB (the SKU list's caution)."""
_UNSAID = 4 * _GI
"""Bytes that a model is taken to need where the spec does not say, so that the default has 7 GiB."""
RESERVE = 1.2
"""Azure wants quota for ``ceil(1.2 * instances)`` of them ("Virtual machine quota allocation for deployment")."""
CHOSEN_FROM = {
    False: ("DSv2", "FSv2", "ESv3", "DASv4"),
    True: ("NCASv3_T4", "NVADSA10v5", "NCADSA100v4", "NCADSH100v5", "NDASv4_A100", "NDAMSv4_A100", "NDv5H100"),
}
"""Whether GPUs are asked for -> the families that are chosen from, where two are equal the first. Quota for DSv2, FSv2
and ESv3 is what new subscriptions have; NCsv2 and NCsv3 retire."""


@dataclass(frozen=True)
class Size:
    """One instance type.

    Attributes:
        type: ``Standard_DS3_v2``.
        family: ``DSv2``, of `FAMILIES`.
        cores: vCPUs, as the quota counts them.
        memory: Bytes.
        gpus: Whole ones.
        reserve: Whether Azure wants quota for a fifth more instances.
    """

    type: str
    family: str
    cores: int
    memory: int
    gpus: int = 0
    reserve: bool = True

    @property
    def quota(self) -> str:
        """The family as quotas name it."""
        return FAMILIES[self.family].quota

    @property
    def weight(self) -> float:
        """A stand-in for its price: on demand, a core of DSv2, FSv2 and ESv3 costs about what ten GiB do."""
        return 10 * self.cores + self.memory / _GI

    def needed(self, count: int) -> int:
        """Cores of quota that so many instances take.

        Args:
            count: Instances of one deployment: each deployment is rounded up by itself.
        """
        instances = math.ceil(round(RESERVE * count, 6)) if self.reserve else count
        return instances * self.cores

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPU{'s' * (self.gpus > 1)}" if self.gpus else ""
        return f"{self.type} ({self.cores} vCPU, {format_memory(self.memory)}{gpus})"


@cache
def known_sizes() -> dict[str, Size]:
    """All types that the shipped table has, by name in lower case: Azure does not tell capitals apart."""
    found = {}
    for family, about in FAMILIES.items():
        for each in about.sizes.split(", "):
            name, cores, memory, *gpus = each.split()
            size = Size(
                f"Standard_{name}", family, int(cores), int(float(memory) * _GI), int(gpus[0]) if gpus else 0,
                about.reserve,
            )  # fmt: skip
            found[size.type.lower()] = size
    return found


def size_of(instance_type: str) -> Size | None:
    """What is known of a type; None for one that the table does not have."""
    return known_sizes().get(instance_type.lower())


def canonical(instance_type: str) -> str:
    """A type's name as Azure's documentation writes it; one that is not known as it is."""
    known = size_of(instance_type)
    return known.type if known is not None else instance_type


def fits(size: Size, resources: Resources) -> bool:
    """Whether one replica that needs so much runs on it, beside the instance's own containers."""
    memory = resources.memory if resources.memory is not None else _UNSAID
    return size.cores >= (resources.cpu or 0) and size.gpus >= resources.gpu and size.memory >= memory + MACHINE


def smallest(resources: Resources, *, families: Iterable[str] = ()) -> Size:
    """The smallest type that fits: by cores and memory; where GPUs are asked for, of the first family that has so few.

    Args:
        resources: What one replica needs.
        families: To choose from, the preferred first; by default `CHOSEN_FROM`.

    Raises:
        SpecError: None fits.
    """
    order = tuple(families) or CHOSEN_FROM[resources.gpu > 0]
    candidates = [each for each in known_sizes().values() if each.family in order and fits(each, resources)]
    if not candidates:
        raise SpecError(
            f"no instance type that is chosen from ({', '.join(order)}) has {_asked(resources)}", where="resources",
            hint="name one: --set config.instance_type=Standard_E64s_v3",
        )  # fmt: skip
    by_family = resources.gpu > 0  # what a GPU is, its price follows
    return min(
        candidates,
        key=lambda each: (
            each.gpus,
            order.index(each.family) if by_family else 0,
            each.weight,
            order.index(each.family),
        ),
    )


def _asked(resources: Resources) -> str:
    said = [
        f"{resources.cpu:g} vCPU" if resources.cpu is not None else "",
        f"{format_memory(resources.memory)} of memory" if resources.memory is not None else "",
        f"{resources.gpu} GPUs" if resources.gpu else "",
    ]
    wished = ", ".join(filter(None, said)) or format_memory(_UNSAID)
    return f"{wished} beside the {format_memory(MACHINE)} of its system"
