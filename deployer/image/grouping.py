"""Which wheels make a layer of their own, which share one, and in which order they lie.

An engine shares a layer between images only when all below it are shared too, so what most models have in common lies
lowest: first by a fixed rank, then by name. What is small shares the uppermost layer, since each layer costs a little
wherever it is stored. A further wheel moves no other, but for the one that it may displace from a full image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["MOST_LAYERS", "SMALL", "Sized", "arranged", "place_of", "settled"]

MOST_LAYERS = 56
"""Of wheels. Engines take 127 layers in all (overlay2; Moby, layer/layer.go, ``maxLayerDepth`` 125); bases have up to
a dozen, and environment, runtime and model follow."""

SMALL = 1 << 20
"""Bytes of a layer below which a wheel shares one."""

_RANK = (
    *("numpy", "pandas", "pydantic-core", "cryptography", "protobuf", "databricks-sdk", "mlflow-skinny"),
    *("opentelemetry-semantic-conventions", "pydantic", "mlflow", "mlflow-tracing", "sqlalchemy", "pyarrow"),
    *("scipy", "scikit-learn", "pillow", "matplotlib", "xgboost", "nvidia-nccl-cu12", "lightgbm", "catboost"),
    *("torch", "torchvision", "tensorflow", "jax", "jaxlib", "onnxruntime", "transformers", "tokenizers"),
)


@dataclass(frozen=True, slots=True)
class Sized:
    """A wheel as a layer of its own would be.

    Attributes:
        name: Of the package, normalised.
        size: Bytes of its layer.
    """

    name: str
    size: int


def arranged(wheels: Iterable[Sized]) -> tuple[tuple[Sized, ...], ...]:
    """The layers from the lowest up, each with its wheels; only the last may have several.

    A function of the set of wheels alone, not of their order.
    """
    ordered = sorted(wheels, key=lambda wheel: place_of(wheel.name))
    large = [wheel for wheel in ordered if wheel.size >= SMALL]
    if len(large) > MOST_LAYERS:
        kept = {wheel.name for wheel in sorted(large, key=lambda wheel: (-wheel.size, wheel.name))[:MOST_LAYERS]}
        large = [wheel for wheel in large if wheel.name in kept]
    alone = {wheel.name for wheel in large}
    together = tuple(wheel for wheel in ordered if wheel.name not in alone)
    return (*((wheel,) for wheel in large), *((together,) if together else ()))


def settled(names: Collection[str], sizes: Mapping[str, int]) -> Iterator[str]:
    """The wheels of the lowest layers, as far as `arranged` will have them so whatever the sizes still unknown are.

    Args:
        names: Of all the packages.
        sizes: Bytes of the layers of those that are made.
    """
    if sum(sizes.get(name, SMALL) >= SMALL for name in names) > MOST_LAYERS:
        return
    for name in sorted(names, key=place_of):
        if name not in sizes:
            return
        if sizes[name] >= SMALL:
            yield name


def place_of(name: str) -> tuple[int, str]:
    """What packages are sorted by, the lowest first."""
    return (_RANK.index(name) if name in _RANK else len(_RANK)), name
