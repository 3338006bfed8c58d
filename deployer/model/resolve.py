"""From a model's URI to the one immutable thing that it names now: a version, a run's artifact, a folder."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import NotFound, SpecError
from deployer.model.mlmodel import MLMODEL
from deployer.model.sources import Source, registry_beside, source_of
from deployer.model.tracking import Tracking
from deployer.model.uri import Kind, ModelURI, parse_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlflow import MlflowClient

__all__ = ["ResolvedModel", "resolve"]

_NAMES_ASKED = 1000
_SHOWN = 6


@dataclass(frozen=True)
class ResolvedModel:
    """A model's URI and what it names now.

    Args:
        uri: As it was given.
        resolved: What it names, immutable where MLflow has such a thing: ``models:/iris/3`` for an alias, a stage or
            ``latest``; ``models:/m-...``; ``runs:/RUN/PATH``; a folder's absolute path; the long form of another
            registry's; the URI itself otherwise.
        kind: Which form the URI has.
        alias: The alias that was asked for, or None.
        version: A registered model's version, or None.
        location: Where its files are for MLflow's artifact client, or a folder. It may change while ``resolved``
            stays, so it belongs in no record and is no part of what is compared.
        tracking_uri: The tracking server that was asked, or None for MLflow's own choice.
        registry_uri: The registry that was asked, or None for MLflow's own choice.
        source: The registry beside MLflow's own that it is of, or None.
    """

    uri: str
    resolved: str
    kind: Kind
    alias: str | None = None
    version: str | None = None
    location: str = field(default="", compare=False, repr=False)
    tracking_uri: str | None = field(default=None, compare=False, repr=False)
    registry_uri: str | None = field(default=None, compare=False, repr=False)
    source: Source | None = field(default=None, compare=False, repr=False)

    @property
    def folder(self) -> Path | None:
        """The folder on this machine that it lies in, or None when it is to be downloaded."""
        return Path(self.location) if self.kind is Kind.PATH or Path(self.location).is_absolute() else None

    @property
    def tracking(self) -> Tracking:
        """The client of the server that it was found on."""
        return Tracking(self.tracking_uri, self.registry_uri)


def resolve(
    uri: str | os.PathLike[str],
    *,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    source: Callable[[], Source | None] | None = None,
) -> ResolvedModel:
    """Finds out what a model's URI names now. Reads no file of the model.

    Args:
        uri: A folder, ``file://``, ``models:/``, ``runs:/``, ``mlflow-artifacts:``, an object store's URI, or that of
            another registry (`deployer.model.sources`).
        tracking_uri: The tracking server; by default MLflow's own choice.
        registry_uri: The registry; by default MLflow's own choice.
        source: The target's own registry, asked where the URI is one of another registry than MLflow's.

    Raises:
        SpecError: The URI is not one, carries credentials, or needs a package that is not installed.
        NotFound: No such folder, model, version, alias, stage or run; the hint names what there is.
        TargetUnavailable: The server cannot be reached or does not let us in.
    """
    parsed = parse_uri(os.fspath(uri))
    if parsed.kind is Kind.PATH:
        return _folder(parsed)
    beside = registry_beside(registry_uri, tracking_uri) if parsed.kind is Kind.REGISTRY else None
    if parsed.kind is Kind.ASSET or beside is not None:
        return _beside(parsed, source_of(beside or parsed.text, source), beside)
    tracking = Tracking(tracking_uri, registry_uri)
    found = _FINDERS[parsed.kind](parsed, tracking)
    return ResolvedModel(
        uri=parsed.text,
        resolved=found.resolved,
        kind=parsed.kind,
        alias=parsed.alias,
        version=found.version,
        location=_local(found.location),
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    resolved: str
    location: str
    version: str | None = None


def _folder(parsed: ModelURI) -> ResolvedModel:
    path = Path(parsed.name).expanduser()
    if not path.exists():
        raise NotFound("there is no such folder", where=parsed.text, hint=_nearest_path(path))
    if not path.is_dir():
        hint = f"name the folder: {path.parent}" if path.name == MLMODEL else "name the folder that holds MLmodel"
        raise SpecError("a model is a folder, and this is a file", where=parsed.text, hint=hint)
    real = os.path.realpath(path)
    return ResolvedModel(uri=parsed.text, resolved=real, kind=Kind.PATH, location=real)


def _beside(parsed: ModelURI, source: Source, registry: str | None) -> ResolvedModel:
    """A model of another registry; its long form needs no registry to be named any more."""
    found = source.find(parsed.text, registry)
    return ResolvedModel(
        uri=parsed.text,
        resolved=found.resolved,
        kind=Kind.ASSET,
        alias=found.alias,
        version=found.version,
        location=found.location,
        source=source,
    )


def _nearest_path(path: Path) -> str:
    try:
        names = [found.name for found in path.parent.iterdir() if found.is_dir()]
    except OSError:
        return f"the folder {path.parent} is not there either"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / near[0]}?" if near else "name the folder that holds MLmodel"


def _local(location: str) -> str:
    """A location on this machine's disk as a plain path; others as they are."""
    if location.startswith("file:"):
        return parse_uri(location).name
    return location


def _registered(parsed: ModelURI, tracking: Tracking) -> _Found:
    with tracking.client(parsed.text) as client:
        version = parsed.version or _version(client, parsed)
        try:
            location = client.get_model_version_download_uri(parsed.name, version)
        except Exception as error:
            if _is_missing(error):
                raise _no_version(client, parsed, version) from None
            raise
    resolved = f"models:/{parsed.name}/{version}"
    return _Found(resolved, resolved if tracking.is_databricks() else location, version)


