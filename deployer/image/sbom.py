"""An image's bill of materials, made from its recipe: CycloneDX 1.6 as JSON (ECMA-424).

It has neither date nor random number, so that equal recipes have equal bills. What the base image holds is not listed
one by one: it is named by its digest, as a component.
"""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote

from deployer.environment import LockedWheel
from deployer.image.recipe import Recipe
from deployer.value import JSON

__all__ = ["sbom"]

_NAMESPACE = uuid.UUID("6f3f2a52-6c0c-5c0e-9b0e-6a3a1f0d6f11")


def sbom(recipe: Recipe, *, model: bool = True) -> bytes:
    """The bill as JSON.

    Args:
        recipe: What the image is made of.
        model: Whether the model is listed; not in the bill that the image itself holds, which many models share.
    """
    identity = recipe.digest if model else recipe.environment_digest
    wheels = [_wheel(wheel) for wheel in recipe.environment.wheels]
    parts: list[JSON] = [
        _base(recipe),
        _own("application", "deployer-serving", recipe.runtime),
        *([_own("machine-learning-model", "model", recipe.model)] if model else ()),
        *wheels,
    ]
    document: JSON = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "deployer"}]},
            "component": {
                "type": "container",
                "bom-ref": f"recipe:{identity}",
                "name": "model-image",
                "version": identity[:12],
                "properties": [
                    {"name": "deployer:recipe", "value": identity},
                    {"name": "deployer:platform", "value": recipe.base.platform},
                    {"name": "deployer:python", "value": recipe.base.python_version},
                    {"name": "deployer:bytecode", "value": recipe.bytecode},
                ],
            },
        },
        "components": parts,
        "dependencies": [
            {"ref": f"recipe:{identity}", "dependsOn": sorted(part["bom-ref"] for part in parts)},
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _wheel(wheel: LockedWheel) -> JSON:
    purl = f"pkg:pypi/{quote(wheel.name, safe='')}@{quote(wheel.version, safe='')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": wheel.version,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "purl": purl,
        "properties": [{"name": "deployer:wheel", "value": wheel.filename}],
    }


def _base(recipe: Recipe) -> JSON:
    sha256 = recipe.base.digest.removeprefix("sha256:")
    return {
        "type": "container",
        "bom-ref": f"base:{sha256}",
        "name": "base-image",
        "version": recipe.base.digest,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }


def _own(kind: str, name: str, sha256: str) -> JSON:
    return {
        "type": kind,
        "bom-ref": f"{name}:{sha256}",
        "name": name,
        "version": sha256[:12],
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }
