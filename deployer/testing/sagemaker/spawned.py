"""The double as a process of its own, for whoever already has one in theirs, or tests a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.cloud.spawned import SpawnedDouble
from deployer.testing.sagemaker.double import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Spawned"]


class Spawned(SpawnedDouble):
    """``python -m deployer.testing.sagemaker``; see `deployer.testing.cloud.spawned.SpawnedDouble`.

    Attributes:
        url: For ``AWS_ENDPOINT_URL``.
        environment: What a client needs in its environment.
    """

    module = "deployer.testing.sagemaker"
    called = "the SageMaker double"
    url: str = ""
    environment: Mapping[str, str] = {}

    def _learn(self, told: Mapping[str, Any]) -> None:
        self.url, self.environment = told["url"], told["environment"]

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route, as `deployer.testing.sagemaker.double.Double.tell` does."""
        return tell(self.url, method, route, value)
