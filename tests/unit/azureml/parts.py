"""A double that is asked by the real connection, for tests of the parts beside the verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Record
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.facts import Facts
from deployer_azureml.placing import Placing
from deployer_azureml.records import Records
from deployer_azureml.rights import DEPLOYING
from deployer_azureml.routing import route_due
from deployer_azureml.staging import Staging
from deployer_azureml.survey import Surveyor
from tests.unit.azureml.driving import Driver
from tests.unit.azureml.values import REVISION, release, spec

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

__all__ = ["Parts", "connected", "rights_without"]


def connected(double: Double, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Azure:
    """A connection to it, by the real credentials."""
    pytest.importorskip("azure.identity", reason="azure-identity is not installed")
    about = double.options
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, double.environment[name])
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    cloud = {
        "name": "Double",
        "manager": double.url,
        "login": double.url,
        "audience": "https://management.azure.com",
        "blobs": f"{double.url}/{{account}}",
        "ca_bundle": double.ca,
    }
    where = {"subscription": about.subscription, "resource_group": about.group, "workspace": about.workspaces[0]}
    return Azure(AzureMLOptions.model_validate({**where, "cloud": cloud, **more}))


def rights_without(*actions: str) -> list[dict[str, list[str]]]:
    """All that deployer needs but these, as permissions of roles."""
    left = [each for each in DEPLOYING if each.action not in actions]
    return [
        {
            "actions": [each.action for each in left if not each.data],
            "dataActions": [each.action for each in left if each.data],
        }
    ]


class Parts:
    """A double, what drives it, and the parts that a target is made of.

    Args:
        double: The double.
        azure: The connection.
    """

    def __init__(self, double: Double, azure: Azure) -> None:
        self.double = double
        self.azure = azure
        self.driver = Driver(double)
        self.placing = Placing(azure)
        self.records = Records(self.placing)
        self.surveyor = Surveyor(azure, self.records, "azure")

    def facts(self, endpoint: str = "iris") -> Facts:
        """Look at it."""
        return self.surveyor.survey(endpoint)

    def keep(self, record: Record) -> None:
        """Write a Record, over the one that is there."""
        found = self.records.read(record.endpoint)
        self.records.write(record, found[1] if found is not None else None)

    def serving(self, revision: str = REVISION, traffic: Mapping[str, int] | None = None) -> None:
        """An endpoint whose traffic goes to a revision."""
        self.stage(revision)
        self.route(traffic if traffic is not None else {revision: 100})

    def stage(self, revision: str, **wished: Any) -> None:
        """A deployment of a revision."""
        self.driver.drive(Staging(spec(**wished), release(revision), self.driver.place).due)

    def route(self, shares: Mapping[str, int]) -> None:
        """Other traffic."""
        from deployer.endpoint import Traffic

        self.driver.drive(lambda facts: route_due(facts, traffic=Traffic(dict(shares))))

    def until(self, met: Callable[[], bool], seconds: float = 120) -> None:
        """Look until it is so."""
        import time

        until = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < until
            self.driver.pause()
