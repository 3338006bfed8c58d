"""What is ours at Azure ML, and what it is: tags, written by the very call that makes a thing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deployer.endpoint import Release

__all__ = [
    "BETWEEN",
    "LABELS",
    "LONGEST",
    "MOST_LABELS",
    "PREFIX",
    "Marks",
    "Role",
    "labels_of",
    "plain_tags",
    "read_marks",
    "told",
    "usable_label",
]

PREFIX = "deployer."
MANAGED_BY = f"{PREFIX}managed-by"
OWNER = f"{PREFIX}owner"
ENDPOINT = f"{PREFIX}endpoint"
ROLE = f"{PREFIX}role"
REVISION = f"{PREFIX}revision"
RECORDS = f"{PREFIX}records"
"""A digest of where its Record lies, so that whoever keeps Records elsewhere does not take it for nobody's."""
LABELS = f"{PREFIX}labels"
"""Names of the tags that are the spec's labels: others, such as those that a policy of the subscription sets, are not
deployer's to change."""
BETWEEN = "|"
_OURS = "deployer"
LONGEST = 256
"""Characters of a tag's value."""
MOST_LABELS = 40
"""Azure takes 50 tags ("Use tags to organize your Azure resources"); ten are ours."""
_NEVER = re.compile(r"[<>%&\\?/|\x00-\x1f]")
"""In no tag's name, by the same page; but for the bar, which is between the names of labels."""
_TAKEN = ("microsoft", "azure", "windows", "hidden-")
"""Beginnings of names that are Azure's own, by the same page."""


class Role(StrEnum):
    """What a thing is for."""

    ENDPOINT = "endpoint"
    DEPLOYMENT = "deployment"
    ENVIRONMENT = "environment"
    AUTOSCALE = "autoscale"
    MODEL = "model"


@dataclass(frozen=True)
class Marks:
    """Whose a thing is, and what it is for."""

    owner: str
    endpoint: str
    role: Role
    revision: str | None = None
    records: str = ""

    def tags(self, labels: Mapping[str, str] | None = None) -> dict[str, str]:
        """Labels of the spec, and ours."""
        found = {
            **(labels or {}),
            MANAGED_BY: _OURS,
            OWNER: self.owner,
            ENDPOINT: self.endpoint,
            ROLE: self.role.value,
        }
        if self.revision is not None:
            found[REVISION] = self.revision
        if self.records:
            found[RECORDS] = self.records
        if labels:
            found[LABELS] = BETWEEN.join(sorted(labels))
        return found


def read_marks(tags: Mapping[str, str]) -> Marks | None:
    """The marks among a thing's tags, or None when it is not ours. Azure does not tell capitals of names apart."""
    lower = {key.lower(): value for key, value in tags.items()}
    if lower.get(MANAGED_BY) != _OURS or not lower.get(ENDPOINT) or not lower.get(OWNER):
        return None
    try:
        role = Role(lower.get(ROLE, ""))
    except ValueError:
        return None
    return Marks(lower[OWNER], lower[ENDPOINT], role, lower.get(REVISION) or None, lower.get(RECORDS, ""))


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The spec's labels among the tags of a thing of ours."""
    names = next((value for key, value in tags.items() if key.lower() == LABELS), "").split(BETWEEN)
    return {key: value for key, value in tags.items() if key in names}


def plain_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """All tags but ours and Azure's own: what an endpoint that is taken over has for labels."""
    return {key: value for key, value in tags.items() if not key.lower().startswith((PREFIX, *_TAKEN))}


def told(release: Release) -> dict[str, str]:
    """Tags that tell what a deployment is when the Record is lost, as far as a tag can hold it."""
    found = {f"{PREFIX}model": release.model.resolved, f"{PREFIX}digest": release.digest}
    return {key: value for key, value in found.items() if len(value) <= LONGEST}


def usable_label(key: str, value: str) -> bool:
    """Whether Azure takes it as a tag, and it is not one of those that are ours or Azure's own."""
    if not key.strip() or key.lower().startswith((PREFIX, *_TAKEN)) or _NEVER.search(key):
        return False
    return len(key) <= 512 and len(value) <= LONGEST
