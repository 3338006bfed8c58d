"""The MLflow client as this package uses it: quiet, quick to give up, and with errors of our own.

Nothing of a model is loaded here: only registry look-ups, listings and downloads. MLflow is imported on first use,
inside functions: a model that is a local folder never pays for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import warnings
from typing import TYPE_CHECKING, Any

from deployer.errors import BuildError, DeployerError, NotFound, SpecError, TargetUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

__all__ = ["Tracking", "redacted", "reported"]

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own defaults (7 retries, doubling from 2 s) keep silent for minutes when a server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Set while MLflow works, unless the user has set them."""

_CHATTER = ("mlflow", "urllib3", "alembic", "sqlalchemy", "botocore", "azure", "google")

_INSTALL = {
    "boto3": "boto3",
    "botocore": "boto3",
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-storage-file-datalake azure-identity",
    "sqlalchemy": "mlflow",
    "alembic": "mlflow",
    "databricks": "'mlflow-skinny[databricks]'",
    "pyarrow": "pyarrow",
    "pysftp": "pysftp",
}
"""The distribution that brings a module which MLflow wants for one scheme of URIs."""

_CREDENTIALS_HINT = (
    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the environment"
)


class _Quiet:
    """Counts the users of the process-wide settings, so that threads do not restore them under each other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users = 0
        self.added: list[str] = []
        self.levels: dict[str, int] = {}


_QUIET = _Quiet()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with _QUIET.lock:
        _QUIET.users += 1
        if _QUIET.users == 1:
            _QUIET.added = [name for name in _DEFAULTS if name not in os.environ]
            os.environ.update({name: _DEFAULTS[name] for name in _QUIET.added})
            _QUIET.levels = {name: logging.getLogger(name).level for name in _CHATTER}
            for name in _CHATTER:
                logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        with _QUIET.lock:
            _QUIET.users -= 1
            if _QUIET.users == 0:
                for name in _QUIET.added:
                    os.environ.pop(name, None)
                for name, level in _QUIET.levels.items():
                    logging.getLogger(name).setLevel(level)


class Tracking:
    """One tracking server and registry.

    Args:
        tracking_uri: None for MLflow's own choice (MLFLOW_TRACKING_URI, or what ``mlflow.set_tracking_uri`` said).
        registry_uri: None for MLflow's own choice.
    """

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        for uri in (tracking_uri, registry_uri):
            if uri and re.match(r"[a-z]+://[^/]*@", uri):
                raise SpecError(
                    "a tracking server's address must not carry a user name or password",
                    where=redacted(uri),
                    hint=_CREDENTIALS_HINT,
                )
        self.tracking_uri = tracking_uri
        self.registry_uri = registry_uri

    @contextlib.contextmanager
    def client(self, where: str) -> Iterator[MlflowClient]:
        """MLflow's client; what goes wrong inside is raised as an error of ours."""
        with _quiet(), reported(where, self):
            from mlflow import MlflowClient

            yield MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri)

    @contextlib.contextmanager
    def repository(self, location: str, where: str) -> Iterator[Any]:
        """The artifact repository at ``location``; what goes wrong inside is raised as an error of ours."""
        with _quiet(), reported(where, self):
            yield self._repository(location)

    def _repository(self, location: str) -> Any:
        import inspect

        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        accepted = inspect.signature(get_artifact_repository).parameters
        if "tracking_uri" in accepted:
            given = {"tracking_uri": self.tracking_uri, "registry_uri": self.registry_uri}
            return get_artifact_repository(location, **{key: given[key] for key in given if key in accepted})
        if self.tracking_uri and location.startswith("mlflow-artifacts:"):  # before MLflow 3.4
            from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

            resolve: Any = MlflowArtifactsRepository.resolve_uri
            location = resolve(location, self.tracking_uri)
        return get_artifact_repository(location)

    def address(self) -> str:
        """The tracking server's address for people, without credentials."""
        uri = self.tracking_uri
        if uri is None:
            with _quiet():
                import mlflow

                uri = mlflow.get_tracking_uri()
        return redacted(uri)

    def is_databricks(self) -> bool:
        """Whether models are in a Databricks or Unity Catalog registry, which hands out credentials by itself."""
        with _quiet():
            import mlflow

            uri = self.registry_uri or mlflow.get_registry_uri()
        return uri.startswith(("databricks", "uc:"))


@contextlib.contextmanager
def reported(where: str, tracking: Tracking) -> Iterator[None]:
    """Turns whatever MLflow and its clients raise into an error of ours; MLflow has many for the same thing."""
    try:
        yield
    except DeployerError:
        raise
    except Exception as error:
        raise _translated(error, where, tracking) from None


