"""Registries of models beside MLflow's own, each with a scheme of URIs: found by entry points, imported when used.

A distribution of anybody's adds one by naming a function without arguments in its metadata, under the scheme's name::

    [project.entry-points."deployer.models"]
    azureml = "deployer_azureml.asset_models:from_environment"

It returns what `deployer.target.ModelSource` says. A target that has a connection of its own gives one by its sink, so
that a model comes from where its other settings lead; the entry point's goes by the environment alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from deployer.errors import SpecError

__all__ = ["GROUP", "FoundModel", "Source", "registry_beside", "schemes", "source_of"]

GROUP = "deployer.models"


class FoundModel(Protocol):
    """What a URI names now."""

    @property
    def resolved(self) -> str:
        """An immutable URI of it, which needs no settings to be found again."""

    @property
    def version(self) -> str | None:
        """Its version there."""

    @property
    def alias(self) -> str | None:
        """The label that was asked for."""

    @property
    def location(self) -> str:
        """What `Source.files` takes."""


class Source(Protocol):
    """A registry; see `deployer.target.ModelSource`."""

    def find(self, uri: str, registry: str | None = None) -> FoundModel:
        """What a URI names now."""

    def files(self, location: str, where: str) -> AbstractContextManager[Any]:
        """The files of a model, as MLflow's artifact repositories list and download them."""


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {each.name.lower(): each for each in entry_points(group=GROUP)}


def schemes() -> frozenset[str]:
    """Of the registries that are installed, in lower case."""
    return frozenset(_entry_points())


def registry_beside(*uris: str | None) -> str | None:
    """The address of the registry that MLflow's settings name, where it is one of these; None where it is MLflow's.

    Args:
        uris: What was said, what counts most first; else the environment counts, and what MLflow was told in Python.
    """
    said = next((each for each in (*uris, *_settings()) if each), None)
    scheme, mark, _ = (said or "").partition("://")
    return said if mark and scheme.lower() in schemes() else None


def _settings() -> list[str | None]:
    mlflow: Any = sys.modules.get("mlflow")  # importing it would take a second
    told = mlflow.get_registry_uri() if hasattr(mlflow, "get_registry_uri") else None
    return [told, os.environ.get("MLFLOW_REGISTRY_URI"), os.environ.get("MLFLOW_TRACKING_URI")]


def source_of(uri: str, given: Callable[[], Source | None] | None = None) -> Source:
    """The registry that a URI is of.

    Args:
        uri: Its own, or its address.
        given: The target's, where it has one; asked now.

    Raises:
        SpecError: It is installed and cannot be used.
    """
    own = given() if given is not None else None
    if own is not None:
        return own
    scheme = uri.partition(":")[0].lower()
    try:
        return cast("Source", _entry_points()[scheme].load()())
    except ImportError as error:
        raise SpecError(
            f"models of {scheme}: cannot be read: {error}", where=uri, hint=f"pip install 'mlflow-deployer[{scheme}]'"
        ) from error
