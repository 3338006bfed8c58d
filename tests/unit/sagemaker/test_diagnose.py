"""From AWS's reasons and its containers' lines to a Diagnosis; the texts are those that the real service gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code, Diagnosis
from deployer_sagemaker.causes import cause_of, quota_of
from deployer_sagemaker.diagnose import diagnosis_of, log_group
from deployer_sagemaker.facts import EndpointFact
from deployer_sagemaker.marks import Asked, Role
from tests.unit.sagemaker.values import NEW, OTHER, REVISION, VERIFY, config_fact, endpoint, facts, marks

PING = (
    "The primary container for production variant primary did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
START = (
    "CannotStartContainerError. Please ensure the model container for variant primary starts correctly when invoked "
    "with 'docker run <image> serve'"
)
QUOTA = (
    "The account-level service limit 'ml.m5.large for endpoint usage' is 0 Instances, with current utilization of 0 "
    "Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota."
)
CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a "
    "different ML instance type or after some time."
)
MANIFEST = (
    "Unsupported manifest media type application/vnd.oci.image.index.v1+json. Ensure that valid permissions are set."
)
ROLE = (
    "Could not assume role arn:aws:iam::123456789012:role/models. Please ensure that the role exists and allows "
    "principal 'sagemaker.amazonaws.com' to assume the role."
)
IMAGES = (
    "Please make sure all images included in the model for the production variant primary exist, and that the "
    "execution role used to create the model has permissions to access them."
)
DATA = (
    'Failed to download model data for container "container_1" from URL: "s3://b/k". Please ensure that there is an '
    "object located at the URL and that the role passed to CreateModel has permissions to download the object."
)
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/models/SageMaker is not authorized to perform: ecr:BatchGetImage on "
    "resource: arn:aws:ecr:eu-west-1:123456789012:repository/x because no identity-based policy allows it"
)
SERVICE = "Request to service failed. If failure persists after retry, contact customer support."
ALARM = "One or more configured CloudWatch alarms are in ALARM state: iris-errors, iris-latency."


def _failed(reason: str, *lines: str) -> Diagnosis:
    found = facts(endpoint=endpoint(status="Failed", reason=reason))
    told = diagnosis_of(found, REVISION, lines, 100.0)
    assert told is not None
    return told


def _reverted(reason: str, *lines: str) -> Diagnosis:
    back = endpoint(modified=90.0, reason=reason, marks=marks(asked=Asked(NEW, 20.0)))
    told = diagnosis_of(facts(endpoint=back, configs=(config_fact(), config_fact(NEW))), OTHER, lines, 100.0)
    assert told is not None
    return told


def _event(**fields: Any) -> str:
    return json.dumps({"event": "load-failed", "error_type": "ValueError", "error": "bad pickle", **fields})


@pytest.mark.parametrize(
    ("reason", "code", "subject"),
    [
        (QUOTA, Code.QUOTA, "ml.m5.large for endpoint usage"),
        (CAPACITY, Code.CAPACITY, ""),
        (MANIFEST, Code.IMAGE_MANIFEST, "application/vnd.oci.image.index.v1+json"),
        (ROLE, Code.PERMISSION, "sts:AssumeRole"),
        (IMAGES, Code.IMAGE_PULL, "ecr:BatchGetImage"),
        (DATA, Code.PERMISSION, "s3:GetObject"),
        (DENIED, Code.PERMISSION, "ecr:BatchGetImage"),
        (SERVICE, Code.NOT_REACHABLE, ""),
        (PING, Code.PROBE_TIMEOUT, ""),
        (START, Code.IMAGE_MANIFEST, ""),
        ("Something that AWS never said before.", Code.UNKNOWN, ""),
    ],
)
def test_aws_s_own_reasons(reason: str, code: Code, subject: str) -> None:
    told = _failed(reason)
    assert (told.code, told.subject) == (code, subject)
    assert told.summary
    assert told.hint
    assert any(reason[:40] in each for each in told.evidence)


def test_a_quota_is_told_with_how_much_and_the_request_that_raises_it() -> None:
    found = quota_of(QUOTA)
    assert found is not None
    assert (found.limit, found.used, found.delta, found.needed) == (0, 0, 1, 1)
    told = _failed(QUOTA)
    assert "is 0" in told.summary
    assert "aws service-quotas request-service-quota-increase" in (told.hint or "")
    assert "--desired-value 1" in (told.hint or "")
    assert "ml.m5.large for endpoint usage" in (told.hint or "")
    assert not told.is_verdict


def test_a_ping_that_failed_is_explained_by_the_lines() -> None:
    told = _failed(PING, "starting", _event())
    assert told.code is Code.MODEL_LOAD
    assert "bad pickle" in told.summary
    assert any("ping health check" in each for each in told.evidence)


def test_a_secret_that_the_execution_role_may_not_read_names_the_right() -> None:
    """The sentence is our server's, with AWS's own words behind."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
    text = f"TOKEN is not read: not authorized to perform: secretsmanager:GetSecretValue on resource: {arn} ({DENIED})"
    line = _event(event="start-failed", error_type="SecretUnavailable", error=text)
    told = _failed(PING, line)
    assert (told.code, told.subject) == (Code.PERMISSION, "secretsmanager:GetSecretValue")
    assert told.summary == f"secretsmanager:GetSecretValue is not allowed on {arn}"
    assert not told.is_verdict
    lost = _failed(PING, _event(event="start-failed", error_type="SecretUnavailable", error="TOKEN is not read: none"))
    assert (lost.code, lost.summary) == (
        Code.UNKNOWN, "its server cannot start: SecretUnavailable: TOKEN is not read: none",
    )  # fmt: skip


