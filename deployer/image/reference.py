"""Names of images: read as Docker reads them, and the places beside a registry that an image can lie in.

Sources: the grammar in distribution's ``reference`` package (name, tag, digest, the familiar short forms of Docker
Hub), and containers-transports(5) for ``oci:``, ``oci-archive:`` and ``docker-daemon:``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import SpecError
from deployer.image.values import ImageReference

__all__ = [
    "DOCKER_HUB",
    "ArchivePlace",
    "EnginePlace",
    "LayoutPlace",
    "NamedPlace",
    "Place",
    "mirrored",
    "name_of",
    "parse_place",
    "parse_reference",
    "parse_repository",
]

DOCKER_HUB = "registry-1.docker.io"
"""The host that answers for names without one."""

_HUB_NAMES = ("docker.io", "index.docker.io", DOCKER_HUB)
_HOST = re.compile(
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
    r"(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 255


@dataclass(frozen=True)
class NamedPlace:
    """An image by its name: in the target's engine under that name, or in its registry."""

    reference: ImageReference


@dataclass(frozen=True)
class LayoutPlace:
    """A folder that is an OCI image layout; the tag is needed when it holds several images."""

    folder: Path
    tag: str | None = None


@dataclass(frozen=True)
class ArchivePlace:
    """A tar file of an OCI image layout."""

    file: Path
    tag: str | None = None


@dataclass(frozen=True)
class EnginePlace:
    """An image that the target's engine has, and that no registry is asked for."""

    name: str


Place = NamedPlace | LayoutPlace | ArchivePlace | EnginePlace


def parse_place(text: str) -> Place:
    """Where an image lies.

    Args:
        text: ``python:3.11-slim``, ``oci:FOLDER[:TAG]``, ``oci-archive:FILE[:TAG]`` or ``docker-daemon:NAME``.

    Raises:
        SpecError: It is none of these.
    """
    transport, colon, rest = text.partition(":")
    if not colon or transport not in {"oci", "oci-archive", "docker-daemon"}:
        return NamedPlace(parse_reference(text))
    if not rest:
        raise SpecError(
            f"{text!r} names no image", hint=f"write {transport}:{'NAME' if 'daemon' in transport else 'PATH'}"
        )
    if transport == "docker-daemon":
        return EnginePlace(rest)
    path, tag = _path_and_tag(rest)
    return LayoutPlace(path, tag) if transport == "oci" else ArchivePlace(path, tag)


def parse_reference(text: str) -> ImageReference:
    """Reads an image's name; without tag and digest the tag is ``latest``, as for Docker.

    Raises:
        SpecError: It is no name of an image.
    """
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _unreadable(text, "a digest is sha256: and 64 hexadecimal digits")
    slash, colon = name.rfind("/"), name.rfind(":")
    tag = None
    if colon > slash:
        name, tag = name[:colon], name[colon + 1 :]
        if not _TAG.fullmatch(tag):
            raise _unreadable(text, "a tag has letters, digits, and . _ - after the first, 128 at most")
    registry, repository = _split(name, text)
    return ImageReference(registry, repository, tag or (None if at else "latest"), digest or None)


def parse_repository(text: str) -> ImageReference:
    """Reads the name of a repository, which has neither tag nor digest.

    Raises:
        SpecError: It is no name, or has one of them.
    """
    found = parse_reference(text)
    if "@" in text or ":" in text.rpartition("/")[2]:
        raise SpecError(
            f"{text!r} is an image, not a repository", hint="leave the tag out: it is made from what the image is"
        )
    return ImageReference(found.registry, found.repository)


def name_of(reference: ImageReference) -> str:
    """The name as people write it: ``python:3.11-slim``, ``ghcr.io/team/iris@sha256:...``."""
    name = f"{reference.registry}/{reference.repository}"
    if reference.registry == DOCKER_HUB:
        name = reference.repository.removeprefix("library/")
    tag = f":{reference.tag}" if reference.tag else ""
    return f"{name}{tag}" + (f"@{reference.digest}" if reference.digest else "")


def mirrored(reference: ImageReference, mirror: str | None) -> ImageReference:
    """Where a mirror has it: names of Docker Hub are asked of the mirror, all others stay.

    Args:
        reference: The image.
        mirror: ``registry.example.com``, or with a prefix that the mirror has for Docker Hub,
            ``registry.example.com/dockerhub``; with ``https://`` or without.

    Raises:
        SpecError: The mirror is no host with an optional path.
    """
    if not mirror or reference.registry != DOCKER_HUB:
        return reference
    host, _, prefix = re.sub(r"^https?://", "", mirror).strip("/").partition("/")
    if not _HOST.fullmatch(host) or (prefix and not _PATH.fullmatch(prefix)):
        raise SpecError(
            f"{mirror!r} is not a mirror", where="image.mirror", hint="for example registry.example.com/dockerhub"
        )
    repository = f"{prefix}/{reference.repository}" if prefix else reference.repository
    return ImageReference(host, repository, reference.tag, reference.digest)


def _split(name: str, text: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (set(first) & set(".:[") or first == "localhost" or first.lower() != first):
        registry, repository = first, rest
        if not _HOST.fullmatch(registry):
            raise _unreadable(text, f"{registry!r} is no host")
    else:
        registry, repository = DOCKER_HUB, name
    if registry in _HUB_NAMES:
        registry = DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    if not _PATH.fullmatch(repository):
        better = f"; did you mean {name.lower()!r}?" if _PATH.fullmatch(repository.lower()) else ""
        raise _unreadable(text, f"a repository has small letters, digits, and . _ - between them{better}")
    if len(registry) + len(repository) >= _LONGEST:
        raise _unreadable(text, f"a name has {_LONGEST} characters at most")
    if re.fullmatch(r"[0-9a-f]{64}", name):
        raise _unreadable(text, "64 hexadecimal digits are an id; write docker-daemon:sha256:... for an engine's image")
    return registry, repository


def _path_and_tag(text: str) -> tuple[Path, str | None]:
    path, colon, tag = text.rpartition(":")
    if colon and path and _TAG.fullmatch(tag) and not (len(path) == 1 and path.isalpha()):
        return Path(path), tag
    return Path(text), None


def _unreadable(text: str, why: str) -> SpecError:
    return SpecError(f"{text!r} is not the name of an image: {why}", hint="for example python:3.11-slim")
