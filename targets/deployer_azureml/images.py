"""Images of ours in the registry that nobody names any more: found and removed by ``deployer gc``, by nothing else.

A registry does not know who runs what lies in it: another workspace, a cluster, a pipeline that promotes. So deleting
an endpoint leaves its images, and those of revisions that are kept for a rollback are referred to by their Record. What
gc takes lies in a repository of this very workspace (`deployer_azureml.acr.Acr.prefix`), has tags of our own form
alone, was pushed or tagged last before the age that is asked for, and is named by no Record, no wish in one, and no
deployment of the workspace, whoever made it. Where one of these cannot be read, no image is. The registry does not tell
when an image was pulled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.named import Pushed, Reference, busy, images_in, left_of
from deployer_azureml.acr import Acr
from deployer_azureml.client import Azure, told
from deployer_azureml.documents import seconds_of
from deployer_azureml.errors import Refused
from deployer_azureml.names import usable_name
from deployer_azureml.naming import Naming

__all__ = ["Images", "in_repository", "named_by"]

_PREFIX = "acr:"


def named_by(texts: Iterable[str], host: str) -> frozenset[Reference]:
    """What names of images mean in the registry at a host. Pure."""
    return frozenset(filter(None, (in_repository(each, host) for each in texts)))


def in_repository(reference: str, host: str) -> Reference | None:
    """Repository, and digest or tag, of a reference to the registry at a host; None for another registry's."""
    where, slash, rest = reference.partition("/")
    if not slash or where.lower() != host:
        return None
    name, at, digest = rest.partition("@")
    if at:
        return name.partition(":")[0], digest
    name, _, tag = rest.partition(":")
    return name, tag or "latest"


class Images:
    """Looks for them, and removes them.

    Args:
        azure: The connection.
        acr: The registry.
        naming: Who names what.
    """

    def __init__(self, azure: Azure, acr: Acr, naming: Naming) -> None:
        self._azure = azure
        self._acr = acr
        self._naming = naming

    def knows(self, orphan: Orphan) -> bool:
        """Whether it is an image."""
        return orphan.identity.startswith(_PREFIX)

    def find(self, older_than: float) -> Iterator[Orphan]:
        """What may be removed, older than so many seconds."""
        for each in self._left(older_than, None):
            names = ", ".join(each.tags)
            yield Orphan(_identity(each), f"image {each.repository}:{names}", each.size, each.since, each.endpoint)

    def remove(self, orphan: Orphan, older_than: float) -> bool:
        """Look again, and remove it if it is what was found, still without a name anywhere."""
        for each in self._left(older_than, orphan.endpoint):
            if _identity(each) == orphan.identity:
                with told(f"remove the image {each.repository}@{each.digest}", each.repository):
                    path = f"/v2/{each.repository}/manifests/{each.digest}"
                    self._acr.ask("DELETE", path, f"repository:{each.repository}:delete")
                return True
        return False

    def _left(self, older_than: float, endpoint: str | None) -> list[Pushed]:
        try:
            if self._acr.login_to(self._acr.host) is None:
                return []  # of a registry that is not Azure's nobody is asked
            records = self._naming.records()
            if records is None:
                return []
            with told("look for images", self._acr.host):
                host, now = self._acr.host, self._azure.now()
                images = [*self._pushed(endpoint, busy(records) | self._naming.unrecorded(records))]
                found = [*left_of(images, named_by(images_in(records), host))]
                found = [each for each in found if max(0.0, now - each.since) >= older_than]
                return [*left_of(found, named_by(self._naming.of_deployments(), host))] if found else []
        except DeployerError:
            return []  # nobody can tell what is needed

    def _pushed(self, endpoint: str | None, busy: frozenset[str]) -> Iterator[Pushed]:
        for repository in self._repositories() if endpoint is None else (self._acr.name(endpoint),):
            whose = repository.removeprefix(self._acr.prefix)
            if repository != self._acr.name(whose) or not usable_name(whose) or whose in busy:
                continue
            path = f"/acr/v1/{repository}/_manifests"
            try:
                for each in self._acr.all(path, "manifests", f"repository:{repository}:metadata_read"):
                    yield _read(repository, whose, each)
            except Refused as refused:
                if not refused.missing:
                    raise

    def _repositories(self) -> Iterator[str]:
        for each in self._acr.all("/acr/v1/_catalog", "repositories", "registry:catalog:*"):
            yield str(each)


def _identity(image: Pushed) -> str:
    return f"{_PREFIX}{image.name}"


def _read(repository: str, endpoint: str, image: Mapping[str, Any]) -> Pushed:
    since = max(seconds_of(image.get("createdTime")), seconds_of(image.get("lastUpdateTime")))
    tags = tuple(sorted(str(each) for each in image.get("tags") or ()))
    return Pushed(repository, endpoint, str(image["digest"]), tags, since, image.get("imageSize"))
