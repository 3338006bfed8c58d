"""Models that their images leave out: copied from an image of their own before the server starts, or in a claim. Pure.

Either way the server reads the model's files when it starts, and serves only if their digest is the revision's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec
from deployer.target import weights_reference
from deployer.target.container import WEIGHTS_FOLDER
from deployer.target.reading import read_config
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesConfig

__all__ = ["Mounted", "are_beside", "mounted_weights", "refused_claim"]

_VOLUME = "weights"
_COPIED_TO = "/weights"


@dataclass(frozen=True)
class Mounted:
    """What a pod has so that its server finds the model.

    Attributes:
        volume: Of the pod.
        mount: Of the server.
        container: Runs before it and copies the model; None when it lies there already.
    """

    volume: dict[str, JSON]
    mount: dict[str, JSON]
    container: dict[str, JSON] | None = None


def mounted_weights(spec: DeploymentSpec, release: Release, config: KubernetesConfig) -> Mounted | None:
    """Of a revision whose image leaves its model out; None for any other."""
    if spec.image.weights != "mount" or release.image is None:
        return None
    claim = config.weights_claim
    if claim is not None:
        place: dict[str, JSON] = {"name": _VOLUME, "mountPath": f"{WEIGHTS_FOLDER}/model", "readOnly": True}
        source = {"claimName": claim.name, "readOnly": True}
        place |= {"subPath": claim.path} if claim.path else {}
        return Mounted({"name": _VOLUME, "persistentVolumeClaim": source}, place)
    container: dict[str, JSON] = {
        "name": _VOLUME,
        "image": weights_reference(release.image.reference, release.model.digest),
        "args": [_COPIED_TO],
        "securityContext": {
            "allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True,
            "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": _VOLUME, "mountPath": _COPIED_TO}],
    }  # fmt: skip
    mount: dict[str, JSON] = {"name": _VOLUME, "mountPath": WEIGHTS_FOLDER, "readOnly": True}
    return Mounted({"name": _VOLUME, "emptyDir": {}}, mount, container)


def are_beside(spec: DeploymentSpec) -> bool:
    """Whether the model of such a wish is pushed as an image of its own."""
    return read_config(spec, KubernetesConfig, "kubernetes").weights_claim is None


def refused_claim(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """A claim that nothing would be read from."""
    try:
        claim = KubernetesConfig.model_validate(spec.config).weights_claim
    except ValidationError:
        return  # told by whoever reads the config
    if claim is not None and spec.image.weights != "mount":
        yield "config.weights_claim", "the model is in the image; give image.weights: mount too, or leave it out"
