"""Values that tests of images share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from deployer.environment import Lock, LockedWheel
from deployer.image.recipe import BaseIdentity, Recipe
from deployer.image.values import BaseImage, BaseLayer, BaseSource

A, B, C = "a" * 64, "1" * 64, "c" * 64
NUMPY = LockedWheel("numpy", "2.4.6", "numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl", A, 16_900_000)
OWN = LockedWheel("own", "1.0", "own-1.0-py3-none-any.whl", B, path="wheels/own-1.0-py3-none-any.whl")
LOCK = Lock("3.11", "x86_64-manylinux_2_36", (OWN, NUMPY))


class Nowhere(BaseSource):
    """A base of which only the configuration is at hand: assembling needs no more."""

    def open_layer(self, layer: BaseLayer) -> AbstractContextManager[BinaryIO]:
        raise AssertionError("the base's layers are not needed to assemble")


def base_image(config: Mapping[str, Any] | None = None, **fields: Any) -> BaseImage:
    given: dict[str, Any] = {
        "reference": "python:3.11-slim",
        "digest": f"sha256:{A}",
        "manifest": f"sha256:{B}",
        "platform": "linux/amd64",
        "python": "/usr/local/bin/python3.11",
        "python_version": "3.11",
        "glibc": "2.36",
        "config": config or {},
        "layers": (BaseLayer(f"sha256:{C}", "application/vnd.docker.image.rootfs.diff.tar"),),
        "source": Nowhere(),
    }
    return BaseImage(**given | fields)


BASE = BaseIdentity.of(base_image())
RECIPE = Recipe(BASE, LOCK, runtime=B, model=C, bytecode="cpython-3.11.7")