def _version(client: MlflowClient, parsed: ModelURI) -> str:
    if parsed.alias:
        try:
            return str(client.get_model_version_by_alias(parsed.name, parsed.alias).version)
        except Exception as error:
            if _is_missing(error) or _code(error) == "INVALID_PARAMETER_VALUE":  # MLflow's code for an unknown alias
                raise _no_alias(client, parsed) from None
            raise
    try:
        stages = None if parsed.stage == "latest" else [str(parsed.stage)]
        found = client.get_latest_versions(parsed.name, stages)
    except Exception as error:
        if _is_missing(error):
            raise _no_model(client, parsed) from None
        if _code(error) == "INVALID_PARAMETER_VALUE":
            raise _no_stage(parsed) from None
        raise
    if not found:
        _known_model(client, parsed)
        raise _no_stage(parsed)
    return str(max(int(version.version) for version in found))


def _logged(parsed: ModelURI, tracking: Tracking) -> _Found:
    with tracking.client(parsed.text) as client:
        try:
            location = client.get_logged_model(parsed.name).artifact_location
        except Exception as error:
            if _is_missing(error):
                raise NotFound(
                    f"there is no logged model {parsed.name}", where=parsed.text, hint=f"looked on {tracking.address()}"
                ) from None
            raise
    return _Found(f"models:/{parsed.name}", str(location))


def _run_artifact(parsed: ModelURI, tracking: Tracking) -> _Found:
    """MLflow 3 keeps a run's models beside it, earlier ones inside it; a logged model of that name leads, as there."""
    with tracking.client(parsed.text) as client:
        try:
            run = client.get_run(parsed.name)
        except Exception as error:
            if _is_missing(error) or _code(error) == "INVALID_PARAMETER_VALUE":
                raise NotFound(
                    f"there is no run {parsed.name}", where=parsed.text, hint=f"looked on {tracking.address()}"
                ) from None
            raise
        path = str(parsed.path)
        name, _, rest = path.partition("/")
        location = _model_of_run(client, run, name)
    root, inside = (location, rest) if location else (str(run.info.artifact_uri), path)
    return _Found(f"runs:/{parsed.name}/{path}", f"{root.rstrip('/')}/{inside}".rstrip("/"))


def _model_of_run(client: MlflowClient, run: Any, name: str) -> str | None:
    if not hasattr(client, "search_logged_models") or "'" in name:
        return None
    token: str | None = None
    while True:
        try:
            page = client.search_logged_models(
                [run.info.experiment_id], filter_string=f"name = '{name}'", page_token=token
            )
        except Exception as error:
            if _is_missing(error):  # a server before MLflow 3
                return None
            raise
        for model in page:
            if model.source_run_id == run.info.run_id:
                return str(model.artifact_location)
        token = page.token
        if not token:
            return None


def _as_it_is(parsed: ModelURI, _: Tracking) -> _Found:
    return _Found(parsed.name, parsed.name)


_FINDERS = {
    Kind.REGISTRY: _registered,
    Kind.LOGGED_MODEL: _logged,
    Kind.RUN: _run_artifact,
    Kind.ARTIFACTS: _as_it_is,
    Kind.OBJECT_STORE: _as_it_is,
}


def _code(error: Exception) -> str:
    return str(getattr(error, "error_code", ""))


def _is_missing(error: Exception) -> bool:
    return _code(error) in {"RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_FOUND"}


def _known_model(client: MlflowClient, parsed: ModelURI) -> Any:
    """The registered model; NotFound, with the nearest name, when there is none."""
    try:
        return client.get_registered_model(parsed.name)
    except Exception as error:
        if _is_missing(error):
            raise _no_model(client, parsed) from None
        raise


def _no_model(client: MlflowClient, parsed: ModelURI) -> NotFound:
    names = [model.name for model in client.search_registered_models(max_results=_NAMES_ASKED)]
    near = difflib.get_close_matches(parsed.name, names, n=1)
    hint = f"did you mean models:/{near[0]}?" if near else _listed("models there", names)
    return NotFound(f"there is no registered model {parsed.name}", where=parsed.text, hint=hint)


def _no_alias(client: MlflowClient, parsed: ModelURI) -> NotFound:
    aliases = sorted(_known_model(client, parsed).aliases or {})
    near = difflib.get_close_matches(str(parsed.alias), aliases, n=1)
    hint = f"did you mean models:/{parsed.name}@{near[0]}?" if near else _listed("its aliases", aliases)
    return NotFound(f"{parsed.name} has no alias {parsed.alias}", where=parsed.text, hint=hint)


def _no_version(client: MlflowClient, parsed: ModelURI, version: str) -> NotFound:
    _known_model(client, parsed)
    return NotFound(
        f"{parsed.name} has no version {version}",
        where=parsed.text,
        hint=_listed("its versions", _versions(client, parsed)),
    )


def _no_stage(parsed: ModelURI) -> NotFound:
    if parsed.stage == "latest":
        return NotFound(f"{parsed.name} has no versions yet", where=parsed.text, hint="register one with MLflow")
    return NotFound(
        f"{parsed.name} has no version in the stage {parsed.stage}",
        where=parsed.text,
        hint=f"write models:/{parsed.name}@ALIAS, models:/{parsed.name}/VERSION or models:/{parsed.name}/latest",
    )


def _versions(client: MlflowClient, parsed: ModelURI) -> Iterator[str]:
    found = client.search_model_versions(f"name='{parsed.name}'") if "'" not in parsed.name else []
    numbers = sorted((int(version.version) for version in found), reverse=True)
    return map(str, numbers)


def _listed(what: str, names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{what}: {', '.join(shown[:_SHOWN])}{more}" if shown else f"{what}: none"
