"""Models in the bucket that no endpoint mounts any more: found and removed by ``deployer gc``."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.named import busy, models_in
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.naming import Naming
from deployer_sagemaker.records import Records
from deployer_sagemaker.weights import KeptModel, S3Weights

__all__ = ["Mounted"]

_PREFIX = "weights:"


class Mounted:
    """Looks for them, and removes them.

    Args:
        aws: The connection.
        records: Where Records lie, and in whose bucket models do.
        naming: Who names what.
    """

    def __init__(self, aws: Aws, records: Records, naming: Naming) -> None:
        self._aws = aws
        self._records = records
        self._naming = naming
        self._weights = S3Weights(aws, lambda: records.bucket)

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
            with told("look for the weights", self._records.bucket.weights):
                now, named = self._aws.now(), models_in(records)
                found = [each for each in self._weights.kept() if each.model not in named]
                found = [each for each in found if now - each.since >= older_than]
                places = "\n".join(self._naming.of_models()) if found else ""
                return [each for each in found if each.model not in places]
        except DeployerError:
            return []  # nobody can tell what is needed


def _identity(model: KeptModel) -> str:
    """Another one of the same digest that is put there later is another thing."""
    return f"{_PREFIX}{model.model}@{model.since:.0f}"
