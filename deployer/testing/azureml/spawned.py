"""The double as a process of its own, to test a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.double import tell
from deployer.testing.cloud.spawned import SpawnedDouble

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Spawned"]


class Spawned(SpawnedDouble):
    """``python -m deployer.testing.azureml``; see `deployer.testing.cloud.spawned.SpawnedDouble`.

    Attributes:
        url: Where it is.
        ca: The file of its authority.
        environment: As `deployer.testing.azureml.double.Double.environment`.
        proxied: As `deployer.testing.azureml.double.Double.proxied`; empty without ``--proxy``.
        workspace: The path of the usual workspace in ARM.
    """

    module = "deployer.testing.azureml"
    called = "the Azure ML double"
    url: str = ""
    ca: str = ""
    workspace: str = ""
    environment: Mapping[str, str] = {}
    proxied: Mapping[str, str] = {}

    def _learn(self, told: Mapping[str, Any]) -> None:
        self.url, self.ca, self.workspace = told["url"], told["ca"], told["workspace"]
        self.environment, self.proxied = told["environment"], told["proxied"]

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route, as `deployer.testing.azureml.double.Double.tell` does."""
        return tell(self.url, self.ca, method, route, value)
