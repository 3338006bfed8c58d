"""An image's configuration document: what its base says, as far as a child of it says the same, and what is ours.

Source: "OCI Image Configuration" and Docker's "Image Manifest Version 2, Schema 2" (the same document for both).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.image.lockfile import lock_text
from deployer.image.places import PYTHON, RUNTIME, TIME_TEXT, VENV
from deployer.image.recipe import Recipe
from deployer.image.values import BaseImage, Layer
from deployer.value import JSON, canonical

__all__ = ["LABELS", "config_document"]

LABELS = "io.deployer."
"""What all our labels begin with."""

_TAKES_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
"""Tells SageMaker that our server listens where SAGEMAKER_BIND_TO_PORT says: it takes no other image for an endpoint of
several containers (Developer Guide, multi-container-troubleshooting)."""
_USER = "65532:65532"
"""``nonroot``, as distroless images number it; any other works as well."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("ExposedPorts", "Volumes", "Shell")
"""Of the base's settings beside Env: its entry point, command, health check, labels and triggers are another
program's."""
_DROPPED = frozenset({"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"})
"""Variables of the base that would lead the environment's interpreter elsewhere."""


def config_document(recipe: Recipe, base: BaseImage, layers: Sequence[Layer]) -> bytes:
    """The document as canonical JSON.

    Args:
        recipe: What the image is made of.
        base: Whose configuration is inherited.
        layers: Those on it, from the lowest up.
    """
    system, _, architecture = recipe.base.platform.partition("/")
    history = _history(base)
    history += [{"created": TIME_TEXT, "created_by": f"deployer: {layer.what}"} for layer in layers]
    diff_ids = [*(each.diff_id for each in base.layers), *(each.diff_id for each in layers)]
    document: dict[str, JSON] = {
        "architecture": architecture,
        "config": _config(recipe, base.config.get("config") or {}),
        "created": TIME_TEXT,
        "history": history,
        "os": system,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    if variant := base.config.get("variant"):
        document["variant"] = variant
    return canonical(document)


def _config(recipe: Recipe, inherited: Mapping[str, Any]) -> dict[str, JSON]:
    config: dict[str, JSON] = {name: inherited[name] for name in _KEPT if inherited.get(name)}
    config["ExposedPorts"] = {**config.get("ExposedPorts", {}), "8080/tcp": {}}
    return config | {
        "Cmd": ["serve"],
        "Entrypoint": [PYTHON, f"/{RUNTIME}"],
        "Env": _environment(inherited.get("Env") or ()),
        "Labels": _labels(recipe),
        "StopSignal": "SIGTERM",
        "User": _USER,
        "WorkingDir": "/",
    }


def _environment(inherited: Sequence[str]) -> list[str]:
    variables = dict(each.partition("=")[::2] for each in inherited)
    variables = {name: value for name, value in variables.items() if name not in _DROPPED}
    variables["PATH"] = f"/{VENV}/bin:{variables.get('PATH') or _PATH}"
    variables |= {
        "HOME": "/tmp",  # noqa: S108 - the one folder that any user may write to, if there is one
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return [f"{name}={value}" for name, value in variables.items()]


def _labels(recipe: Recipe) -> dict[str, str]:
    short = lock_text(recipe, portable=True).encode()
    facts = {
        "base": recipe.base.digest,
        "bytecode": recipe.bytecode,
        "environment": recipe.environment.digest,
        "lock": f"sha256:{hashlib.sha256(short).hexdigest()}",
        "model": recipe.model,
        "python": recipe.base.python_version,
        "recipe": recipe.digest,
        "runtime": recipe.runtime,
        "weights": recipe.weights,
    }
    return {_TAKES_PORT: "true"} | {LABELS + name: value for name, value in facts.items()}


def _history(base: BaseImage) -> list[JSON]:
    """The base's, if it has one that fits its layers, since readers count on that."""
    found = [each for each in base.config.get("history") or () if isinstance(each, dict)]
    if sum(not each.get("empty_layer") for each in found) == len(base.layers):
        return list(found)
    return [{"created": TIME_TEXT, "created_by": "base image"} for _ in base.layers]
