"""Images that several tests load."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.image.values import Image
from tests.unit.image.bases import base_of, image_of, layer_of, tar_of


@pytest.fixture
def images(tmp_path: Path) -> tuple[Image, Image]:
    """Two that differ in their weights."""
    base = base_of(tar_of([("a", b"1")]), tar_of([("b", b"2")]))
    wheels = [layer_of(tmp_path, str(number).encode()) for number in range(3)]
    old, new = (layer_of(tmp_path, weights) for weights in (b"old weights", b"new weights"))
    return image_of(base, *wheels, old), image_of(base, *wheels, new)
