"""Which endpoints' requests can be copied."""

from __future__ import annotations

import pytest

from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer.target.container import refuse_copies


def test_an_endpoint_with_keys_gets_no_copies() -> None:
    wish = {"name": "iris", "model": "models:/iris/1", "target": "docker"}
    refuse_copies(DeploymentSpec.model_validate(wish))
    with pytest.raises(Conflict, match="copies of requests carry no API key"):
        refuse_copies(DeploymentSpec.model_validate({**wish, "auth": {"api_keys": [{"env": "KEY"}]}}))
