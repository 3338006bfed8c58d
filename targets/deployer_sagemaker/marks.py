"""What is ours at SageMaker, and what it is: tags, written by the very call that makes a thing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.endpoint import Release, Traffic

__all__ = [
    "MOST_LABELS",
    "PREFIX",
    "RECORDS",
    "Asked",
    "Marks",
    "Role",
    "State",
    "as_tags",
    "labels_of",
    "read_marks",
    "shares_of",
    "shares_text",
    "tags_of",
    "told",
    "usable_label",
]

PREFIX = "deployer:"
MANAGED_BY = f"{PREFIX}managed-by"
OWNER = f"{PREFIX}owner"
ENDPOINT = f"{PREFIX}endpoint"
ROLE = f"{PREFIX}role"
REVISION = f"{PREFIX}revision"
STATE = f"{PREFIX}state"
TRAFFIC = f"{PREFIX}traffic"
ASKED = f"{PREFIX}asked"
RECORDS = f"{PREFIX}records"
"""A digest of where its Record lies, so that whoever keeps Records elsewhere does not take it for nobody's."""
_OURS = "deployer"
MOST_LABELS = 40
"""AWS takes 50 tags; ten are ours."""
_TEXT = r"[^\W_]|[\s_.:/=+\-@]"
_KEY = re.compile(rf"({_TEXT}){{1,128}}")
_VALUE = re.compile(rf"({_TEXT}){{0,256}}")
"""Letters, digits, spaces and these signs, of any language (botocore: TagKey, TagValue)."""


class Role(StrEnum):
    """What a thing is for."""

    ENDPOINT = "endpoint"
    """The endpoint that clients ask."""
    VERIFY = "verify"
    """The endpoint of one instance on which a revision is verified, and its configuration."""
    CONFIG = "config"
    MODEL = "model"
    REPOSITORY = "repository"


class State(StrEnum):
    """Of an endpoint configuration."""

    STAGED = "staged"
    KEPT = "kept"
    """Retired, and left for a rollback, by us or by hand."""


@dataclass(frozen=True)
class Asked:
    """Which configuration an endpoint was asked to go to last; written before it is asked.

    Attributes:
        config: Its name.
        before: The endpoint's LastModifiedTime as it was then, seconds since the epoch. As long as it has not moved,
            the request was not sent, or is not seen yet; AWS's own clock alone is compared with itself.
    """

    config: str
    before: float

    def text(self) -> str:
        """As a tag's value: ``iris--r1a2b3c4--0a1b2c3d@1764386040.123``."""
        return f"{self.config}@{self.before:.3f}"

    @classmethod
    def read(cls, text: str) -> Asked | None:
        """The opposite of `text`; None for what nobody of ours wrote."""
        config, _, before = text.partition("@")
        try:
            return cls(config, float(before))
        except ValueError:
            return None


@dataclass(frozen=True)
class Marks:
    """Whose a thing is, and what it is for."""

    owner: str
    endpoint: str
    role: Role
    revision: str | None = None
    state: State | None = None
    traffic: str | None = None
    """What an endpoint's traffic was asked to be last (`shares_text`); None: it was never released."""
    asked: Asked | None = None
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
        if self.state is not None:
            found[STATE] = self.state.value
        if self.traffic is not None:
            found[TRAFFIC] = self.traffic
        if self.asked is not None:
            found[ASKED] = self.asked.text()
        if self.records:
            found[RECORDS] = self.records
        return found


def read_marks(tags: Mapping[str, str]) -> Marks | None:
    """The marks among a thing's tags, or None when it is not ours."""
    if tags.get(MANAGED_BY) != _OURS or not tags.get(ENDPOINT) or not tags.get(OWNER):
        return None
    try:
        role = Role(tags.get(ROLE, ""))
        state = State(tags[STATE]) if STATE in tags else None
    except ValueError:
        return None
    asked = Asked.read(tags[ASKED]) if ASKED in tags else None
    return Marks(
        tags[OWNER], tags[ENDPOINT], role, tags.get(REVISION), state, tags.get(TRAFFIC) or None, asked,
        tags.get(RECORDS, ""),
    )  # fmt: skip


def shares_text(traffic: Traffic) -> str:
    """A wish as a tag's value: ``r1a2b3c4=90+r5d6e7f8=10``."""
    return "+".join(f"{revision}={percent}" for revision, percent in sorted(traffic.items()))


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The spec's labels among a thing's tags; AWS's own (``aws:``) are nobody's."""
    return {key: value for key, value in tags.items() if not key.startswith((PREFIX, "aws:"))}


def told(release: Release) -> dict[str, str]:
    """Tags that tell what a model is when the Record is lost, as far as a tag can hold it."""
    found = {f"{PREFIX}model": release.model.resolved, f"{PREFIX}digest": release.digest}
    return {key: value for key, value in found.items() if _VALUE.fullmatch(value)}


def usable_label(key: str, value: str) -> bool:
    """Whether AWS takes it as a tag, and it is not one of those that are ours or AWS's own."""
    taken = key.lower().startswith(("aws:", PREFIX))
    return not taken and bool(_KEY.fullmatch(key)) and bool(_VALUE.fullmatch(value))


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As SageMaker takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tags_of(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """From what ListTags answers."""
    return {str(each["Key"]): str(each.get("Value", "")) for each in listed}


def shares_of(weights: Sequence[tuple[str, float]]) -> dict[str, int]:
    """Weights of revisions as whole percent that sum to 100 (the largest takes what rounding leaves); {} for none."""
    whole = sum(weight for _, weight in weights)
    if whole <= 0:
        return {}
    found: dict[str, int] = {}
    for revision, weight in weights:
        found[revision] = found.get(revision, 0) + round(100 * weight / whole)
    largest = max(found, key=lambda each: (found[each], each))
    found[largest] += 100 - sum(found.values())
    return {revision: percent for revision, percent in found.items() if percent}
