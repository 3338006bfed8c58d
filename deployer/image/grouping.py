"""Which wheels make a layer of their own, which share one, and in which order they lie.

An engine shares a layer between images only when all below it are shared too, so what most models have in common lies
lowest: first by a fixed rank, then by name. What is small shares the uppermost layer, since each layer costs a little
wherever it is stored. A further wheel moves no other, but for the one that it may displace from a full image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["MOST_LAYERS", "SMALL", "Sized", "arranged"]

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
    ordered = sorted(wheels, key=_place)
    large = [wheel for wheel in ordered if wheel.size >= SMALL]
    if len(large) > MOST_LAYERS:
        kept = {wheel.name for wheel in sorted(large, key=lambda wheel: (-wheel.size, wheel.name))[:MOST_LAYERS]}
        large = [wheel for wheel in large if wheel.name in kept]
    alone = {wheel.name for wheel in large}
    together = tuple(wheel for wheel in ordered if wheel.name not in alone)
    return (*((wheel,) for wheel in large), *((together,) if together else ()))


def _place(wheel: Sized, ranks: Sequence[str] = _RANK) -> tuple[int, str]:
    return (ranks.index(wheel.name) if wheel.name in ranks else len(ranks)), wheel.name
