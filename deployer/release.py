"""What makes a revision what it is: its model, its environment, its image. Frozen values, no I/O."""

from __future__ import annotations

from pydantic import Field

from deployer.value import JSON, Value

__all__ = ["BaseRef", "ImageRef", "ModelRef", "Release", "revision_id"]


class ModelRef(Value):
    """Which model a revision serves."""

    uri: str
    """As the person gave it, for example ``models:/iris@champion``."""
    resolved: str
    """What it meant when it was planned: ``models:/iris/4``, or an absolute path."""
    digest: str
    """SHA-256 over the packaged files, 64 hexadecimal digits."""
    size: int = 0
    """Bytes of all its files."""
    summary: str = ""
    """For people: ``sklearn, python 3.11, 5 requirements, 4 features -> 1 class``."""
    python: str = ""
    """The Python minor version it was saved with, ``3.11``."""
    requirements: str = ""
    """Digest of what was asked of the resolver; an unchanged one lets the lock be kept."""
    files: dict[str, str] | None = None
    """Path -> ``size:sha256`` of each file, for models of few files, so that a plan can say what differs."""


def revision_id(digest: str) -> str:
    """A revision's short name: ``r`` and seven hexadecimal digits of its digest."""
    return f"r{digest[:7]}"


class BaseRef(Value):
    """A base image that was resolved, for one platform."""

    digest: str
    """Of its configuration, ``sha256:...``: what a revision is made of, since every source of images has that."""
    reference: str
    """To have exactly it again: with the digest of its manifest, where its source has one."""
    platform: str
    """``linux/amd64``."""
    python: str
    """The minor version of its CPython, ``3.11``."""
    glibc: str
    """The version of its C library, ``2.36``."""
    packages: tuple[str, ...] = ()
    """Debian packages that were installed on it, ``NAME=VERSION``; ``reference`` is then what they stand on."""


class ImageRef(Value):
    """A delivered image."""

    id: str
    """Digest of its configuration."""
    reference: str
    """What the target starts it by: an id in its engine, or ``registry/repository@sha256:...``."""
    bytecode: str | None = None
    """Which interpreter compiled it, ``cpython-3.11.7``, or ``none``: to make the same bytes again; None: not ours."""


class Release(Value):
    """Everything that makes a revision what it is. Equal releases are the same revision."""

    revision: str
    digest: str
    model: ModelRef
    lock: str
    """Digest of the environment's lock."""
    base: BaseRef | None = None
    """What its image stands on, where there is an image."""
    runtime: str
    """Version of the serving runtime."""
    image: ImageRef | None = None
    """Where its image is, known once it was delivered; not part of its digest."""
    fields: dict[str, JSON] = Field(default_factory=dict)
    """What of the spec makes it this revision: its fields of revision scope, secrets by their numbers."""
    spec: dict[str, JSON] = Field(default_factory=dict)
    """The whole wish that it was first released with, to go back to exactly; not part of its digest."""
