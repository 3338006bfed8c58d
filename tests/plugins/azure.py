"""Where the Azure ML target is verified: on the double, or on the service where ``DEPLOYER_TEST_AZURE`` says so.

    DEPLOYER_TEST_AZURE=1 pytest tests/conformance/test_azureml.py

takes the credentials of whoever runs it (``AZURE_...``, or a log-in by ``az``), and the workspace that
``AZURE_SUBSCRIPTION_ID``, ``AZUREML_ARM_RESOURCEGROUP`` and ``AZUREML_ARM_WORKSPACE_NAME`` name. It costs money: many
small machines, each for some minutes, and hours in all. Without it nothing of ``AZURE...`` reaches a test.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.plugins.services import kept

WORKSPACE = pytest.StashKey[Mapping[str, str]]()
"""What names the workspace of whoever runs the tests; empty where the double stands in for the service."""
VARIABLE = "DEPLOYER_TEST_AZURE"


def on_azure(environment: Mapping[str, str]) -> bool:
    """Whether the service itself is meant."""
    return environment.get(VARIABLE, "") not in ("", "0")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remember the credentials before a test's own environment hides them."""
    config.stash[WORKSPACE] = kept(os.environ, "AZURE") if on_azure(os.environ) else {}


def pytest_report_header(config: pytest.Config) -> str:
    """What a green run is worth."""
    if config.stash[WORKSPACE]:
        return "azureml: verified on the service itself"
    return f"azureml: verified on the double ({VARIABLE}=1, with credentials and a workspace, asks the service)"


@pytest.fixture(scope="session")
def azure_workspace(pytestconfig: pytest.Config) -> Mapping[str, str]:
    """The variables of the workspace that is meant; none: the double."""
    return pytestconfig.stash[WORKSPACE]
