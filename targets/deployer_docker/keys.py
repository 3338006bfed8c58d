"""API keys: their digests, in a volume that the replicas read and read again, so that keys change without a restart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer_docker.client import is_missing, told
from deployer_docker.courier import Courier
from deployer_docker.marks import Marks, Role, object_name
from deployer_docker.requests import KEYS_FILE

__all__ = ["differ", "ensure_keys", "lines_of"]

_PLACE = "/keys"
SHORTEST, LONGEST = 16, 512
"""Characters of a key; the server reads no longer ones."""


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
            _check_key(value, name, f"auth.api_keys.{number}")
            lines.append(f"{name} sha256:{hashlib.sha256(value.encode()).hexdigest()}")
        elif name in known:
            lines.append(known[name])
        else:
            raise SpecError(
                f"the variable {name} is not set, and no key of that name is stored", where=f"auth.api_keys.{number}",
                hint=f"export {name}=...",
            )  # fmt: skip
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _check_key(value: str, name: str, where: str) -> None:
    """A key that no client could send, or that can be guessed, is refused before it is stored."""
    if value != value.strip() or not value.isprintable() or not value.isascii():
        reason = "has spaces at its ends, or signs that no header carries"
    elif not SHORTEST <= len(value) <= LONGEST:
        reason = f"has {len(value)} characters, not {SHORTEST} to {LONGEST}"
    else:
        return
    raise SpecError(f"the key in {name} {reason}", where=where, hint=f"export {name}=$(openssl rand -hex 24)")


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
