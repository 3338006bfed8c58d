"""Who names what lies in a store that all endpoints share: Records, and the workspace's deployments, of whomever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer_azureml.client import Azure
from deployer_azureml.documents import read_endpoint
from deployer_azureml.names import ENDPOINTS, endpoint_path
from deployer_azureml.records import Records

__all__ = ["Naming"]

_THREADS = 5
_REMEMBERED = 60.0
"""Seconds that what deployments name is good for: each endpoint is asked for by a call of its own."""


class Naming:
    """Looks for names.

    Args:
        azure: The connection.
        records: Where Records lie.
    """

    def __init__(self, azure: Azure, records: Records) -> None:
        self._azure = azure
        self._records = records
        self._deployed: tuple[float, frozenset[str], tuple[str, ...]] | None = None

    def records(self) -> list[Record] | None:
        """All of them; None where one is there that cannot be read, so that nobody knows what it names."""
        found = [self._records.read(name) for name in self._records.names()]
        records = [each[0] for each in found if each is not None]
        return records if len(records) == len(found) else None

    def unrecorded(self, records: Iterable[Record]) -> frozenset[str]:
        """Endpoints of ours without one of these Records: theirs may lie elsewhere, and name what lies here.

        Raises:
            Refused: Azure answers with an error.
        """
        known = {each.endpoint for each in records}
        listed = (read_endpoint(each) for each in self._azure.all(ENDPOINTS))
        return frozenset(each.name for each in listed if each.ours) - known

    def of_deployments(self) -> tuple[str, ...]:
        """Ids of models, and images, that deployments of the workspace run; remembered for a minute.

        Raises:
            Refused: Azure answers with an error.
            TargetUnavailable: An environment of one is gone, so that nobody knows its image.
        """
        return self._look()[2]

    def environments(self) -> frozenset[str]:
        """Ids, in lower case, of the environments that deployments of the workspace are made of; the same.

        Raises:
            Refused: Azure answers with an error.
        """
        return self._look(images=False)[1]

    def _look(self, *, images: bool = True) -> tuple[float, frozenset[str], tuple[str, ...]]:
        now = self._azure.now()
        known = self._deployed
        if known is None or now - known[0] > _REMEMBERED or (images and not known[2]):
            names = [str(each["name"]) for each in self._azure.all(ENDPOINTS)]
            with ThreadPoolExecutor(_THREADS) as pool:
                told: list[Mapping[str, Any]] = [each for found in pool.map(self._of_endpoint, names) for each in found]
                environments = {str(each["environmentId"]) for each in told if each.get("environmentId")}
                runs = [*pool.map(self._image, sorted(environments))] if images else []
            models = [str(each["model"]) for each in told if each.get("model")] if images else []
            known = self._deployed = (now, frozenset(each.lower() for each in environments), (*models, *runs))
        return known

    def _of_endpoint(self, endpoint: str) -> list[Mapping[str, Any]]:
        return [each.get("properties") or {} for each in self._azure.all(f"{endpoint_path(endpoint)}/deployments")]

    def _image(self, environment: str) -> str:
        """Of an environment; a shared registry's (``azureml://registries/...``) is not of the workspace's images."""
        if not environment.startswith("/subscriptions/"):
            return ""
        found = self._azure.get(environment)
        if found is None:
            raise TargetUnavailable("the environment of a deployment is gone", where=environment)
        return str((found.get("properties") or {}).get("image") or "")
