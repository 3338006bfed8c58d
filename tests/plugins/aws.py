"""Where the SageMaker target is verified: on the double, or on the service itself where ``DEPLOYER_TEST_AWS`` says so.

    DEPLOYER_TEST_AWS=1 DEPLOYER_TEST_AWS_ROLE=arn:aws:iam::...:role/... pytest tests/conformance/test_sagemaker.py

takes the credentials and the region of whoever runs it (``AWS_...``). It costs money: a few instances for some minutes.
Without it nothing of ``AWS_...`` reaches a test, as of any other setting.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.plugins.services import kept

ACCOUNT = pytest.StashKey[Mapping[str, str]]()
"""The credentials of whoever runs the tests; empty where the double stands in for the service."""
VARIABLE, ROLE_VARIABLE = "DEPLOYER_TEST_AWS", "DEPLOYER_TEST_AWS_ROLE"


def on_aws(environment: Mapping[str, str]) -> bool:
    """Whether the service itself is meant."""
    return environment.get(VARIABLE, "") not in ("", "0")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remember the credentials before a test's own environment hides them."""
    config.stash[ACCOUNT] = kept(os.environ, "AWS_") if on_aws(os.environ) else {}


def pytest_report_header(config: pytest.Config) -> str:
    """What a green run is worth."""
    if config.stash[ACCOUNT]:
        return "sagemaker: verified on the service itself"
    return f"sagemaker: verified on the double ({VARIABLE}=1, with credentials and {ROLE_VARIABLE}, asks the service)"


@pytest.fixture(scope="session")
def aws_account(pytestconfig: pytest.Config) -> Mapping[str, str]:
    """The variables of the account that is meant; none: the double."""
    return pytestconfig.stash[ACCOUNT]
