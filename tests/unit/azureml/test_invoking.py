"""Requests to an endpoint, and its answers."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import NotFound, PredictionError, TargetUnavailable
from deployer.target import Request
from deployer_azureml.facts import Facts
from deployer_azureml.invoking import answer_of, key_refused, sent, trouble_of_answer
from tests.unit.azureml.values import OTHER, REVISION, SCORING, deployment, endpoint, facts

ASKED = Request(body=b'{"inputs": [1]}', headers={"Content-Type": "application/json", "Authorization": "Bearer mine"})


def test_a_request_goes_to_the_address_that_azure_tells() -> None:
    found = sent(facts(), ASKED)
    assert (found.url, found.body, found.method) == (SCORING, ASKED.body, "POST")
    assert found.headers == {"Content-Type": "application/json"}


def test_one_revision_is_asked_by_a_header() -> None:
    seen = facts(deployments=(deployment(), deployment(OTHER), deployment("r9999999", name="Blue")))
    assert sent(seen, ASKED, revision=OTHER).headers["azureml-model-deployment"] == OTHER
    assert sent(seen, ASKED, revision="r9999999").headers["azureml-model-deployment"] == "Blue"
    pinned = Request(headers={"AzureML-Model-Deployment": "theirs"})
    assert "azureml-model-deployment" not in {name.lower() for name in sent(seen, pinned).headers}
    with pytest.raises(TargetUnavailable, match="nothing runs of r0000000") as caught:
        sent(seen, ASKED, revision="r0000000")
    assert caught.value.transient


def test_no_pin_is_left_for_the_next_request() -> None:
    """azure-ai-ml's invoke changes a dictionary that all requests of a process share."""
    seen = facts(deployments=(deployment(), deployment(OTHER)))
    sent(seen, ASKED, revision=OTHER)
    assert "azureml-model-deployment" not in sent(seen, ASKED).headers
    assert "azureml-model-deployment" not in ASKED.headers


def test_our_server_s_other_paths_travel_in_a_header() -> None:
    found = sent(facts(), Request(path="/ready", method="GET", headers={"Deployer-Revision": REVISION}))
    assert (found.url, found.method, found.body) == (SCORING, "POST", b"{}")
    assert found.headers == {"Deployer-Path": "/ready", "Deployer-Revision": REVISION}
    with pytest.raises(NotFound, match="Azure leads to /invocations alone"):
        sent(facts(), Request(path="/v2/models"))


def test_limits_are_known_before_anything_is_sent() -> None:
    with pytest.raises(PredictionError, match="15 bytes, and the server reads 10") as caught:
        sent(facts(), ASKED, largest=10)
    assert caught.value.status == 413
    with pytest.raises(NotFound, match="no endpoint iris"):
        sent(Facts("iris", "azure"), ASKED)
    with pytest.raises(TargetUnavailable, match="has no address yet") as unready:
        sent(facts(endpoint=endpoint(scoringUri=None)), ASKED)
    assert unready.value.transient


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (200, {}, 200),
        (424, {"MS-AzureML-Model-Error-StatusCode": "400"}, 400),
        (424, {"ms-azureml-model-error-statuscode": "421"}, 421),
        (424, {"ms-azureml-model-error-statuscode": "0"}, 424),
        (424, {}, 424),
        (429, {}, 429),
    ],
)
def test_the_container_s_own_status(status: int, headers: dict[str, str], told: int) -> None:
    assert answer_of(facts(), status, b"x", headers).status == told


def test_who_answered() -> None:
    seen = facts(deployments=(deployment(name="Blue"),))
    assert answer_of(seen, 200, b"", {"Deployer-Revision": OTHER, "azureml-model-deployment": "blue"}).revision == OTHER
    assert answer_of(seen, 200, b"", {"AzureML-Model-Deployment": "blue"}).revision == REVISION
    assert answer_of(seen, 200, b"", {}).revision is None


def test_a_key_is_fetched_anew_for_azure_s_own_401_alone() -> None:
    assert key_refused(401, {"ms-azureml-model-error-reason": "authorization_failed"})
    assert key_refused(401, {"Ms-AzureML-Model-Error-StatusCode": "401"})  # the front end sends that itself, too
    assert not key_refused(401, {"Deployer-Revision": REVISION})
    assert not key_refused(403, {})


@pytest.mark.parametrize(
    ("status", "body", "headers", "transient"),
    [
        (200, b"", {"deployer-revision": REVISION}, None),
        (424, b"model error", {"ms-azureml-model-error-statuscode": "500"}, None),
        (503, b"draining", {"deployer-revision": REVISION}, None),
        (429, b"", {}, None),
        (400, b"", {}, None),
        (404, b"No valid deployments to route to.", {}, True),
        (408, b"", {}, True),
        (502, b"upstream", {}, True),
        (503, b"upstream", {}, True),
        (401, b"key_auth_access_denied", {"ms-azureml-model-error-statuscode": "401"}, False),
        (403, b"", {}, False),
    ],
)
def test_why_nobody_answered(status: int, body: bytes, headers: Any, transient: bool | None) -> None:
    found = trouble_of_answer(facts(), status, body, headers)
    if transient is None:
        assert found is None
    else:
        assert isinstance(found, TargetUnavailable)
        assert found.transient is transient
        assert body.decode() in found.message
