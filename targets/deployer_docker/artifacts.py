"""What a revision leaves beside its containers: the tag that holds its image, and its secrets. Removes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer_docker.client import is_missing, status_of, told, unless_gone
from deployer_docker.marks import Role, image_tag, read_marks, read_tag
from deployer_docker.requests import given_volume
from deployer_docker.survey import Holdings, when

__all__ = ["let_go_of_image", "remove_artifacts", "remove_volume", "tagged_at", "tags_of", "volume_names"]


def tags_of(api: Any, endpoint: str | None = None) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(endpoint, revision) -> the image that its tag holds, as the engine lists it."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    with told("look at its images", endpoint):
        images = api.images(filters={"reference": [f"{image_tag(endpoint or '*', '*')[0]}:*"]})
    for image in images:
        for reference in image.get("RepoTags") or ():
            key = read_tag(reference)
            if key is not None and (endpoint is None or key[0] == endpoint):
                found[key] = image
    return found


def tagged_at(api: Any, endpoint: str, revision: str) -> float | None:
    """When an image got its last tag; images themselves are all of one time, so that equal ones are equal."""
    repository, tag = image_tag(endpoint, revision)
    with told("look at an image", f"{repository}:{tag}"), unless_gone():
        return when((api.inspect_image(f"{repository}:{tag}").get("Metadata") or {}).get("LastTagTime"))
    return None


def let_go_of_image(api: Any, endpoint: str, revision: str) -> bool:
    """Take a revision's tag off its image, which goes with the last; False when a container needs it still."""
    repository, tag = image_tag(endpoint, revision)
    with told("let go of the image", f"{repository}:{tag}"):
        try:
            api.remove_image(f"{repository}:{tag}")
        except Exception as error:
            if is_missing(error):
                return True
            if status_of(error) == 409:
                return False
            raise
    return True


def remove_volume(api: Any, name: str) -> None:
    """Remove a volume; one that is not there is no error."""
    with told("remove a volume", name), unless_gone():
        api.remove_volume(name)


def remove_artifacts(api: Any, endpoint: str, revision: str, held: Holdings) -> bool:
    """All that a revision alone has beside its containers; False when a container needs its image still."""
    name = given_volume(endpoint, revision)
    for volume in held.volumes:
        marks = read_marks(volume.get("Labels"))
        if marks is not None and marks.role is Role.GIVEN and volume["Name"] == name:
            remove_volume(api, name)
    return let_go_of_image(api, endpoint, revision)


def volume_names(held: Holdings, roles: Iterable[Role]) -> list[str]:
    """The volumes of these roles."""
    wanted = set(roles)
    found = []
    for volume in held.volumes:
        marks = read_marks(volume.get("Labels"))
        if marks is not None and marks.role in wanted:
            found.append(str(volume["Name"]))
    return found
