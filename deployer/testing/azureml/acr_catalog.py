"""What the container registry tells of its images beside the registry's standard: since when they are there.

Documented: ACR REST API, Repository (_catalog) and Manifests (_manifests), and Azure/acr, docs/AAD-OAuth.md (scopes).
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deployer.testing.azureml.answers import Answer, Refusal, told

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["Catalog", "Image", "catalog", "manifests"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class Image:
    """A manifest.

    Attributes:
        made: When it was pushed first, seconds since the epoch.
        changed: When it was tagged last.
        size: Bytes of what it is made of, packed.
        tags: All that it has.
    """

    made: float
    changed: float
    size: int = 0
    tags: set[str] = field(default_factory=set)


class Catalog:
    """What was pushed through the double: repository -> digest -> image."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.images: dict[str, dict[str, Image]] = {}

    def pushed(self, repository: str, reference: str, digest: str, manifest: bytes, now: float) -> None:
        """Note a manifest that was put; a tag is one image's alone."""
        with self._lock:
            there = self.images.setdefault(repository, {})
            found = there.setdefault(digest, Image(now, now, _size(manifest)))
            found.changed = now
            if not _DIGEST.fullmatch(reference):
                for each in there.values():
                    each.tags.discard(reference)
                found.tags.add(reference)

    def removed(self, repository: str, digest: str) -> None:
        """Note one that was deleted; the last takes its repository with it (documented)."""
        with self._lock:
            self.images.get(repository, {}).pop(digest, None)
            if not self.images.get(repository):
                self.images.pop(repository, None)


def _size(manifest: bytes) -> int:
    found = json.loads(manifest)
    parts = [found.get("config") or {}, *(found.get("layers") or ()), *(found.get("manifests") or ())]
    return sum(int(each.get("size") or 0) for each in parts)


def catalog(world: World, asked: Asked) -> Answer:
    """GET _catalog: the names of repositories."""
    _allowed(world, asked, "registry", "catalog", "*")
    names = sorted(world.catalog.images)
    page, link = _page(asked, names, "/acr/v1/_catalog")
    return told({"repositories": page}, headers=link)


def manifests(world: World, asked: Asked) -> Answer:
    """GET _manifests of a repository."""
    name = asked.names["repository"]
    _allowed(world, asked, "repository", name, "metadata_read")
    there = world.catalog.images.get(name)
    if there is None:
        raise Refusal(404, "NAME_UNKNOWN", "repository name not known to registry")
    page, link = _page(asked, sorted(there), f"/acr/v1/{name}/_manifests")
    about = [_told(digest, there[digest]) for digest in page]
    host = world.login_server(asked.call)
    return told({"registry": host, "imageName": name, "manifests": about}, headers=link)


def _told(digest: str, image: Image) -> dict[str, Any]:
    return {
        "digest": digest,
        "imageSize": image.size,
        "createdTime": _stamp(image.made),
        "lastUpdateTime": _stamp(image.changed),
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "tags": sorted(image.tags),
        "changeableAttributes": {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True},
    }


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _page(asked: Asked, names: list[str], path: str) -> tuple[list[str], dict[str, str]]:
    """A page and the link to the next one (documented: n, last, Link)."""
    most, last = int(asked.call.query.get("n") or 100), asked.call.query.get("last", "")
    left = [each for each in names if each > last]
    page = left[:most]
    if len(left) <= most:
        return page, {}
    return page, {"Link": f'<{path}?last={quote(page[-1], safe="")}&n={most}&orderby=>; rel="next"'}


def _allowed(world: World, asked: Asked, kind: str, name: str, verb: str) -> None:
    """Refuse without an access token of the registry that covers it."""
    how, _, value = asked.call.headers.get("authorization", "").partition(" ")
    claims = world.tokens.read(value) if how.lower() == "bearer" else None
    good = claims is not None and claims["exp"] > world.now() and claims.get("grant_type") == "access_token"
    access = claims["access"] if good and claims is not None else []
    if not any(each["type"] == kind and each["name"] == name and verb in each["actions"] for each in access):
        host = world.login_server(asked.call)
        where = f'realm="https://{host}/oauth2/token",service="{host}",scope="{kind}:{name}:{verb}"'
        raise Refusal(
            401,
            "UNAUTHORIZED",
            "authentication required, visit https://aka.ms/acr/authorization",
            headers={"Www-Authenticate": f"Bearer {where}"},
        )
