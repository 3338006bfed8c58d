"""Which instance type a wish runs on: the one that is named, or the smallest that ``resources`` fit into. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from deployer.errors import SpecError
from deployer.quantity import format_memory
from deployer.spec import Resources
from deployer_sagemaker.table import FAMILIES

__all__ = [
    "CHOSEN_FROM",
    "MACHINE",
    "SERVERLESS",
    "Size",
    "architecture_of",
    "fits",
    "known_sizes",
    "size_of",
    "smallest",
]

SERVERLESS = "serverless"
"""In the place of an instance type, where there are no instances."""

_GI = 2**30
MACHINE = 512 * 2**20
"""Bytes of an instance that its own system is taken to need (ours: AWS tells no number)."""
_UNSAID = 4 * _GI
"""Bytes that a model is taken to need where the spec does not say; so that the default is ml.m5.large."""
CHOSEN_FROM = {
    ("amd64", False): ("c5", "m5", "r5"),
    ("arm64", False): ("c6g", "m6g", "r6g"),
    ("amd64", True): ("g4dn", "g5", "g6", "g6e", "p4d", "p5"),
}
"""Architecture, and whether GPUs are asked for -> the families that are chosen from, where two are equal the first.
Of each generation the one that most regions and new accounts have; others by ``config.families`` or by name."""


@dataclass(frozen=True)
class Size:
    """One instance type.

    Attributes:
        type: ``ml.m5.large``.
        cpu: vCPUs.
        memory: Bytes.
        gpus: Whole ones.
        architecture: ``amd64`` or ``arm64``.
        disk: Whether it has a local disk.
    """

    type: str
    cpu: int
    memory: int
    gpus: int = 0
    architecture: str = "amd64"
    disk: bool = False

    @property
    def family(self) -> str:
        """``m5``."""
        return self.type.split(".")[1]

    @property
    def weight(self) -> float:
        """A stand-in for its price: on demand, a vCPU of c5, m5 and r5 costs about what ten GiB do."""
        return 10 * self.cpu + self.memory / _GI

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPU{'s' * (self.gpus > 1)}" if self.gpus else ""
        return f"{self.type} ({self.cpu} vCPU, {format_memory(self.memory)}{gpus})"


@cache
def known_sizes() -> dict[str, Size]:
    """All types that the shipped table has, by name."""
    found = {}
    for family, about in FAMILIES.items():
        for each in about.sizes.split(", "):
            name, cpu, memory, *gpus = each.split()
            size = Size(
                f"ml.{family}.{name}", int(cpu), int(float(memory) * _GI), int(gpus[0]) if gpus else 0,
                about.architecture, about.disk,
            )  # fmt: skip
            found[size.type] = size
    return found


def size_of(instance_type: str) -> Size | None:
    """What is known of a type; None for one that the table does not have."""
    return known_sizes().get(instance_type)


def architecture_of(instance_type: str) -> str:
    """``linux/amd64`` or ``linux/arm64``; of a type that the table does not have, by its family's name.

    AWS names Graviton's families by a ``g`` behind the generation (m6g, c7gn, r7gd).
    """
    known = size_of(instance_type)
    if known is not None:
        return f"linux/{known.architecture}"
    family = instance_type.split(".")[1] if instance_type.count(".") == 2 else ""
    behind = family.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789")
    return "linux/arm64" if behind.startswith("g") else "linux/amd64"


def fits(size: Size, resources: Resources) -> bool:
    """Whether one replica that needs so much runs on it, beside the instance's own system."""
    memory = resources.memory if resources.memory is not None else _UNSAID
    return size.cpu >= (resources.cpu or 0) and size.gpus >= resources.gpu and size.memory >= memory + MACHINE


def smallest(resources: Resources, *, platform: str = "linux/amd64", families: Iterable[str] = ()) -> Size:
    """The smallest type that fits: by vCPUs and memory; where GPUs are asked for, of the first family that has so few.

    Args:
        resources: What one replica needs.
        platform: What the image is for.
        families: To choose from, the preferred first; by default `CHOSEN_FROM`.

    Raises:
        SpecError: None fits.
    """
    architecture = platform.partition("/")[2]
    order = tuple(families) or CHOSEN_FROM.get((architecture, resources.gpu > 0), ())
    candidates = [
        each for each in known_sizes().values()
        if each.family in order and each.architecture == architecture and fits(each, resources)
    ]  # fmt: skip
    if not candidates:
        raise SpecError(
            f"no instance type that is chosen from ({', '.join(order) or f'none with GPUs for {platform}'}) has "
            f"{_asked(resources)}",
            where="resources", hint="name one: --set config.instance_type=ml.m7i.48xlarge",
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
    return (
        f"{', '.join(filter(None, said)) or format_memory(_UNSAID)} beside the {format_memory(MACHINE)} of its system"
    )
