"""API keys: their digests, in a volume that the replicas read and read again, so that keys change without a restart."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from deployer.spec import DeploymentSpec
from deployer.target.container import KEYS_FILE
from deployer.target.keyfile import lines_of
from deployer_docker.client import is_missing, told
from deployer_docker.courier import Courier
from deployer_docker.marks import Marks, Role, object_name

__all__ = ["differ", "ensure_keys"]

_PLACE = "/keys"


def differ(
    api: Any, spec: DeploymentSpec, environ: Mapping[str, str], owner: str, any_image: Callable[[], str]
) -> bool:
    """Whether the file says something else than the wish; where there is none, only whether the wish can be written.

    Raises:
        SpecError: A key is neither given nor stored, or is not usable.
    """
    volume = object_name(spec.name, "keys")
    with told("look for the keys", volume):
        try:
            api.inspect_volume(volume)
        except Exception as error:
            if not is_missing(error):
                raise
            lines_of(spec, environ, "")
            return False
    with Courier(api, spec.name, owner, any_image()).open({_PLACE: volume}) as way:
        stored = (way.read(f"{_PLACE}/{KEYS_FILE}") or b"").decode("utf-8", "replace")
    return lines_of(spec, environ, stored) != stored


def ensure_keys(api: Any, spec: DeploymentSpec, owner: str, image: str) -> None:
    """Make the file say what the wish does.

    Raises:
        SpecError: A key is neither given nor stored.
    """
    volume = object_name(spec.name, "keys")
    courier = Courier(api, spec.name, owner, image)
    courier.have_volume(volume, Marks(owner, spec.name, Role.KEYS))
    with courier.open({_PLACE: volume}) as way:
        stored = way.read(f"{_PLACE}/{KEYS_FILE}") or b""
        wished = lines_of(spec, os.environ, stored.decode("utf-8", "replace")).encode()
        if wished != stored:
            way.put(_PLACE, {KEYS_FILE: wished})
