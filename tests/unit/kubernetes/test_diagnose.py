"""From evidence to a Diagnosis."""

from __future__ import annotations

import json

import pytest

from deployer.endpoint import Code, Diagnosis
from deployer_kubernetes.diagnose import Evidence, diagnosis_of
from deployer_kubernetes.facts import Ending, PodFact
from tests.unit.kubernetes.values import REVISION, facts, pod, server


def _of(found: PodFact, *events: str, lines: tuple[str, ...] = ()) -> Diagnosis:
    told = diagnosis_of(facts(pods=(found,)), REVISION, {found.name: Evidence(events, lines)}, 100.0)
    assert told is not None
    return told


def test_a_healthy_one_has_none() -> None:
    assert diagnosis_of(facts(), REVISION, {}, 100.0) is None


NAME = "registry.example.com/ml/iris:1"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (f'Failed to pull image "{NAME}": not found', Code.IMAGE_PULL, "no such image"),
        (f'Failed to pull image "{NAME}": unauthorized: authentication required', Code.IMAGE_PULL, "does not let"),
        (f'Failed to pull image "{NAME}": dial tcp: lookup x: no such host', Code.IMAGE_PULL, "does not reach"),
        (f'Failed to pull image "{NAME}": x509: certificate signed by unknown authority', Code.IMAGE_PULL, "trust"),
        (f'Failed to pull image "{NAME}": no match for platform in manifest', Code.IMAGE_ARCHITECTURE, "processor"),
    ],
)
def test_an_image_that_cannot_be_pulled(said: str, code: Code, words: str) -> None:
    told = _of(pod(ready=False, waiting="ImagePullBackOff"), f"Failed: {said}", "BackOff: Back-off pulling image")
    assert told.code is code
    assert words in told.summary
    assert told.evidence
    assert told.hint


def test_an_image_for_another_processor() -> None:
    crashed = pod(ready=False, restarts=2, waiting="CrashLoopBackOff", last=Ending("Error", 1))
    assert _of(crashed, lines=("exec /usr/bin/python3: exec format error",)).code is Code.IMAGE_ARCHITECTURE


def test_too_little_memory() -> None:
    told = _of(pod(ready=False, restarts=1, last=Ending("OOMKilled", 137), starting=True))
    assert told.code is Code.OUT_OF_MEMORY
    assert "resources.memory" in (told.hint or "")


def test_no_node_has_room() -> None:
    said = "0/3 nodes are available: 3 Insufficient memory."
    told = _of(pod(ready=False, unscheduled=said, unscheduled_since=1.0, node=""))
    assert (told.code, told.is_verdict) == (Code.UNSCHEDULABLE, False)
    assert "Insufficient memory" in told.summary


def test_a_model_that_cannot_be_loaded_is_told_by_its_server() -> None:
    event = {"event": "load-failed", "error_type": "ModuleNotFoundError", "error": "x", "missing_module": "scipy"}
    crashed = pod(ready=False, restarts=1, waiting="CrashLoopBackOff", last=Ending("Error", 1))
    told = _of(crashed, lines=("starting", json.dumps(event)))
    assert (told.code, told.subject) == (Code.MISSING_DEPENDENCY, "scipy")


def test_a_program_that_is_not_there() -> None:
    message = 'failed to create containerd task: exec: "serve": executable file not found in $PATH: unknown'
    failed = pod(ready=False, waiting="RunContainerError", waiting_message=message)
    assert _of(failed).code is Code.IMAGE_MANIFEST


def test_one_that_crashes() -> None:
    crashed = pod(ready=False, restarts=4, waiting="CrashLoopBackOff", last=Ending("Error", 3))
    told = _of(crashed, lines=("bye",))
    assert (told.code, told.evidence) == (Code.CRASH_LOOP, ("bye",))
    assert "exited 3, 4 times" in told.summary


def test_one_that_is_not_ready_in_time() -> None:
    told = _of(
        pod(ready=False, starting=True), "Unhealthy: Startup probe failed: HTTP probe failed with statuscode: 503"
    )
    assert told.code is Code.PROBE_TIMEOUT
    assert "after 90 s" in told.summary
    assert any("statuscode: 503" in each for each in told.evidence)


QUOTA = (
    'pods "iris--r-x" is forbidden: exceeded quota: compute, requested: limits.memory=2Gi, used: limits.memory=3Gi, '
    "limited: limits.memory=4Gi"
)


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (QUOTA, Code.QUOTA, "compute allows limits.memory=4Gi"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', Code.PERMISSION, "Pod Security"),
        ('admission webhook "x" denied the request: no', Code.PERMISSION, "admit"),
    ],
)  # fmt: skip
def test_pods_that_cannot_be_made(failure: str, code: Code, words: str) -> None:
    told = diagnosis_of(facts(servers=(server(failure=failure),), pods=()), REVISION, {}, 100.0)
    assert told is not None
    assert (told.code, told.is_verdict) == (code, False)
    assert words in told.summary
