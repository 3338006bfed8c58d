"""What the API server says no with."""

from __future__ import annotations

import pytest

from deployer.errors import Conflict, DeployerError, SpecError, TargetUnavailable
from deployer_kubernetes.errors import Refused, mapped, missing_right, unreachable

FORBIDDEN = (
    'deployments.apps is forbidden: User "ci" cannot create resource "deployments" in API group "apps" in the '
    'namespace "ml"'
)


def test_a_right_that_is_missing_is_named_with_the_role_that_grants_it() -> None:
    assert missing_right(FORBIDDEN) == ("create", "deployments.apps", "ml")
    told = mapped(Refused(403, {"message": FORBIDDEN}, ""), "make Deployment iris", "iris")
    assert isinstance(told, TargetUnavailable)
    assert not told.transient
    assert "may not create deployments.apps (PERMISSION)" in told.message
    assert "--verb=create --resource=deployments.apps -n ml" in (told.hint or "")


@pytest.mark.parametrize("status", [400, 403, 422, 500])
def test_a_policy_is_named_whatever_status_it_answers_with(status: int) -> None:
    said = "deployments.apps \"iris\" is forbidden: ValidatingAdmissionPolicy 'team' denied request: whose is it?"
    told = mapped(Refused(status, {"message": said}, ""), "make Deployment iris", "iris")
    assert isinstance(told, TargetUnavailable)
    assert not told.transient
    assert told.message == "the cluster does not make Deployment iris: the policy team: whose is it? (PERMISSION)"


def test_a_quota_for_objects_and_a_log_in_that_is_over_have_their_codes() -> None:
    counts = "requested: services=1, used: services=4, limited: services=4"
    said = f'services "iris" is forbidden: exceeded quota: team, {counts}'
    told = mapped(Refused(403, {"message": said}, ""), "make Service iris", "iris")
    assert told.message.endswith("the quota team allows services=4, and services=1 more is asked (QUOTA)")
    assert mapped(Refused(401, {"message": "Unauthorized"}, ""), "look", None).message.endswith("(CREDENTIALS)")


@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [
        (401, TargetUnavailable, False), (404, TargetUnavailable, True), (409, Conflict, None),
        (410, TargetUnavailable, True), (422, SpecError, None), (429, TargetUnavailable, True),
        (500, TargetUnavailable, True), (503, TargetUnavailable, True),
    ],
)  # fmt: skip
def test_statuses(status: int, kind: type[DeployerError], transient: bool | None) -> None:
    told = mapped(Refused(status, {}, "no"), "look", None)
    assert type(told) is kind
    if transient is not None:
        assert getattr(told, "transient", None) is transient


def test_whoever_has_a_field_is_named() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl-edit" using apps/v1', "field": ".spec"}
    ]
    body = {"reason": "Conflict", "message": "Apply failed", "details": {"causes": causes}}
    refused = Refused(409, body, "")
    assert refused.managers == ["kubectl-edit"]
    told = mapped(refused, "make Deployment iris", "iris")
    assert isinstance(told, Conflict)
    assert "kubectl-edit" in told.message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] no", "authority"), ("[Errno 111] Connection refused", "nobody listens"),
        ("read timed out", "in time"), ("weird", "weird"),
    ],
)  # fmt: skip
def test_ways_that_are_closed(said: str, words: str) -> None:
    told = unreachable(OSError(said), "reach x", "x")
    assert words in told.message
    assert told.transient is ("CERTIFICATE" not in said)
