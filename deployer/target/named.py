"""What Records name of what endpoints share: images in a registry, models in a store. Pure.

Who clears up there removes only what nobody names: the Records, and what the place itself tells that it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import Record

__all__ = ["Pushed", "Reference", "busy", "images_in", "left_of", "models_in", "mounts"]

Reference = tuple[str, str]
"""Repository, and tag or digest."""
_TAG = re.compile(r"r[0-9a-f]{7}|weights-[0-9a-f]{16}")
"""Of a revision's image, and of the model beside it (`deployer.target.images.weights_reference`)."""


@dataclass(frozen=True)
class Pushed:
    """An image in a repository of ours.

    Attributes:
        repository: ``deployer/iris``.
        endpoint: Whose it is.
        digest: ``sha256:...``.
        tags: All that it has.
        since: When it was pushed, tagged or pulled last, as far as the registry tells; seconds since the epoch.
        size: Bytes, packed.
    """

    repository: str
    endpoint: str
    digest: str
    tags: tuple[str, ...]
    since: float
    size: int | None = None

    @property
    def name(self) -> str:
        """By its bytes, so that nothing can take its place: ``deployer/iris@sha256:...``."""
        return f"{self.repository}@{self.digest}"

    @property
    def references(self) -> frozenset[Reference]:
        """By all of its names."""
        return frozenset((self.repository, each) for each in (self.digest, *self.tags))


def left_of(images: Iterable[Pushed], named: frozenset[Reference]) -> Iterator[Pushed]:
    """Those that are ours by all of their tags, and that nobody names."""
    for each in images:
        if each.tags and all(_TAG.fullmatch(tag) for tag in each.tags) and not each.references & named:
            yield each


def busy(records: Iterable[Record]) -> frozenset[str]:
    """Endpoints that somebody changes: what is new to them is there before a Record names it."""
    return frozenset(each.endpoint for each in records if each.claim is not None or each.rollout is not None)


def images_in(records: Iterable[Record]) -> Iterator[str]:
    """Names of images in Records: of their releases, and of what is wished."""
    for record in records:
        for wish in (record.spec, *(each.spec for each in record.releases.values())):
            image = (wish or {}).get("image")
            if isinstance(image, Mapping):
                yield from (str(image[key]) for key in ("use", "base") if image.get(key))
        for release in record.releases.values():
            if release.image is not None:
                yield release.image.reference


def mounts(wish: Mapping[str, Any] | None) -> bool:
    """Whether its model is not in its image (``image.weights: mount``)."""
    image = (wish or {}).get("image")
    return isinstance(image, Mapping) and image.get("weights") == "mount"


def models_in(records: Iterable[Record], stored: Callable[[Mapping[str, Any] | None], bool] = mounts) -> frozenset[str]:
    """Digests of the models of releases that need theirs in the store.

    Args:
        records: The Records.
        stored: Whether the model of a wish is there.
    """
    releases = [release for record in records for release in record.releases.values()]
    return frozenset(each.model.digest for each in releases if stored(each.spec))
