"""API keys: their digests, in a volume that the replicas read and read again, so that keys change without a restart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer_docker.courier import Courier
from deployer_docker.marks import Marks, Role, object_name
from deployer_docker.requests import KEYS_FILE

__all__ = ["ensure_keys", "lines_of"]

_PLACE = "/keys"


def lines_of(spec: DeploymentSpec, environ: Mapping[str, str], stored: str) -> str:
    """The file: a line for each key, named by its variable. Pure.

    Args:
        spec: The wish.
        environ: Where the keys are read; what is unset keeps the line that it has.
        stored: The file as it is.

    Raises:
        SpecError: A key is neither given nor stored.
    """
    known = {line.split(" ", 1)[0]: line for line in stored.splitlines() if " " in line}
    lines = []
    for number, key in enumerate(spec.auth.api_keys):
        name = key.env or ""
        value = environ.get(name, "")
        if value:
            lines.append(f"{name} sha256:{hashlib.sha256(value.encode()).hexdigest()}")
        elif name in known:
            lines.append(known[name])
        else:
            raise SpecError(
                f"the variable {name} is not set, and no key of that name is stored", where=f"auth.api_keys.{number}",
                hint=f"export {name}=...",
            )  # fmt: skip
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


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