def _translated(error: Exception, where: str, tracking: Tracking) -> DeployerError:
    chain = list(_chain(error))
    for found in chain:
        if isinstance(found, ModuleNotFoundError):
            return _missing_module(found, where)
        if isinstance(found, OSError) and found.errno == 28:
            return BuildError("the disk is full", where=found.filename or where, hint="free some space and try again")
    text = " ".join(str(found) for found in chain)
    code = next((str(found.error_code) for found in chain if hasattr(found, "error_code")), "")
    status = next((s for s in map(_status, chain) if s), None) or _status_in(text)
    if "sqlalchemy" in text or re.search(r"Supported URI schemes|UnsupportedModelRegistryStore", text):
        return SpecError(
            f"MLflow's client cannot use {tracking.address()}",
            where=where,
            hint="for a database: pip install mlflow; or set MLFLOW_TRACKING_URI to a server's address",
        )
    return _answered(code, status, text, where, tracking) or TargetUnavailable(
        f"MLflow could not read the model: {_first_line(text)}",
        where=where,
        hint=f"tracking server: {tracking.address()}",
    )


def _answered(code: str, status: int | None, text: str, where: str, tracking: Tracking) -> DeployerError | None:
    address = tracking.address()
    if status == 401 or code == "UNAUTHENTICATED":
        return TargetUnavailable(f"{address} wants credentials (401)", where=where, hint=_CREDENTIALS_HINT)
    if status == 403 or code == "PERMISSION_DENIED":
        return TargetUnavailable(
            f"{address} does not let this user read the model (403)",
            where=where,
            hint="ask for READ permission on the model, or " + _CREDENTIALS_HINT,
        )
    if re.search(r"NoCredentials|Unable to locate credentials|DefaultCredentialsError|ClientAuthenticationError", text):
        return TargetUnavailable(
            f"the storage wants credentials: {_first_line(text)}",
            where=where,
            hint="sign in with the cloud's own tool, or set its environment variables",
        )
    if code in {"RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_FOUND"} or status == 404:
        return NotFound(f"not found: {_first_line(text)}", where=where, hint=f"looked on {address}")
    if code in {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"} or status == 400:
        return SpecError(f"MLflow refuses the request: {_first_line(text)}", where=where)
    return _not_reached(code, status, text, where, address)


def _not_reached(code: str, status: int | None, text: str, where: str, address: str) -> DeployerError | None:
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed", text):
        return TargetUnavailable(
            f"the certificate of {address} cannot be verified",
            where=where,
            hint="name your authority's certificates: export REQUESTS_CA_BUNDLE=/path/to/ca.pem",
        )
    if code in {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"} or (status or 0) >= 500 or status == 429:
        return TargetUnavailable(
            f"{address} cannot answer now: {_busy(status, text)}", transient=True, where=where, hint="try again"
        )
    if _NOT_REACHED.search(text):
        return TargetUnavailable(
            f"{address} cannot be reached: {_why(text)}",
            transient=True,
            where=where,
            hint="check MLFLOW_TRACKING_URI, the network and the proxy settings",
        )
    return None


_NOT_REACHED = re.compile(
    r"Connection ?Error|Connection refused|NameResolutionError|Name or service not known|Max retries exceeded|"
    r"timed out|Read timeout|ConnectTimeout|EndpointConnectionError|RemoteDisconnected|Connection aborted|"
    r"No route to host|Network is unreachable|getaddrinfo failed|ProxyError|nodename nor servname",
    re.IGNORECASE,
)
_REASONS = (
    ("connection refused", "nothing listens there (connection refused)"),
    ("name or service not known", "its name is not known"),
    ("nameresolution", "its name is not known"),
    ("nodename nor servname", "its name is not known"),
    ("getaddrinfo", "its name is not known"),
    ("proxy", "the proxy refuses"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("no route", "no route to it"),
    ("unreachable", "no route to it"),
)


def _busy(status: int | None, text: str) -> str:
    return f"it answers {status}" if status else _first_line(text)


def _why(text: str) -> str:
    lowered = text.lower()
    return next((reason for sign, reason in _REASONS if sign in lowered), "the connection broke")


def _missing_module(error: ModuleNotFoundError, where: str) -> SpecError:
    module = (error.name or "").partition(".")[0]
    install = _INSTALL.get(module, module)
    return SpecError(
        f"reading this URI needs the Python module {error.name}, which is not installed",
        where=where,
        hint=f"pip install {install}",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is None and isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


def _status_in(text: str) -> int | None:
    match = re.search(r"\b([45]\d\d) (?:Client|Server) Error|error code (\d{3})\b|too many (\d{3}) error", text)
    return int(next(group for group in match.groups() if group)) if match else None


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#####")]
    line = next((found for found in lines if not found.startswith("The following failures")), lines[0] if lines else "")
    line = re.sub(r"^(RESOURCE_DOES_NOT_EXIST|INVALID_PARAMETER_VALUE|INTERNAL_ERROR): ", "", redacted(line))
    line = "".join(sign if sign.isprintable() else "?" for sign in line).rstrip(".")
    return line if len(line) <= 200 else f"{line[:197]}..."


def redacted(text: str) -> str:
    """The text without the user information of any URL in it."""
    return re.sub(r"(://)[^/@\s'\"]+@", r"\1***@", text)
