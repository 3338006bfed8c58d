"""Who names what lies in a store that all endpoints share: Records, and models of the account, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployer.endpoint import Record
from deployer_sagemaker.client import Aws
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.records import Records

__all__ = ["Naming"]

_THREADS = 6
_REMEMBERED = 60.0
"""Seconds that what models name is good for: each of them is asked for by a call of its own."""


class Naming:
    """Looks for names.

    Args:
        aws: The connection.
        records: Where Records lie.
    """

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws = aws
        self._records = records
        self._models: tuple[float, tuple[str, ...]] | None = None

    def records(self) -> list[Record] | None:
        """All of them; None where one is there that cannot be read, so that nobody knows what it names."""
        found = [self._records.read(name) for name in self._records.names()]
        records = [each[0] for each in found if each is not None]
        return records if len(records) == len(found) else None

    @property
    def place(self) -> str:
        """Where Records lie, as marks have it."""
        return self._records.place

    def of_models(self) -> tuple[str, ...]:
        """Images and places in S3 that models of this account and region name; remembered for a minute.

        Raises:
            Refused: AWS answers with an error.
        """
        now = self._aws.now()
        if self._models is None or now - self._models[0] > _REMEMBERED:
            names = [str(each["ModelName"]) for each in self._aws.all("sagemaker", "ListModels", "Models", {})]
            with ThreadPoolExecutor(_THREADS) as pool:
                self._models = (now, tuple(each for found in pool.map(self._of_model, names) for each in found))
        return self._models[1]

    def _of_model(self, name: str) -> list[str]:
        try:
            described = self._aws.ask("sagemaker", "DescribeModel", {"ModelName": name})
        except Refused as refused:
            if refused.missing:
                return []
            raise
        containers = [described.get("PrimaryContainer") or {}, *(described.get("Containers") or ())]
        return [text for each in containers for text in _texts(each)]


def _texts(container: Mapping[str, Any]) -> Iterator[str]:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    for text in (container.get("Image"), container.get("ModelDataUrl"), source.get("S3Uri")):
        if text:
            yield str(text)
