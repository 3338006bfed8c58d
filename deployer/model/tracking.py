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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import DeployerError, SpecError
from deployer.model.translation import CREDENTIALS_HINT, SERVER_HINT, redacted, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

__all__ = ["Tracking"]

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own defaults (7 retries, doubling from 2 s) keep silent for minutes when a server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Set while MLflow works, unless the user has set them."""

_CHATTER = ("mlflow", "urllib3", "alembic", "sqlalchemy", "botocore", "azure", "google")


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
                    hint=CREDENTIALS_HINT,
                )
        self.tracking_uri = tracking_uri
        self.registry_uri = registry_uri

    @contextlib.contextmanager
    def client(self, where: str) -> Iterator[MlflowClient]:
        """MLflow's client; what goes wrong inside is raised as an error of ours."""
        with _quiet(), _reported(where, self):
            from mlflow import MlflowClient

            self._refuse_nothing(where)
            yield MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri)

    @contextlib.contextmanager
    def repository(self, location: str, where: str) -> Iterator[Any]:
        """The artifact repository at ``location``; what goes wrong inside is raised as an error of ours."""
        with _quiet(), _reported(where, self):
            if location.startswith("mlflow-artifacts:"):
                self._refuse_nothing(where)
            yield self._repository(location)

    def _refuse_nothing(self, where: str) -> None:
        """MLflow's choice, when nobody says anything, is a database in the working folder, which it would make."""
        import mlflow

        uri = self.tracking_uri or mlflow.get_tracking_uri()
        path = uri.removeprefix("sqlite:///")
        if path != uri and not Path(path).exists():
            raise SpecError(f"there is no tracking server: {uri} does not exist", where=where, hint=SERVER_HINT)

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
def _reported(where: str, tracking: Tracking) -> Iterator[None]:
    """Turns whatever MLflow and its clients raise into an error of ours; MLflow has many for the same thing."""
    try:
        yield
    except DeployerError:
        raise
    except Exception as error:
        raise translated(error, where, tracking.address()) from None
