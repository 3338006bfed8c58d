"""The line that asks an endpoint."""

from __future__ import annotations

import shlex

from deployer.endpoint import Endpoint, Phase
from deployer_azureml.calling import call
from tests.unit.azureml.values import SCORING, spec


def _endpoint(mode: str | None = None, url: str | None = SCORING) -> Endpoint:
    settings = {"config.auth_mode": mode} if mode is not None else {}
    return Endpoint(name="iris", target="azure", phase=Phase.HEALTHY, url=url, settings=settings)


def test_a_key_is_fetched_as_az_does_it() -> None:
    line = call(_endpoint("key"), spec(), '{"inputs": [1]}')
    assert line is not None
    words = shlex.split(line)
    assert words[:3] == ["curl", "-sS", SCORING]
    assert words[words.index("-d") + 1] == '{"inputs": [1]}'
    assert "az ml online-endpoint get-credentials --name iris" in line
    assert "--query primaryKey" in line


def test_tokens_by_their_own_ways() -> None:
    assert "--query accessToken -o tsv" in (call(_endpoint("aml_token"), None, None) or "")
    entra = call(_endpoint(), spec(config={"auth_mode": "aad_token"}), None)
    assert entra is not None
    assert "az account get-access-token --resource https://ml.azure.com" in entra
    assert entra.endswith("-d @request.json")


def test_what_has_no_address_has_no_line() -> None:
    assert call(_endpoint(url=None), spec(), None) is None
