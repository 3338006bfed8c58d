"""Why a revision is not well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code, Diagnosis
from deployer_azureml.causes import cause_of, is_container
from deployer_azureml.diagnose import SLOW, Written, diagnosis_of, read_logs
from deployer_azureml.quota import Quota, quota_of
from tests.unit.azureml.answers import CRASH, DENIED, GUIDE, MEMORY, PULL, QUOTA
from tests.unit.azureml.values import OTHER, REVISION, deployment, endpoint, facts

LOGS = """Instance status:
SystemSetup: Succeeded
UserContainerImagePull: Succeeded
ModelDownload: Succeeded
UserContainerStart: Failed

Container events:
Kind: Pod, Name: Pulled, Type: Normal, Message: Start Downloading image
Kind: Pod, Name: LivenessProbeFailed, Message: Liveness probe failed: HTTP probe failed with statuscode: 502

Container logs:
starting
{line}
"""
_EVENT = {
    "event": "load-failed", "error_type": "ModuleNotFoundError", "error": "No module named 'sklearn'",
    "missing_module": "sklearn", "where": "MLmodel", "traceback": [],
}  # fmt: skip


_BAD = {**_EVENT, "missing_module": None, "error_type": "ValueError", "error": "bad"}


def test_needed_had_and_where_to_raise_it() -> None:
    found = quota_of(QUOTA)
    assert found == Quota("Standard_DS3_v2", 0, 6, 8)
    assert found is not None
    assert (found.family, found.wanted) == ("standardDSv2Family", 8)
    told = cause_of(QUOTA)
    assert told is not None
    assert told.summary == "the quota of standardDSv2Family is 6 cores; 0 are used, and 8 more are needed"
    assert "ask for 8 cores of standardDSv2Family: ml.azure.com > Manage > Quota" in (told.hint or "")
    short = quota_of(
        "Not enough subscription CPU quota. The amount of CPU quota requested is 32 and your maximum amount of quota "
        "is [N/A]. Please see"
    )
    assert short == Quota("", None, None, 32)
    assert short is not None
    assert short.summary == "there is no quota of cores, and 32 cores are needed"
    assert quota_of("Standard_DS3_v2") is None
    assert Quota("Standard_New_v9", 1, 2, 3).family == "Standard_New_v9"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (QUOTA, Code.QUOTA),
        (f"Role assignment limit exceeded. {GUIDE}outofquota", Code.QUOTA),
        (f"The number of endpoints is over the limit. {GUIDE}outofquota", Code.QUOTA),
        (f"Something is used up. {GUIDE}outofquota", Code.QUOTA),
        (MEMORY, Code.OUT_OF_MEMORY),
        ("PodOutOfMemory", Code.OUT_OF_MEMORY),
        (f"Not enough disk space for the model. {GUIDE}outofquota", Code.UNKNOWN),
        (f"Due to a lack of Azure Machine Learning capacity in the region {GUIDE}outofquota", Code.CAPACITY),
        (f"OutOfQuota: Kubernetes unschedulable. Details:0/1 nodes are available: 1 Too many pods. {GUIDE}outofquota",
         Code.UNSCHEDULABLE),
        (PULL, Code.IMAGE_PULL),
        ("ImagePullLoopBackOff", Code.IMAGE_PULL),
        ("ACRSecretError", Code.IMAGE_PULL),
        (f"ImageBuildFailure: Environment image build failed {GUIDE}imagebuildfailure", Code.IMAGE_PULL),
        ("exec /serve: exec format error", Code.IMAGE_ARCHITECTURE),
        (f"Unable to download user model. {GUIDE}badargument", Code.PERMISSION),
        (f"Startup task failed due to authorization error. {GUIDE}badargument", Code.PERMISSION),
        (f"Startup task failed due to incorrect role assignments on resource. {GUIDE}badargument", Code.PERMISSION),
        (f"no secret {GUIDE}secretsinjectionerror", Code.PERMISSION),
        (DENIED, Code.PERMISSION),
        ("RequestDisallowedByPolicy: x", Code.PERMISSION),
        (f"WorkspaceManagedNetworkNotReady {GUIDE}workspacemanagednetworknotready", Code.NOT_REACHABLE),
        (f"OperationCanceled {GUIDE}operationcanceled", Code.CONFLICT),
        (f"InternalServerError: Internal error. {GUIDE}internalservererror", Code.NOT_REACHABLE),
        (CRASH, None),
        ("something new", None),
        ("", None),
    ],
)  # fmt: skip
def test_azure_s_words(text: str, code: Code | None) -> None:
    found = cause_of(text)
    assert (found.code if found is not None else None) is code
    if found is not None:
        assert found.hint
        assert found.evidence


def test_a_build_tells_where_its_log_is() -> None:
    text = f"ImageBuildFailure: the build log is at the path 'azureml/ImageLogs/1.txt'. {GUIDE}imagebuildfailure"
    found = cause_of(text)
    assert found is not None
    assert "azureml/ImageLogs/1.txt" in (found.hint or "")


def test_what_is_the_container_s_own() -> None:
    assert is_container(CRASH)
    assert is_container("Readiness probe failed: timeout")
    assert not is_container(QUOTA)


def _diagnosed(trouble: str, written: Written | None = None, **fields: Any) -> Diagnosis | None:
    failed = deployment(OTHER, state="Failed", trouble=trouble)
    seen = facts(**{"deployments": (deployment(), failed), **fields})
    return diagnosis_of(seen, OTHER, written or Written(), 1.8e9)


def test_the_three_parts_of_logs() -> None:
    found = read_logs(LOGS.format(line="ready"))
    assert found.steps["UserContainerStart"] == "Failed"
    assert found.failed == "UserContainerStart"
    assert len(found.events) == 2
    assert found.lines == ("starting", "ready")
    assert read_logs("plain\ntext") == Written(lines=("plain", "text"))
    assert read_logs("") == Written()


@pytest.mark.parametrize(
    ("trouble", "logs", "code", "words"),
    [
        (CRASH, LOGS.format(line=json.dumps(_EVENT)), Code.MISSING_DEPENDENCY, "sklearn"),
        (CRASH, LOGS.format(line=json.dumps(_BAD)), Code.MODEL_LOAD, "bad"),
        (MEMORY, LOGS.format(line=json.dumps(_EVENT)), Code.MISSING_DEPENDENCY, "sklearn"),
        (MEMORY, "", Code.OUT_OF_MEMORY, "memory"),
        (CRASH, LOGS.format(line="Killed"), Code.OUT_OF_MEMORY, "memory"),
        (CRASH, LOGS.format(line="exec /x: exec format error"), Code.IMAGE_ARCHITECTURE, "processor"),
        (CRASH, LOGS.format(line="ready"), Code.PROBE_TIMEOUT, "that it is live in time"),
        ("ResourceNotReady: Readiness probe failed: x", "", Code.PROBE_TIMEOUT, "ready in time, and wrote nothing"),
        ("ResourceNotReady: User container has crashed or terminated", "boom", Code.CRASH_LOOP, "ended by itself"),
        ("ResourceNotReady: User container has crashed or terminated", "", Code.CRASH_LOOP, "wrote nothing"),
        ("something", "Instance status:\nUserContainerImagePull: Failed\n", Code.IMAGE_PULL, "pull"),
        ("something", "Instance status:\nModelDownload: Failed\n", Code.PERMISSION, "model"),
        ("something", "Instance status:\nUserContainerStart: Failed\n", Code.CRASH_LOOP, "wrote nothing"),
        ("something new\nhttps://aka.ms/oe-tsg#error-new", "", Code.UNKNOWN, "something new"),
        ("", "", Code.UNKNOWN, "Azure does not say why"),
        (QUOTA, LOGS.format(line="x"), Code.QUOTA, "quota"),
    ],
)  # fmt: skip
def test_why_it_failed(trouble: str, logs: str, code: Code, words: str) -> None:
    found = _diagnosed(trouble, read_logs(logs))
    assert found is not None
    assert found.code is code
    assert words in found.summary
    if logs and code is not Code.UNKNOWN:
        assert found.evidence


def test_azure_s_words_and_the_container_s_lines_stand_together() -> None:
    found = _diagnosed(PULL, read_logs(LOGS.format(line="ready")))
    assert found is not None
    assert "ready" in found.evidence
    assert any("Unable to download" in each for each in found.evidence)


def test_what_is_well_or_takes_its_time() -> None:
    seen = facts(deployments=(deployment(), deployment(OTHER, state="Updating")), endpoint=endpoint())
    since = seen.deployments[1].modified
    assert diagnosis_of(seen, REVISION, Written(), since) is None
    assert diagnosis_of(seen, "r0000000", Written(), since) is None
    assert diagnosis_of(seen, OTHER, Written(), since + SLOW - 1) is None
    found = diagnosis_of(seen, OTHER, read_logs(LOGS.format(line=json.dumps(_EVENT))), since + SLOW + 1)
    assert found is not None
    assert found.code is Code.PROBE_TIMEOUT
    assert "is still Updating after 1201 s; its container said: No module named 'sklearn'" in found.summary


def test_a_change_that_failed_while_it_serves() -> None:
    seen = facts(deployments=(deployment(state="Failed", trouble=QUOTA),))
    found = diagnosis_of(seen, REVISION, Written(), 1.8e9)
    assert found is not None
    assert found.code is Code.QUOTA
