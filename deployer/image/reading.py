"""The recipe of an image, read from the image alone: from its labels and the lock that lies in it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from deployer.errors import BuildError
from deployer.image.config import LABELS
from deployer.image.lockfile import parse_lock
from deployer.image.places import LOCK
from deployer.image.recipe import Recipe

__all__ = ["FRAME", "lock_layer", "recipe_of"]

FRAME = "environment and lock"
"""What the layer with the lock is called in an image's history."""

_LARGEST = 4_000_000


def lock_layer(config: Mapping[str, Any]) -> str:
    """The ``diff_id`` of the layer that holds the lock.

    Args:
        config: The image's configuration document.

    Raises:
        BuildError: The image is none of ours.
    """
    steps = [step for step in config.get("history") or () if not step.get("empty_layer")]
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or ()
    for step, diff_id in zip(steps, diff_ids, strict=False):
        if step.get("created_by") == f"deployer: {FRAME}":
            return str(diff_id)
    raise _not_ours()


def recipe_of(config: Mapping[str, Any], layer: BinaryIO) -> Recipe:
    """What an image was made of. The base's reference is its digest, since an image does not say where it came from.

    Args:
        config: The image's configuration document.
        layer: The uncompressed layer that `lock_layer` names.

    Raises:
        BuildError: The image is none of ours, or its labels and its lock do not belong together.
        SpecError: Its lock cannot be read.
    """
    labels = (config.get("config") or {}).get("Labels") or {}
    text = _lock_text(layer)
    if labels.get(f"{LABELS}lock") != f"sha256:{hashlib.sha256(text).hexdigest()}":
        raise _not_ours()
    recipe = parse_lock(text.decode("utf-8", "replace"), where=f"/{LOCK}", model=labels.get(f"{LABELS}model"))
    if recipe.digest != labels.get(f"{LABELS}recipe"):
        raise _not_ours()
    return recipe


def _lock_text(layer: BinaryIO) -> bytes:
    try:
        with tarfile.open(fileobj=layer, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name == LOCK and member.isreg() else None
                if content:
                    return content.read(_LARGEST)
    except tarfile.TarError:
        pass
    raise _not_ours()


def _not_ours() -> BuildError:
    return BuildError("the image was not assembled by deployer, or was changed since", hint="build it from its model")
