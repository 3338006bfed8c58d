"""What CreateModel asks the registry about an image: is it there, of which manifest type, for which machine."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.containers import NoImage
from deployer.testing.sagemaker.state import Image

if TYPE_CHECKING:
    from deployer.testing.sagemaker.options import Registry
    from deployer.testing.sagemaker.state import Region
    from deployer.testing.sagemaker.world import World

__all__ = ["ACCEPTED", "Manifest", "ask", "check", "resolve", "send", "split"]

ACCEPTED = "application/vnd.docker.distribution.manifest.v2+json"
"""Recorded: the one manifest type that CreateModel takes."""

_TYPES = (
    f"{ACCEPTED}, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


class Manifest:
    """A manifest in the registry.

    Attributes:
        type: Its media type.
        digest: ``sha256:...``.
        text: As it is in the registry.
        document: The same, read.
    """

    def __init__(self, kind: str, digest: str, text: str) -> None:
        self.type, self.digest, self.text = kind, digest, text
        self.document: Any = json.loads(text)


def split(image: str) -> tuple[str, str, str]:
    """Host, repository and tag or digest of an image's name; the host is empty where it has none."""
    host, _, rest = image.partition("/")
    if not rest or not (":" in host or "." in host or host == "localhost"):
        host, rest = "", image
    if "@" in rest:
        repository, _, reference = rest.partition("@")
        return host, repository.partition(":")[0], reference
    repository, _, tag = rest.partition(":")
    return host, repository, tag or "latest"


def ask(
    registry: Registry, path: str, accept: str = _TYPES, method: str = "GET"
) -> tuple[int, Mapping[str, str], bytes]:
    """Ask the registry for a path; see `send`."""
    return send(registry, method, path, {"Accept": accept})


def send(
    registry: Registry, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, Mapping[str, str], bytes]:
    """Send the registry a request, with its user and password where it has some.

    Returns:
        The status, the headers in lower case, and the body.

    Raises:
        OSError: It does not answer.
    """
    host, _, port = registry.address.rpartition(":")
    connection: http.client.HTTPConnection
    if registry.ca:
        context = ssl.create_default_context(cafile=registry.ca)
        connection = http.client.HTTPSConnection(host, int(port), timeout=300, context=context)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
    sent = dict(headers)
    if registry.user:
        secret = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        sent["Authorization"] = f"Basic {secret}"
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def resolve(registry: Registry, repository: str, reference: str) -> Manifest | None:
    """The manifest of a tag or digest; None where there is none."""
    status, headers, body = ask(registry, f"/v2/{repository}/manifests/{reference}")
    if status != 200:
        return None
    return Manifest(headers["content-type"].partition(";")[0], headers["docker-content-digest"], body.decode())


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
