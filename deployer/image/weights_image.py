"""A model as an image of its own, for a place that mounts models: the same base, the model, and how it is copied.

What runs it copies its model into the folder that it is given (``docker run IMAGE FOLDER``), by the base's own Python,
a piece at a time: distroless bases have no shell.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from deployer.image.layers import LayerCache
from deployer.image.model_layer import model_layer
from deployer.image.places import MODEL, TIME_TEXT
from deployer.image.values import BaseImage, Image
from deployer.model.progress import OnProgress
from deployer.value import JSON, canonical

__all__ = ["weights_image"]

_COPY = (
    "import shutil, sys; "
    f"shutil.copytree('/{MODEL}', sys.argv[1] + '/model', copy_function=shutil.copyfile, dirs_exist_ok=True)"
)
_USER = "65532:65532"


def weights_image(base: BaseImage, root: Path, model: str, *, cache: Path, progress: OnProgress | None = None) -> Image:
    """The image of a model's folder.

    Args:
        base: What it stands on; has a Python.
        root: The folder; nothing may write to it.
        model: Its digest, in hex.
        cache: Folder on this host, where layers' digests are remembered.
        progress: Told bytes while it is read the first time.

    Raises:
        BuildError: The folder holds another model.
        SpecError: It holds something that may not ship.
    """
    layer = model_layer(root, model, LayerCache(cache / "layers"), progress)
    system, _, architecture = base.platform.partition("/")
    document: dict[str, JSON] = {
        "architecture": architecture,
        "config": {
            "Entrypoint": [base.python, "-I", "-c", _COPY],
            "Labels": {"io.deployer.model": model, "io.deployer.weights": "image"},
            "User": _USER,
            "WorkingDir": "/",
        },
        "created": TIME_TEXT,
        "os": system,
        "rootfs": {"type": "layers", "diff_ids": [*(each.diff_id for each in base.layers), layer.diff_id]},
    }
    if variant := base.config.get("variant"):
        document["variant"] = variant
    config = canonical(document)
    return Image(base, (layer,), config, f"sha256:{hashlib.sha256(config).hexdigest()}")
