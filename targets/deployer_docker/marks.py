"""What is ours on an engine, and what it is: labels on every object, and the names that follow from them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.spec.model import NAME_PATTERN

__all__ = [
    "ENDPOINT",
    "MANAGED",
    "PREFIX",
    "ROLE",
    "Marks",
    "Role",
    "belongs_by_name",
    "filters",
    "image_tag",
    "object_name",
    "read_marks",
    "read_tag",
    "usable_name",
]

PREFIX = "io.deployer."
MANAGED = f"{PREFIX}managed"
OWNER = f"{PREFIX}owner"
ENDPOINT = f"{PREFIX}endpoint"
ROLE = f"{PREFIX}role"
REVISION = f"{PREFIX}revision"
REPOSITORY = "deployer.local"
"""No registry has this name, so that nobody pulls or pushes there by mistake."""
_TAG = re.compile(rf"{re.escape(REPOSITORY)}/(?P<endpoint>[a-z0-9-]+):(?P<revision>r[0-9a-f]{{7}})")


class Role(StrEnum):
    """What an object is for."""

    BIRTH = "birth"
    RECORD = "record"
    NETWORK = "network"
    EDGE = "edge"
    GATEWAY = "gateway"
    REPLICA = "replica"
    ADOPTED = "adopted"
    """What a container that somebody else made would carry as labels, were it ours."""
    SECRETS = "secrets"
    """All values of an endpoint's secrets; mounted by nothing that runs."""
    KEYS = "keys"
    """Digests of the API keys."""
    GIVEN = "given-secrets"
    """Those that one revision takes."""
    COURIER = "courier"
    """A container that is never started: files go through it into a volume."""


@dataclass(frozen=True)
class Marks:
    """Whose an object is, and what it is for."""

    owner: str
    endpoint: str
    role: Role
    revision: str | None = None

    def labels(self, **more: str) -> dict[str, str]:
        """As labels; names of ``more`` are put behind our prefix."""
        own = {MANAGED: "true", OWNER: self.owner, ENDPOINT: self.endpoint, ROLE: self.role.value}
        if self.revision is not None:
            own[REVISION] = self.revision
        return {**own, **{f"{PREFIX}{name}": value for name, value in more.items()}}


def read_marks(labels: Mapping[str, Any] | None) -> Marks | None:
    """The marks that an object carries, or None when it is not ours."""
    found = labels or {}
    if found.get(MANAGED) != "true" or ENDPOINT not in found or OWNER not in found:
        return None
    try:
        role = Role(found.get(ROLE, ""))
    except ValueError:
        return None
    return Marks(found[OWNER], found[ENDPOINT], role, found.get(REVISION))


def filters(endpoint: str | None = None, *roles: Role) -> dict[str, list[str]]:
    """The engine's filter for what is ours; it ands labels, so that there is at most one role."""
    wanted = [f"{MANAGED}=true"]
    if endpoint is not None:
        wanted.append(f"{ENDPOINT}={endpoint}")
    wanted += [f"{ROLE}={role.value}" for role in roles]
    return {"label": wanted}


def usable_name(name: str) -> bool:
    """Whether an endpoint can have this name, so that names made of it can be no other endpoint's."""
    return bool(NAME_PATTERN.fullmatch(name))


def object_name(endpoint: str, role: str) -> str:
    """``NAME--role``; an endpoint's name has no two dashes in a row."""
    return f"{endpoint}--{role}"


def belongs_by_name(name: str, endpoint: str) -> bool:
    """Whether an object's name is the endpoint's, or one that we would make of it."""
    return name == endpoint or name.startswith(f"{endpoint}--")


def image_tag(endpoint: str, revision: str) -> tuple[str, str]:
    """Repository and tag by which a revision holds on to its image, so that the engine counts who needs it."""
    return f"{REPOSITORY}/{endpoint}", revision


def read_tag(reference: str) -> tuple[str, str] | None:
    """The endpoint and the revision that a tag of ours names."""
    match = _TAG.fullmatch(reference)
    return (match["endpoint"], match["revision"]) if match else None
