"""Where a model is said to be: the forms of URI that are understood, told apart without asking anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployer.errors import SpecError
from deployer.model.sources import schemes

__all__ = ["FORMS", "Kind", "ModelURI", "parse_uri"]

FORMS = (
    "models:/NAME/VERSION, models:/NAME@ALIAS, models:/NAME/latest, models:/CATALOG.SCHEMA.NAME/VERSION, "
    "models:/m-ID, runs:/RUN/PATH, mlflow-artifacts:/PATH, s3://BUCKET/PATH, azureml:NAME:VERSION, or a folder"
)
"""What a hint lists when a URI is none of them."""

_OBJECT_STORES = frozenset({"s3", "gs", "abfss", "wasbs", "wasb", "abfs", "dbfs", "hdfs", "viewfs", "r2", "b2"})
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LOGGED_MODEL = re.compile(r"m-[0-9a-zA-Z]{8,}")


class Kind(StrEnum):
    """What a model's URI names."""

    PATH = "path"
    REGISTRY = "registry"
    RUN = "run"
    LOGGED_MODEL = "logged-model"
    ARTIFACTS = "artifacts"
    OBJECT_STORE = "object-store"
    ASSET = "asset"
    """Of a registry beside MLflow's own (`deployer.model.sources`)."""


@dataclass(frozen=True, slots=True)
class ModelURI:
    """A model's URI, taken apart.

    Args:
        text: As it was given.
        kind: Which form it has.
        name: The registered model, the logged model's id or the run's id; for the rest the path or URI itself.
        version: A registered model's version.
        alias: A registered model's alias.
        stage: A registered model's stage (``Production``, ``Staging``), or ``latest``.
        path: A run's artifact path.
    """

    text: str
    kind: Kind
    name: str
    version: str | None = None
    alias: str | None = None
    stage: str | None = None
    path: str | None = None


def parse_uri(text: str) -> ModelURI:
    """Takes a model's URI apart, without touching a disk or a network.

    Raises:
        SpecError: It has none of the known forms, or carries a user name or password.
    """
    if not text.strip() or any(ord(sign) < 32 for sign in text):
        raise SpecError("the model's URI is empty or has control characters", hint=f"forms: {FORMS}")
    match = _SCHEME.match(text)
    if match is None or _WINDOWS_DRIVE.match(text):
        return ModelURI(text, Kind.PATH, text)
    scheme = match[1].lower()
    if scheme == "models":
        return _registry(text)
    _refuse_user_info(text, scheme)
    if scheme in schemes():
        return ModelURI(text, Kind.ASSET, text)
    if scheme == "file":
        return ModelURI(text, Kind.PATH, _file_path(text))
    if scheme == "runs":
        return _run(text)
    if scheme == "mlflow-artifacts":
        return ModelURI(text, Kind.ARTIFACTS, text.rstrip("/"))
    if scheme in _OBJECT_STORES:
        return ModelURI(text, Kind.OBJECT_STORE, text.rstrip("/"))
    if Path(text).exists():  # a folder whose name has a colon
        return ModelURI(text, Kind.PATH, text)
    raise SpecError(f"models are not read from {scheme}: URIs", where=text, hint=f"forms: {FORMS}")


def _refuse_user_info(text: str, scheme: str) -> None:
    try:
        parts = urlsplit(text)
        user_info = "@" in parts.netloc
    except ValueError:
        raise SpecError("not a URI", hint=f"forms: {FORMS}") from None
    # abfss://CONTAINER@ACCOUNT... and wasbs:// write a container there, never a password.
    azure = scheme in {"abfss", "abfs", "wasbs", "wasb"} and ":" not in parts.netloc.rpartition("@")[0]
    if user_info and not azure:
        raise SpecError(
            f"a {scheme}: URI must not carry a user name or password",
            where=f"{scheme}://***@{parts.hostname or ''}{parts.path}",
            hint="give credentials by the environment (MLFLOW_TRACKING_USERNAME, AWS_PROFILE, ...) instead",
        )


def _registry(text: str) -> ModelURI:
    rest = text[len("models:") :]
    if rest.startswith("//") or not rest.startswith("/") or not rest.strip("/"):
        raise SpecError("not a models:/ URI", where=text, hint=_registry_forms("NAME"))
    parts = rest[1:].rstrip("/").split("/")
    name, suffix = parts[0], parts[1] if len(parts) > 1 else None
    if len(parts) > 2 or not name.strip() or suffix == "":
        raise SpecError("not a models:/ URI", where=text, hint=_registry_forms(name or "NAME"))
    if suffix is None and "@" in name:
        name, _, alias = name.rpartition("@")
        if not name or not alias:
            raise SpecError("an alias URI needs a name and an alias", where=text, hint=_registry_forms(name or "NAME"))
        return ModelURI(text, Kind.REGISTRY, name, alias=alias)
    if suffix is None:
        if _LOGGED_MODEL.fullmatch(name):
            return ModelURI(text, Kind.LOGGED_MODEL, name)
        raise SpecError(f"models:/{name} names no version of the model", where=text, hint=_registry_forms(name))
    if suffix.isdecimal():
        return ModelURI(text, Kind.REGISTRY, name, version=str(int(suffix)))
    if "@" in name:
        raise SpecError("a models:/ URI has an alias or a version, not both", where=text, hint=_registry_forms("NAME"))
    return ModelURI(text, Kind.REGISTRY, name, stage="latest" if suffix.lower() == "latest" else suffix)


def _registry_forms(name: str) -> str:
    return f"write models:/{name}/1 (a version), models:/{name}@champion (an alias) or models:/{name}/latest"


def _run(text: str) -> ModelURI:
    rest = text[len("runs:") :].strip("/")
    run, _, path = rest.partition("/")
    parts = path.split("/")
    if not run or not path or any(part in {"", ".", ".."} for part in parts):
        raise SpecError(
            "not a runs:/ URI", where=text, hint="write runs:/RUN_ID/PATH, for example runs:/0123abcd/model"
        )
    return ModelURI(text, Kind.RUN, run, path=path)


def _file_path(text: str) -> str:
    parts = urlsplit(text)
    if parts.netloc not in {"", "localhost"}:
        raise SpecError("a file: URI names this machine only", where=text, hint="write file:///absolute/path")
    path = unquote(parts.path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path
