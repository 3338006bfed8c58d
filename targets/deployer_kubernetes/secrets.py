"""Secret values and API keys, as Secrets of the namespace."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any

from deployer.errors import BuildError
from deployer.spec import DeploymentSpec
from deployer.target.container import KEYS_FILE
from deployer.target.keyfile import lines_of
from deployer.value import JSON
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.marks import Marks, Role, marks_of
from deployer_kubernetes.requests import keys_name, secrets_name
from deployer_kubernetes.writing import Hand

__all__ = ["ensure_keys", "ensure_stored", "holds", "keep", "keys_differ"]


def _stored(thing: Any | None) -> dict[str, bytes]:
    if thing is None or marks_of(thing) is None:
        return {}
    return {name: base64.b64decode(value) for name, value in (thing.get("data") or {}).items()}


def _document(name: str, marks: Marks, values: Mapping[str, bytes]) -> dict[str, JSON]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "labels": marks.labels()},
        "data": {key: base64.b64encode(value).decode() for key, value in sorted(values.items())},
    }


def holds(cluster: Cluster, endpoint: str, name: str, number: int, value: str) -> bool:
    """Whether the stored value is this one, compared in constant time."""
    stored = _stored(cluster.get("Secret", secrets_name(endpoint))).get(f"{name}.{number}")
    return stored is not None and hmac.compare_digest(stored, value.encode())


def keep(hand: Hand, owner: str, endpoint: str, values: Mapping[tuple[str, int], str]) -> None:
    """Store values beside those that are there."""
    name = secrets_name(endpoint)
    found = hand.find("Secret", name)
    given = {f"{each}.{number}": value.encode() for (each, number), value in values.items()}
    hand.ensure(_document(name, Marks(owner, endpoint, Role.SECRETS), {**_stored(found), **given}), found)


def ensure_stored(cluster: Cluster, endpoint: str, numbers: Mapping[str, int]) -> None:
    """Make sure that a revision finds its secrets: the kubelet would only wait for them.

    Raises:
        BuildError: A value is not stored.
    """
    if not numbers:
        return
    stored = _stored(cluster.get("Secret", secrets_name(endpoint)))
    for name, number in numbers.items():
        if f"{name}.{number}" not in stored:
            raise BuildError(
                f"the value of the secret {name} (number {number}) is not stored", where=endpoint,
                hint=f"set its variable and run the command again: {name} is read from the environment",
            )  # fmt: skip


def _key_lines(thing: Any | None) -> str:
    return _stored(thing).get(KEYS_FILE, b"").decode("utf-8", "replace")


def keys_differ(cluster: Cluster, spec: DeploymentSpec, environ: Mapping[str, str]) -> bool:
    """Whether the file says something else than the wish; where there is none, only whether the wish can be written.

    Raises:
        SpecError: A key is neither given nor stored, or is not usable.
    """
    found = cluster.get("Secret", keys_name(spec.name))
    stored = _key_lines(found)
    wished = lines_of(spec, environ, stored)
    return found is not None and wished != stored


def ensure_keys(hand: Hand, spec: DeploymentSpec, owner: str, environ: Mapping[str, str]) -> None:
    """Make the file say what the wish does; the kubelet carries it into the pods, which read it again.

    Raises:
        SpecError: A key is neither given nor stored.
    """
    name = keys_name(spec.name)
    found = hand.find("Secret", name)
    wished = lines_of(spec, environ, _key_lines(found))
    hand.ensure(_document(name, Marks(owner, spec.name, Role.KEYS), {KEYS_FILE: wished.encode()}), found)
