"""Images of ours in ECR that nobody names any more: found and removed by ``deployer gc``, by nothing else.

A registry does not know who runs what lies in it: another region, a cluster, a pipeline that promotes. So deleting an
endpoint leaves its images, as the Kubernetes target does, and those of revisions that are kept for a rollback are
referred to by their Record. What gc takes lies in a repository with our marks, has tags of our own form alone, was
pushed and pulled last before the age that is asked for, and is named by no Record, no wish in one, and no model of the
account and region, whoever made it. Where one of these cannot be read, no image is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.named import Pushed, Reference, busy, images_in, left_of
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.ecr import Ecr, in_repository
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.marks import Role, read_marks, tags_of
from deployer_sagemaker.naming import Naming

__all__ = ["Images", "named_by"]

_PREFIX = "ecr:"


def named_by(texts: Iterable[str], host: str) -> frozenset[Reference]:
    """What names of images mean in the registry at a host. Pure."""
    found = (in_repository(each, host) for each in texts)
    return frozenset((where, next(iter(image.values()))) for where, image in filter(None, found))


class Images:
    """Looks for them, and removes them.

    Args:
        aws: The connection.
        ecr: The registry.
        naming: Who names what.
    """

    def __init__(self, aws: Aws, ecr: Ecr, naming: Naming) -> None:
        self._aws = aws
        self._ecr = ecr
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
                request = {"repositoryName": each.repository, "imageIds": [{"imageDigest": each.digest}]}
                with told(f"remove the image {each.repository}@{each.digest}", each.repository):
                    answer = self._aws.ask("ecr", "BatchDeleteImage", request)
                return bool(answer.get("imageIds"))  # one that an index is made of, say, is told as a failure
        return False

    def _left(self, older_than: float, endpoint: str | None) -> list[Pushed]:
        try:
            records = self._naming.records()
            if records is None:
                return []
            with told("look for images", "ecr"):
                images = [*self._pushed(endpoint, busy(records))]
                host, now = self._ecr.host(), self._aws.now()
                found = [*left_of(images, named_by(images_in(records), host))]
                found = [each for each in found if now - each.since >= older_than]
                return [*left_of(found, named_by(self._naming.of_models(), host))] if found else []
        except DeployerError:
            return []  # nobody can tell what is needed

    def _pushed(self, endpoint: str | None, busy: frozenset[str]) -> Iterator[Pushed]:
        request: dict[str, Any] = {"repositoryNames": [self._ecr.name(endpoint)]} if endpoint is not None else {}
        try:
            repositories = [*self._aws.all("ecr", "DescribeRepositories", "repositories", request)]
        except Refused as refused:
            if refused.missing:
                return
            raise
        for each in repositories:
            name = str(each["repositoryName"])
            whose = name.removeprefix(self._ecr.name(""))
            if name != self._ecr.name(whose) or whose in busy:
                continue
            listed = self._aws.ask("ecr", "ListTagsForResource", {"resourceArn": each["repositoryArn"]})["tags"]
            marks = read_marks(tags_of(listed))
            if marks is None or marks.records not in ("", self._naming.place):
                continue
            if marks.role is Role.REPOSITORY and marks.endpoint == whose:
                asked = {"repositoryName": name, "filter": {"tagStatus": "TAGGED"}}
                for image in self._aws.all("ecr", "DescribeImages", "imageDetails", asked):
                    yield _pushed(name, whose, image)


def _identity(image: Pushed) -> str:
    return f"{_PREFIX}{image.name}"


def _pushed(repository: str, endpoint: str, image: Mapping[str, Any]) -> Pushed:
    times = (image["imagePushedAt"], image.get("lastRecordedPullTime"))
    since = max(each.timestamp() for each in times if each is not None)
    tags = tuple(sorted(str(each) for each in image.get("imageTags") or ()))
    return Pushed(repository, endpoint, str(image["imageDigest"]), tags, since, image.get("imageSizeInBytes"))
