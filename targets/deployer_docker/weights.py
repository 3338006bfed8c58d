"""Models that their images leave out, each in a volume of its own: filled once, and mounted by whoever serves it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from deployer.errors import BuildError, Conflict, DeployerError
from deployer.target import WeightStore
from deployer.target.container import WEIGHTS_FOLDER
from deployer_docker.archives import archive
from deployer_docker.client import is_missing, status_of, told
from deployer_docker.marks import MANAGED, PREFIX, ROLE, object_name
from deployer_docker.removing import remove_container
from deployer_docker.requests import courier_body, weights_volume

__all__ = ["VolumeWeights", "kept_weights", "model_of"]

WEIGHTS = "weights"
"""The role in a volume's labels; it is no endpoint's."""
MODEL = f"{PREFIX}model"
WHOLE = ".whole"
"""The file beside the model's folder that is written last."""


class VolumeWeights(WeightStore):
    """An engine's volumes with models.

    Args:
        api: docker-py's low-level client, which waits long enough for files to be written.
        endpoint: For whom models are put here; its name is on what is made on the way.
        owner: Its owner.
        any_image: An image that the engine has; nothing of it is run.
    """

    def __init__(self, api: Callable[[], Any], endpoint: str, owner: str, any_image: Callable[[], str]) -> None:
        self._connect = api
        self._endpoint = endpoint
        self._owner = owner
        self._any_image = any_image

    def has(self, model: str) -> bool:
        """As the contract says."""
        api, name = self._connect(), weights_volume(model)
        with told("look for the weights", name):
            try:
                api.inspect_volume(name)
            except Exception as error:
                if is_missing(error):
                    return False
                raise
        with self._reached(api, name, self._any_image()) as container, told("look for the weights", name):
            try:
                api.get_archive(container, f"{WEIGHTS_FOLDER}/{WHOLE}")
            except Exception as error:
                if is_missing(error):
                    return False
                raise
        return True

    def put(self, model: str, image: str, archive: Iterable[bytes]) -> None:
        """As the contract says."""
        api, name = self._connect(), weights_volume(model)
        with suppress(DeployerError), told("remove what was broken off", name):
            api.remove_volume(name)  # else it is written over: somebody has it mounted
        labels = {MANAGED: "true", ROLE: WEIGHTS, MODEL: model}
        with told("make a volume", name):
            made = api.create_volume(name, driver="local", labels=labels)
        if model_of(made) != model:
            raise Conflict(f"the engine has a volume {name} that deployer did not make", where=name)
        with self._reached(api, name, image) as container, told("store the weights", name):
            try:
                api.put_archive(container, WEIGHTS_FOLDER, iter(archive))
                api.put_archive(container, WEIGHTS_FOLDER, _marker())
            except Exception as error:
                if status_of(error) in (400, 403):
                    raise BuildError(f"the engine does not store the weights: {error}", where=name) from error
                raise

    @contextmanager
    def _reached(self, api: Any, volume: str, image: str) -> Iterator[str]:
        """A container that is never started, with the volume in it."""
        body = courier_body(self._endpoint, self._owner, image, {WEIGHTS_FOLDER: volume})
        name = object_name(self._endpoint, f"courier-{uuid.uuid4().hex[:8]}")
        with told("reach a volume", volume):
            made = str(api.create_container_from_config(body, name)["Id"])
        try:
            yield made
        finally:
            remove_container(api, made)


def _marker() -> bytes:
    return archive({WHOLE: b""})


def model_of(volume: Any) -> str | None:
    """The digest of the model that a volume is for, as the engine tells its labels; None for any other volume."""
    labels = volume.get("Labels") or {}
    ours = labels.get(MANAGED) == "true" and labels.get(ROLE) == WEIGHTS
    return str(labels[MODEL]) if ours and MODEL in labels else None


def kept_weights(api: Any) -> list[Any]:
    """All volumes with models."""
    with told("look at the weights"):
        found = api.volumes(filters={"label": [f"{MANAGED}=true", f"{ROLE}={WEIGHTS}"]})["Volumes"] or []
    return [each for each in found if model_of(each) is not None]
