"""Models in the store that no endpoint mounts any more: found and removed by ``deployer gc``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.named import busy, models_in, mounts
from deployer_azureml.client import Azure, told
from deployer_azureml.naming import Naming
from deployer_azureml.weights import ASSET, AssetWeights, KeptModel, version_of

__all__ = ["Mounted", "is_put"]

_PREFIX = "weights:"


class Mounted:
    """Looks for them, and removes them.

    Args:
        azure: The connection.
        weights: Where they lie.
        naming: Who names what.
    """

    def __init__(self, azure: Azure, weights: AssetWeights, naming: Naming) -> None:
        self._azure = azure
        self._weights = weights
        self._naming = naming

    def knows(self, orphan: Orphan) -> bool:
        """Whether it is such a model."""
        return orphan.identity.startswith(_PREFIX)

    def find(self, older_than: float) -> Iterator[Orphan]:
        """What may be removed, older than so many seconds."""
        for each in self._left(older_than):
            what = f"{'model' if each.whole else 'part of a model'} {each.model[:12]} of image.weights: mount"
            yield Orphan(_identity(each), what, None, each.since)

    def remove(self, orphan: Orphan, older_than: float) -> bool:
        """Look again, and remove it if it is what was found, and nobody mounts it."""
        for each in self._left(older_than):
            if _identity(each) == orphan.identity:
                self._weights.remove(each.model)
                return True
        return False

    def _left(self, older_than: float) -> list[KeptModel]:
        try:
            records = self._naming.records()
            if records is None or busy(records):
                return []  # a model is put there before a Record names it
            with told("look for models", self._weights.root):
                if self._naming.unrecorded(records):
                    return []
                now, named = self._azure.now(), models_in(records, is_put)
                found = [each for each in self._weights.kept() if each.model not in named]
                found = [each for each in found if max(0.0, now - each.since) >= older_than]
                runs = "\n".join(self._naming.of_deployments()).lower() if found else ""
                return [each for each in found if f"/{ASSET}/versions/{version_of(each.model)}" not in runs]
        except DeployerError:
            return []  # nobody can tell what is needed


def _identity(model: KeptModel) -> str:
    """Another one of the same digest that is put there later is another thing."""
    return f"{_PREFIX}{model.model}@{model.since:.0f}"


def is_put(wish: Mapping[str, Any] | None) -> bool:
    """Whether the model of a wish is put into the store: to be mounted, or for Azure to build of."""
    config = (wish or {}).get("config")
    return mounts(wish) or (isinstance(config, Mapping) and bool(config.get("no_code")))