def test_a_missing_module_is_named() -> None:
    told = _failed(PING, _event(error_type="ModuleNotFoundError", missing_module="lightgbm"))
    assert (told.code, told.subject) == (Code.MISSING_DEPENDENCY, "lightgbm")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("exec /usr/bin/serve: exec format error", Code.IMAGE_ARCHITECTURE),
        ("MemoryError: Unable to allocate 8 GiB", Code.OUT_OF_MEMORY),
        ("Killed", Code.OUT_OF_MEMORY),
        ('exec: "serve": executable file not found in $PATH', Code.IMAGE_MANIFEST),
        ("still loading", Code.PROBE_TIMEOUT),
    ],
)
def test_the_telling_line(line: str, code: Code) -> None:
    told = _failed(PING, "before", line)
    assert told.code is code
    assert line in told.evidence


def test_a_container_that_wrote_nothing_may_not_be_allowed_to() -> None:
    told = _failed(PING)
    assert "wrote nothing" in told.summary
    assert "logs:PutLogEvents" in (told.hint or "")
    assert log_group("iris") in (told.hint or "")


def test_a_rollback_that_nobody_tells_is_its_own_diagnosis() -> None:
    told = _reverted("")
    assert told.code is Code.SILENT_ROLLBACK
    assert "does not say why" in told.summary
    assert told.is_verdict


def test_a_rollback_says_why_where_aws_does() -> None:
    told = _reverted(PING, _event())
    assert (told.code, told.subject) == (Code.SILENT_ROLLBACK, Code.MODEL_LOAD)
    assert "bad pickle" in told.summary
    alarmed = _reverted(ALARM)
    assert (alarmed.code, alarmed.subject) == (Code.SILENT_ROLLBACK, "iris-errors")
    assert "iris-errors, iris-latency" in alarmed.summary


def test_a_rollback_for_lack_of_capacity_is_not_held_against_the_revision() -> None:
    told = _reverted(CAPACITY)
    assert told.code is Code.CAPACITY
    assert not told.is_verdict


def test_a_deployment_that_ran_out_of_its_time() -> None:
    told = _reverted("The deployment did not finish within MaximumExecutionTimeoutInSeconds (600 s).")
    assert told.code is Code.SILENT_ROLLBACK
    assert "config.guardrails.deadline" in (told.hint or "")


def test_what_serves_on_after_a_rollback_is_well() -> None:
    back = endpoint(modified=90.0, reason=PING, marks=marks(asked=Asked(NEW, 20.0)))
    assert diagnosis_of(facts(endpoint=back), REVISION, (), 100.0) is None


def test_a_mixed_fleet_is_explained() -> None:
    told = diagnosis_of(facts(endpoint=endpoint(status="UpdateRollbackFailed", reason=CAPACITY)), REVISION, (), 100.0)
    assert told is not None
    assert told.code is Code.CAPACITY
    assert told.evidence[-1] == "iris was UpdateRollbackFailed: AWS could not take the update back by itself"


def _verifying(**fields: Any) -> EndpointFact:
    base: dict[str, Any] = {"name": "iris--verify", "config": VERIFY, "marks": marks(role=Role.VERIFY, traffic=None)}
    return endpoint(**{**base, **fields})


def test_a_revision_that_fails_its_verification_is_asked_there() -> None:
    found = facts(verify=_verifying(status="Failed", reason=PING))
    told = diagnosis_of(found, OTHER, (_event(),), 100.0)
    assert told is not None
    assert told.code is Code.MODEL_LOAD


def test_what_takes_long_is_told_after_a_while() -> None:
    slow = facts(verify=_verifying(status="Creating", created=10.0))
    assert diagnosis_of(slow, OTHER, ("loading",), 300.0) is None
    told = diagnosis_of(slow, OTHER, ("loading",), 700.0)
    assert told is not None
    assert told.code is Code.PROBE_TIMEOUT
    assert told.evidence == ("loading",)
    assert "still Creating after 690 s" in told.summary


def test_nothing_is_told_of_what_is_well_or_not_there() -> None:
    assert diagnosis_of(facts(), REVISION, (), 100.0) is None
    assert diagnosis_of(facts(), OTHER, (), 100.0) is None


def test_words_that_tell_no_cause() -> None:
    assert cause_of(PING) is None
    assert quota_of("The limit is reached.") is None
