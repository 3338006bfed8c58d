"""What CreateModel asks the registry about an image: is it there, of which manifest type, for which machine."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from deployer.testing.cloud.containers import NoImage
from deployer.testing.cloud.images import ask, resolve, split
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.state import Image

if TYPE_CHECKING:
    from deployer.testing.cloud.images import Registry
    from deployer.testing.sagemaker.state import Region
    from deployer.testing.sagemaker.world import World

__all__ = ["ACCEPTED", "check"]

ACCEPTED = "application/vnd.docker.distribution.manifest.v2+json"
"""Recorded: the one manifest type that CreateModel takes."""

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


def check(world: World, region: Region, image: str) -> Image:
    """The image that a model names, by its digest.

    Raises:
        Refusal: It is not there, or cannot be hosted (see ``manifest-type``, ``image-checked-at-create-model`` and
            ``architecture-checked-at-create-model`` of the behaviours).
    """
    registry, (host, repository, reference) = world.options.registry, split(image)
    if registry is None:
        return _without_registry(world, image)
    if _ECR.fullmatch(host) or (registry.proxied and host == world.ecr):
        repository = registry.prefix + repository
    elif host != registry.address:
        raise Refusal(
            "ValidationException", f'Using non-ECR image "{image}" without Vpc repository access mode is not supported.'
        )
    found = resolve(registry, repository, reference) if _in_ecr(world, region, registry, repository) else None
    if found is None:
        if world.guesses["image-checked-at-create-model"]:
            raise Refusal("ValidationException", f"Requested image {image} not found.")
        return Image(image, "")
    if found.type != ACCEPTED:
        raise Refusal(
            "ValidationException",
            f"Unsupported manifest media type {found.type} for image {image}. "
            "Ensure that valid manifest media type is used for specified image.",
        )
    if world.guesses["architecture-checked-at-create-model"]:
        _, _, body = ask(registry, f"/v2/{repository}/blobs/{found.document['config']['digest']}", "*/*")
        about = json.loads(body)
        if (about.get("os"), about.get("architecture")) not in (("linux", "amd64"), ("linux", "arm64")):
            raise Refusal("ValidationException", f"Image {image} is for {about.get('os')}/{about.get('architecture')}.")
    named = image.partition("@")[0]
    named = named.removesuffix(f":{reference}")
    return Image(image, f"{named}@{found.digest}", f"{registry.address}/{repository}@{found.digest}")


def _in_ecr(world: World, region: Region, registry: Registry, repository: str) -> bool:
    """Whether ECR knows the repository: the registry itself makes one at the first push, as ECR does not."""
    if not repository.startswith(registry.prefix):
        return False
    client = world.inside.client("ecr", region.name, region.account)
    try:
        client.describe_repositories(repositoryNames=[repository.removeprefix(registry.prefix)])
    except client.exceptions.ClientError:
        return False
    return True


def _without_registry(world: World, image: str) -> Image:
    try:
        digest = world.containers.digest(image)
    except NoImage as error:
        if world.guesses["image-checked-at-create-model"]:
            raise Refusal("ValidationException", f"Requested image {image} not found.") from error
        digest = ""
    host, repository, _ = split(image)
    return Image(image, f"{host}/{repository}@{digest}".lstrip("/") if digest else "")
