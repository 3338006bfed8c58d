"""As Azure ML asks a container: at the one scoring route, with headers that simply pass; one of them names the path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deployer_azureml.invoking import PATH
from deployer_azureml.revisions import BEHIND
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import JSON, ONE_ROW, Reply, Runtime

Saved = Callable[[str], Path]


@pytest.fixture(scope="module")
def hosted(shared: Start, saved: Saved) -> Runtime:
    return shared(saved("linear"), "--max-body", "100000", **BEHIND).ready()


def _invoked(runtime: Runtime, body: bytes = ONE_ROW, headers: Mapping[str, str] | None = None) -> Reply:
    passed = {"azureml-model-deployment": "r0000001", "x-request-id": "7", "x-envoy-original-path": "/invocations"}
    return runtime.ask("POST", "/invocations", body, {**JSON, **passed, **(headers or {})})


@pytest.mark.parametrize("path", ["/ready", "/live", "/ping", "/health", "/version"])
def test_the_other_paths_are_asked_at_the_one(hosted: Runtime, path: str) -> None:
    """Its client has no other: the scoring address of an endpoint is the path of ``scoringRoute``."""
    reply = _invoked(hosted, b"{}", {PATH: path, "Deployer-Revision": "r0000001"})
    assert (reply.status, reply.body) == (200, hosted.ask("GET", path).body)
    assert reply.headers["deployer-revision"] == "r0000001"


def test_a_prediction_is_one_as_anywhere(hosted: Runtime, linear: Runtime) -> None:
    asked = {"Deployer-Revision": "r0000001", "Deployer-Verify": "1"}
    reply = _invoked(hosted, headers=asked)
    assert (reply.status, reply.json["predictions"]) == (200, linear.predict().json["predictions"])
    assert (reply.headers["deployer-revision"], reply.headers["deployer-parity"]) == ("r0000001", "equal")
    for same in ("", "/invocations"):
        assert _invoked(hosted, headers={PATH: same}).json == reply.json


def test_what_is_no_path_of_ours_and_another_revision(hosted: Runtime) -> None:
    lost = _invoked(hosted, headers={PATH: "/nowhere"})
    misled = _invoked(hosted, headers={PATH: "/ready", "Deployer-Revision": "r7654321"})
    assert [each.status for each in (lost, misled)] == [404, 421]


def test_the_probes_of_azure_come_by_their_own_paths(hosted: Runtime) -> None:
    for path in ("/live", "/ready"):
        assert hosted.ask("GET", path, headers={PATH: "/nowhere"}).status == 200


def test_the_one_header_of_sagemaker_means_nothing_here(hosted: Runtime) -> None:
    reply = _invoked(hosted, headers={"X-Amzn-SageMaker-Custom-Attributes": "deployer-path=/nowhere"})
    assert reply.status == 200
    assert "x-amzn-sagemaker-custom-attributes" not in reply.headers


def test_elsewhere_the_header_means_nothing(linear: Runtime, shared: Start, saved: Saved) -> None:
    sagemaker = shared(saved("linear"), DEPLOYER_SERVING_BEHIND="sagemaker").ready()
    for runtime in (linear, sagemaker):
        reply = _invoked(runtime, headers={PATH: "/nowhere"})
        assert (reply.status, reply.json["predictions"]) == (200, linear.predict().json["predictions"])
