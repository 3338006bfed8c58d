"""Where images are delivered to, as a target names it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from deployer.spec import DeploymentSpec
from deployer.target.models import ModelSource

__all__ = [
    "PART",
    "Credentials",
    "Engine",
    "HeldImage",
    "ImageSink",
    "RegistryPlace",
    "WeightStore",
    "weights_reference",
]


PART = "io.deployer.part"
"""The label of an image without a name that is the lower part of one which is still being made; its ``created`` is when
that was. Whoever makes it removes it; one that is left has lost its maker."""


@dataclass(frozen=True)
class Credentials:
    """For a registry."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"


@dataclass(frozen=True)
class HeldImage:
    """An image that an engine has.

    Attributes:
        id: Digest of its configuration, ``sha256:`` and 64 hexadecimal digits, as computed, not as named.
        diff_ids: Digests of its uncompressed layers, the lowest first.
        platform: ``linux/amd64``.
        config: What it runs as: the engine's ``Config`` (``Env``, ``Labels``, ``Entrypoint``).
        references: Its tags.
        size: Bytes, or None.
        handle: What the engine itself calls it: its id, or in containerd's store the digest of its manifest.
    """

    id: str
    diff_ids: tuple[str, ...]
    platform: str
    config: Mapping[str, Any]
    references: tuple[str, ...] = ()
    size: int | None = None
    handle: str = ""

    def __post_init__(self) -> None:
        if not self.handle:
            object.__setattr__(self, "handle", self.id)


class Engine(ABC):
    """A container engine's store of images; every error of its SDK is mapped to `deployer.errors`."""

    identity: str
    """Names this store, so that what is known of it can be remembered."""
    platform: str
    """What it runs: ``linux/amd64``."""
    partial_loads: bool
    """Whether `load` takes an archive that lacks the layers that the engine has already."""
    by_manifest: bool = False
    """Whether images are kept as they come and named by their manifests (containerd's store)."""

    @abstractmethod
    def find(self, reference: str) -> HeldImage | None:
        """An image by the engine's own handle or a name, or None."""

    def learn(self, handle: str, digest: str) -> None:  # noqa: B027 - has a default
        """Be told the digest of an image's configuration, where asking the engine for it would take long."""

    @abstractmethod
    def load(self, archive: Iterable[bytes]) -> None:
        """Take in a ``docker save`` archive."""

    @abstractmethod
    def save(self, reference: str) -> AbstractContextManager[BinaryIO]:
        """The image as a ``docker save`` archive, as a stream."""

    @abstractmethod
    def tag(self, image: str, reference: str) -> None:
        """Give an image a name."""

    @abstractmethod
    def pull(self, reference: str, platform: str, told: Callable[[int, int | None], None]) -> HeldImage:
        """Have the engine fetch an image with its own means and Docker's credentials; tells bytes done and in all.

        Raises:
            BuildError: There is no such image, it is not for that platform, or it is refused.
            TargetUnavailable: The registry does not answer.
        """

    @abstractmethod
    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """Build a tar of a context with a ``Dockerfile`` in it; gives its output's lines, and the image's handle last.

        Args:
            context: The tar.
            platform: ``linux/amd64``.
            network: That the steps have: ``none``, ``host``; None for the engine's own.
            arguments: Docker's predefined build arguments (``HTTP_PROXY`` and the like), which no history keeps.

        Raises:
            BuildError: A step failed; has its last lines.
        """

    @abstractmethod
    def remove(self, reference: str) -> None:
        """Forget an image by name or handle, and those without a name that only it stood on.

        One that is not there, or is needed by another image or a container, is left as it is.
        """


@dataclass(frozen=True)
class RegistryPlace:
    """A repository to push to.

    Attributes:
        repository: ``registry.example.com/team/iris``, without tag.
        credentials: Asked when needed, again when they are refused; None for Docker's own.
        plain: Whether plain http may be spoken; loopback always may.
    """

    repository: str
    credentials: Callable[[], Credentials] | None = None
    plain: bool = False


class WeightStore(ABC):
    """Where models lie that their images leave out (``image.weights: mount``); each is named by its digest.

    `put` is whole or not at all: what was broken off is not there, and is put again.
    """

    @abstractmethod
    def has(self, model: str) -> bool:
        """Whether the model of that digest (64 hexadecimal digits) is there, whole."""

    @abstractmethod
    def put(self, model: str, image: str, archive: Iterable[bytes]) -> None:
        """Take a model in.

        Args:
            model: Its digest.
            image: The handle of an image that the engine has, in which its place is made.
            archive: A tar of its files, below a folder ``model``.

        Raises:
            BuildError: It cannot be stored.
            TargetUnavailable: The store does not answer.
        """


@dataclass(frozen=True)
class ImageSink:
    """Where long work is delivered to when the target runs containers.

    Attributes:
        cache: On this host, for wheels, layers and what is known of bases; shared by all endpoints.
        platform: What the target runs: ``linux/amd64``.
        engine: To load into, when the target has an engine of its own.
        registry: To push to, when the target pulls.
        weights: For models that are mounted; None: the target has no store of its own for them.
        weights_beside: Whether the model of such a wish is pushed as an image beside its own (`weights_reference`);
            None: the target mounts no models so.
        oci: Whether manifests are OCI's; else Docker schema 2, which every target takes.
        login: A registry -> how images are read from it with the target's own login; None: it has none for it, and
            Docker's own is taken.
        named: What ``image.use`` of a spec means, where it may be a name of the target's own; by default itself.
        name: What a delivered image is called in the engine, with the revision as its tag: by the target's own name for
            it, which goes when the target lets go of the revision.
        models: The target's own registry of models, by its own connection; None: it has none.
        bare: Whether of a spec the model alone is delivered, into `weights`: the target makes its image by itself.
    """

    cache: Path
    platform: str
    engine: Engine | None = None
    registry: RegistryPlace | None = None
    weights: WeightStore | None = None
    weights_beside: Callable[[DeploymentSpec], bool] | None = None
    oci: bool = False
    login: Callable[[str], Callable[[], Credentials] | None] | None = None
    named: Callable[[DeploymentSpec], str | None] = lambda spec: spec.image.use
    name: str = "deployer/image"
    models: ModelSource | None = None
    bare: Callable[[DeploymentSpec], bool] = lambda _spec: False

    def pushed_to(self, spec: DeploymentSpec) -> RegistryPlace | None:
        """Where an endpoint's image is pushed: where its spec says (``image.registry``), else the target's place."""
        if spec.image.registry is None:
            return self.registry
        repository = f"{spec.image.registry.rstrip('/')}/{spec.name}"
        if self.registry is not None and _host(self.registry.repository) == _host(repository):
            return replace(self.registry, repository=repository)  # the same registry: the same way to it
        return RegistryPlace(repository)


def weights_reference(image: str, model: str) -> str:
    """The image with a model, beside the one that leaves it out: ``REPOSITORY:weights-DIGEST16``.

    Args:
        image: The other's name, ``REPOSITORY@sha256:...`` or ``REPOSITORY:TAG``.
        model: The model's digest, in hex. By it the server checks what it is given, so that a tag is enough.
    """
    folder, slash, last = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}:weights-{model[:16]}"


def _host(repository: str) -> str:
    return repository.partition("/")[0]
