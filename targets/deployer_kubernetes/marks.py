"""What is ours in a namespace, and what it is: labels on every object, and the names that follow from them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.spec.model import NAME_PATTERN

__all__ = [
    "BEGUN",
    "ENDPOINT",
    "MANAGED_BY",
    "OWNER",
    "PREFIX",
    "REVISION",
    "ROLE",
    "Marks",
    "Role",
    "marks_of",
    "object_name",
    "read_marks",
    "selector",
    "usable_label",
    "usable_name",
]

PREFIX = "deployer.io/"
MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER = f"{PREFIX}owner"
ENDPOINT = f"{PREFIX}endpoint"
ROLE = f"{PREFIX}role"
REVISION = f"{PREFIX}revision"
BEGUN = f"{PREFIX}begun"
"""Annotation of a Deployment: when a command had all its pods made anew, since they would have waited in vain."""
_OURS = "deployer"
_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_KEY = re.compile(rf"({_DOMAIN}/)?{_PART}")
_VALUE = re.compile(rf"({_PART})?")


class Role(StrEnum):
    """What an object is for."""

    RECORD = "record"
    SERVER = "server"
    """A revision's Deployment, its pods, and what scales it."""
    ENDPOINT = "endpoint"
    """What the endpoint has once: its Service, its ServiceAccount, its budget."""
    GATEWAY = "gateway"
    """Its gateway's Deployment and pods, and what goes with them."""
    ACTIVATOR = "activator"
    """What holds its requests while it sleeps, and what goes with that."""
    SECRETS = "secrets"
    KEYS = "keys"
    PULL = "pull"
    """The login that the nodes pull its image with."""


@dataclass(frozen=True)
class Marks:
    """Whose an object is, and what it is for."""

    owner: str
    endpoint: str
    role: Role
    revision: str | None = None

    def labels(self) -> dict[str, str]:
        """Kubernetes' recommended labels, and ours."""
        found = {
            "app.kubernetes.io/name": self.endpoint,
            "app.kubernetes.io/component": self.role.value,
            MANAGED_BY: _OURS,
            OWNER: self.owner,
            ENDPOINT: self.endpoint,
            ROLE: self.role.value,
        }
        if self.revision is not None:
            found |= {"app.kubernetes.io/version": self.revision, REVISION: self.revision}
        return found


def read_marks(labels: Mapping[str, Any] | None) -> Marks | None:
    """The marks among an object's labels, or None when it is not ours."""
    found = labels or {}
    if found.get(MANAGED_BY) != _OURS or ENDPOINT not in found or OWNER not in found:
        return None
    try:
        role = Role(found.get(ROLE, ""))
    except ValueError:
        return None
    return Marks(found[OWNER], found[ENDPOINT], role, found.get(REVISION))


def marks_of(thing: Mapping[str, Any]) -> Marks | None:
    """The marks that an object carries."""
    return read_marks(thing["metadata"].get("labels"))


def selector(endpoint: str | None = None, role: Role | None = None) -> str:
    """The label selector of what is ours."""
    parts = [f"{MANAGED_BY}={_OURS}"]
    if endpoint is not None:
        parts.append(f"{ENDPOINT}={endpoint}")
    if role is not None:
        parts.append(f"{ROLE}={role.value}")
    return ",".join(parts)


def usable_name(name: str) -> bool:
    """Whether an endpoint can have this name, so that names made of it can be no other endpoint's."""
    return bool(NAME_PATTERN.fullmatch(name))


def object_name(endpoint: str, role: str) -> str:
    """``NAME--role``; an endpoint's name has no two dashes in a row."""
    return f"{endpoint}--{role}"


def usable_label(key: str, value: str) -> bool:
    """Whether Kubernetes takes a label, which is not one of those that are ours."""
    taken = key.startswith((PREFIX, "app.kubernetes.io/")) or key.partition("/")[0].endswith(
        ("kubernetes.io", "k8s.io")
    )
    return not taken and bool(_KEY.fullmatch(key)) and bool(_VALUE.fullmatch(value))
