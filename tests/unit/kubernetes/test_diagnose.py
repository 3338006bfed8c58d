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
    told = _of(pod(ready=False, restarts=1, last=Ending("OOMKilled", 137), starting=True, memory="64Mi"))
    assert told.code is Code.OUT_OF_MEMORY
    assert "more memory than the 64Mi that it may" in told.summary
    assert told.evidence == ("its container ended: OOMKilled, exit code 137",)
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


RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)


@pytest.mark.parametrize("where", ["state", "ending"])
@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ('exec: "serve": executable file not found in $PATH: unknown', Code.IMAGE_MANIFEST, "to start: serve"),
        ('exec: "/none": stat /none: no such file or directory: unknown', Code.IMAGE_MANIFEST, "to start: /none"),
        ('error mounting "proc": no such file or directory', Code.IMAGE_MANIFEST, "cannot be started: error mounting"),
        ("container init was OOM-killed (memory limit too low?): unknown", Code.OUT_OF_MEMORY, "cannot even start"),
        ("exec /opt/server: exec format error: unknown", Code.IMAGE_ARCHITECTURE, "processor"),
    ],
)
def test_a_program_that_never_runs(where: str, said: str, code: Code, words: str) -> None:
    if where == "state":
        failed = pod(ready=False, waiting="RunContainerError", waiting_message=RUNC + said)
    else:
        failed = pod(ready=False, restarts=1, waiting="", starting=True, last=Ending("StartError", 128, RUNC + said))
    told = _of(failed)
    assert told.code is code
    assert words in told.summary
    if code is Code.IMAGE_MANIFEST:
        assert told.evidence[0] == said


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        ("FailedMount", 'MountVolume.SetUp failed for volume "more" : secret "nobody" not found'),
        ("CreateContainerConfigError", 'configmap "nobody" not found'),
        ("CreateContainerConfigError", "couldn't find key a in Secret ml/nobody"),
    ],
)
def test_what_a_pod_is_to_be_given(waiting: str, said: str) -> None:
    told = _of(pod(ready=False, phase="Pending", waiting=waiting, waiting_message=said))
    assert told.code is Code.UNKNOWN
    assert "nobody" in told.summary
    assert told.evidence == (said,)
    assert "config.patches" in (told.hint or "")


def test_a_program_whose_loader_is_not_there() -> None:
    crashed = pod(ready=False, restarts=1, waiting="CrashLoopBackOff", last=Ending("Error", 255))
    told = _of(crashed, lines=("exec /opt/server: no such file or directory",))
    assert told.code is Code.IMAGE_MANIFEST
    assert told.subject == "/opt/server"


def test_one_that_crashes() -> None:
    crashed = pod(ready=False, restarts=4, waiting="CrashLoopBackOff", last=Ending("Error", 3))
    told = _of(crashed, lines=("bye",))
    assert (told.code, told.evidence) == (Code.CRASH_LOOP, ("bye", "its container ended: Error, exit code 3"))
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
        (QUOTA, Code.QUOTA, "quota compute allows limits.memory=4Gi"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', Code.PERMISSION, "Pod Security"),
        ('admission webhook "x" denied the request: no', Code.PERMISSION, "the webhook x: no"),
        ("the network plug-in is not there", Code.UNKNOWN, "the network plug-in is not there"),
    ],
)  # fmt: skip
def test_pods_that_cannot_be_made(failure: str, code: Code, words: str) -> None:
    told = diagnosis_of(facts(servers=(server(failure=failure),), pods=()), REVISION, {}, 100.0)
    assert told is not None
    assert (told.code, told.is_verdict) == (code, code is Code.UNKNOWN)
    assert words in told.summary
    assert told.hint
