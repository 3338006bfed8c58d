"""The file of API keys that our server reads: a line for each, its variable's name and the key's digest. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec

__all__ = ["lines_of"]

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
