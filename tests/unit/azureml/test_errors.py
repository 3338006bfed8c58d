"""What Azure's answers become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, DeploymentFailed, SpecError, TargetUnavailable
from deployer_azureml.errors import Refused, failure_of_operation, mapped, refused_of, trouble_of, unreachable
from deployer_azureml.telling import anchor_of, sentences_of
from tests.unit.azureml.answers import (
    CRASH,
    DENIED,
    IN_UPDATING,
    NAME_TAKEN,
    NO_WORKSPACE,
    NOT_MADE,
    QUOTA,
    QUOTA_BODY,
    UNRECOVERABLE,
    UNREGISTERED,
    arm,
    inner,
)


def _mapped(status: int, body: bytes, doing: str = "PUT onlineEndpoints/iris/deployments/r1") -> DeployerError:
    return mapped(refused_of(status, body, doing), "make the deployment r1", "r1")


def test_what_the_layers_say() -> None:
    found = refused_of(400, QUOTA_BODY)
    assert found.codes == ("BadRequest", "InferencingClientCreateDeploymentFailed")
    assert found.said == QUOTA.partition(" Please see")[0]
    assert anchor_of(found.raw) == "outofquota"
    nested = {"code": "A", "message": "outer", "innererror": {"code": "B", "innerError": {"code": "C"}}}
    assert refused_of(404, json.dumps({"error": nested})).codes == ("A", "B", "C")
    assert sentences_of({"message": {"value": "of Monitor"}}) == "of Monitor"
    assert sentences_of(None) == ""
    assert sentences_of({"message": "The request is invalid."}) == "The request is invalid."


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"<?xml?><Error><Code>BlobNotFound</Code><Message>It\nis not</Message></Error>", "BlobNotFound", "It is not"),
        (b"upstream connect error", "", "upstream connect error"),
        (b'"text"', "", '"text"'),
        (b"", "", ""),
        (b'{"code": "X", "message": "flat"}', "X", "flat"),
        (b"\xff\xfe", "", "\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_bodies_of_other_forms(body: bytes, code: str, said: str) -> None:
    found = refused_of(404, body)
    assert (found.code, found.said) == (code, said)


@pytest.mark.parametrize(
    ("status", "body", "kind", "transient", "words"),
    [
        (429, arm("TooManyRequests", "slow down"), TargetUnavailable, True, "slow down"),
        (503, b"upstream connect error", TargetUnavailable, True, "upstream"),
        (500, arm("InternalServerError", "x"), TargetUnavailable, True, "x"),
        (404, arm("ResourceNotFound", "Online endpoint not found"), TargetUnavailable, True, "not found"),
        (409, arm("Conflict", "Endpoint iris is in state Updating; retry later"), TargetUnavailable, True, "Updating"),
        (409, arm("Conflict", "something runs"), TargetUnavailable, True, "something runs"),
        (400, arm("UserError", IN_UPDATING), TargetUnavailable, True, "Updating provisioning state"),
        (400, inner({"": [UNRECOVERABLE]}), TargetUnavailable, True, "unrecoverable"),
        (400, inner({"": [NOT_MADE]}, "InferencingClientCallFailed"), TargetUnavailable, True, "recreate"),
        (401, arm("ExpiredAuthenticationToken", "expired"), TargetUnavailable, False, "CREDENTIALS"),
        (403, arm("AuthorizationFailed", DENIED), TargetUnavailable, False, "onlineEndpoints/write is not allowed on"),
        (404, arm("ResourceNotFound", NO_WORKSPACE), TargetUnavailable, False, "was not found"),
        (404, arm("ResourceGroupNotFound", "Resource group 'x' could not be found."), TargetUnavailable, False, "'x'"),
        (
            404,
            arm("UserError", "x", innerError={"code": "NotFound", "innerError": {"code": "WorkspaceNotFound"}}),
            TargetUnavailable,
            False,
            "x",
        ),
        (403, arm("RequestDisallowedByPolicy", "no"), TargetUnavailable, False, "PERMISSION"),
        (400, arm("SubscriptionNotRegistered", UNREGISTERED), TargetUnavailable, False, "PERMISSION"),
        (400, QUOTA_BODY, DeploymentFailed, False, "the quota of standardDSv2Family is 6 cores"),
        (400, arm("UserError", "Sum of traffic must be 0 or 100"), SpecError, False, "Sum of traffic"),
        (400, arm("BadRequest", "The request is invalid."), SpecError, False, "invalid"),
    ],
)
def test_what_they_become(status: int, body: bytes, kind: type[Exception], transient: bool, words: str) -> None:
    found = _mapped(status, body)
    assert type(found) is kind
    assert words in found.message
    assert found.message.startswith(("Azure does not make the deployment r1: ", "Azure does not know who asks: "))
    assert getattr(found, "transient", False) is transient
    assert transient or found.hint or (isinstance(found, DeploymentFailed) and found.diagnosis and found.diagnosis.hint)


def test_a_name_that_is_taken_in_the_region() -> None:
    for status in (400, 409):
        found = mapped(
            refused_of(status, arm("UserError", NAME_TAKEN), "PUT onlineEndpoints/iris"), "make the endpoint iris"
        )
        assert type(found) is Conflict
        assert "somebody in this region has an endpoint of that name" in found.message
    other = _mapped(409, arm("UserError", "r1 already exists"))
    assert type(other) is Conflict
    assert "region" not in other.message


def test_what_failed_is_told_by_the_operation_with_a_200() -> None:
    error = {"code": "BadArgument", "message": CRASH, "details": []}
    told = {"id": "/x", "name": "odidp:1", "status": "Failed", "error": error}
    found = failure_of_operation(told, "PUT x")
    assert found is not None
    assert (found.status, found.code, found.doing) == (200, "BadArgument", "PUT x")
    assert trouble_of(told).startswith("BadArgument: ResourceNotReady: User container has crashed")
    assert anchor_of(trouble_of(told)) == "resourcenotready"
    for status in ("Succeeded", "Updating", "InProgress", None):
        assert failure_of_operation({"status": status}) is None
        assert trouble_of({"status": status}) == ""
    assert trouble_of({"status": "Failed"}) == "Azure does not say why"
    assert trouble_of({"status": "Canceled", "error": None}) == "Canceled"
    busy = failure_of_operation(
        {"status": "Failed", "error": {"code": "OperationCanceled", "message": "another went before"}}
    )
    assert busy is not None
    assert busy.busy


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (Refused(404), {"missing"}),
        (Refused(404, ("ResourceNotFound",), NO_WORKSPACE), {"nowhere"}),
        (Refused(412, ("ConditionNotMet",)), {"overtaken"}),
        (Refused(409, ("BlobAlreadyExists",), "The specified blob already exists."), {"overtaken", "there"}),
        (Refused(409, ("Conflict",), "is in state Updating"), {"busy"}),
        (Refused(400, ("UserError",), NAME_TAKEN), {"there"}),
        (Refused(400, ("UserError",), UNRECOVERABLE), {"broken"}),
        (Refused(423, ("Locked",), "another operation runs"), {"busy"}),
        (Refused(429), {"throttled"}),
        (Refused(400, ("BadRequest",), "no such field"), set()),
    ],
)
def test_what_a_refusal_is(refused: Refused, words: set[str]) -> None:
    every = ("missing", "nowhere", "overtaken", "there", "busy", "broken", "throttled")
    assert {word for word in every if getattr(refused, word)} == words


class CredentialUnavailableError(Exception):
    """As azure-identity names it."""


class ServiceRequestError(Exception):
    """As azure-core names it."""


@pytest.mark.parametrize(
    ("error", "transient", "words"),
    [
        (CredentialUnavailableError("EnvironmentCredential: no\n variables"), False, "CREDENTIALS"),
        (ServiceRequestError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), False, "not trusted here"),
        (ServiceRequestError("Name or service not known"), True, "Name or service"),
        (ConnectionResetError("reset"), True, "reset"),
        (KeyError(), False, "KeyError"),
    ],
)
def test_what_is_no_answer(error: Any, transient: bool, words: str) -> None:
    found = unreachable(error, "look at iris", "iris")
    assert type(found) is TargetUnavailable
    assert found.transient is transient
    assert words in found.message
    assert found.hint
    assert found.where == "iris"


def test_codes_of_a_quota_are_in_the_diagnosis() -> None:
    found = _mapped(400, QUOTA_BODY)
    assert isinstance(found, DeploymentFailed)
    assert found.diagnosis is not None
    assert found.diagnosis.code is Code.QUOTA
    assert found.diagnosis.evidence[0].startswith("BadRequest: Not enough quota available")
