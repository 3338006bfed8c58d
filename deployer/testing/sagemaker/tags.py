"""AddTags, ListTags, DeleteTags, and the tags of a creation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Region
    from deployer.testing.sagemaker.world import World

__all__ = ["add", "delete", "given", "listing", "shown"]

_MOST = 50
"""Recorded: the service model's TagList."""


def given(asked: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a request.

    Raises:
        Refusal: A key is there twice, or is one of AWS's own (documented rules; the wording is guessed).
    """
    pairs = [(str(each["Key"]), str(each["Value"])) for each in asked.get("Tags") or []]
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise Refusal("ValidationException", "Duplicate tag keys found. Please remove duplicates and retry.")
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise Refusal("ValidationException", f"Tag keys that begin with aws: are reserved: {reserved[0]}")
    return dict(pairs)


def shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As the API tells them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def add(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """AddTags."""
    del world
    tags = region.tags(str(asked["ResourceArn"]))
    together = {**tags, **given(asked)}
    if len(together) > _MOST:
        raise Refusal("ValidationException", f"Cannot have more than {_MOST} tags on a resource.")
    tags.update(together)
    return {"Tags": shown(tags)}


def listing(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """ListTags; in one page, since a resource has 50 at most and a page has 50 at least (recorded)."""
    del world
    return {"Tags": shown(region.tags(str(asked["ResourceArn"])))}


def delete(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteTags."""
    del world
    tags = region.tags(str(asked["ResourceArn"]))
    for key in asked["TagKeys"]:
        tags.pop(str(key), None)
    return {}
