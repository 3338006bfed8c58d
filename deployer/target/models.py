"""Where a target's own models lie, which MLflow's client does not know: a registry with URIs of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass

__all__ = ["FoundModel", "ModelFile", "ModelFiles", "ModelSource"]


@dataclass(frozen=True)
class FoundModel:
    """What a model's URI names now.

    Attributes:
        resolved: An immutable URI of it, by which it is found again without any settings.
        location: Where its files are, as `ModelSource.files` takes it.
        version: Its version there.
        alias: The label that was asked for; None for none.
    """

    resolved: str
    location: str
    version: str | None = None
    alias: str | None = None


@dataclass(frozen=True)
class ModelFile:
    """A file or a folder of a model.

    Attributes:
        path: Relative to the model, with forward slashes.
        is_dir: Whether it is a folder.
        file_size: Bytes; None for a folder.
    """

    path: str
    is_dir: bool = False
    file_size: int | None = None


class ModelFiles(ABC):
    """The files of one model; listed and downloaded as MLflow's artifact repositories are."""

    @abstractmethod
    def list_artifacts(self, path: str | None = None) -> list[ModelFile]:
        """What lies directly in a folder of the model, by default at its root; nothing where there is none."""

    @abstractmethod
    def download_artifacts(self, path: str, into: str) -> str:
        """Download a file, or with "" all that `list_artifacts` tells, to the same path below a folder that is there.

        Returns:
            Where it lies.
        """


class ModelSource(ABC):
    """A registry of models. Each error is one of `deployer.errors`."""

    @abstractmethod
    def find(self, uri: str, registry: str | None = None) -> FoundModel:
        """What a URI names now.

        Args:
            uri: Of the registry's own form; or MLflow's ``models:/NAME/VERSION``, ``models:/NAME@ALIAS``.
            registry: The address of the registry that MLflow's settings name; None: none is named.

        Raises:
            SpecError: The URI is none of its own, or it is not said which registry is meant.
            NotFound: There is no such model, version or label.
            TargetUnavailable: The registry does not answer, or does not let us in.
        """

    @abstractmethod
    def files(self, location: str, where: str) -> AbstractContextManager[ModelFiles]:
        """The files of a model.

        Args:
            location: From `find`.
            where: The model's URI, for errors.

        Raises:
            TargetUnavailable: The store does not answer, or does not let us in.
        """
