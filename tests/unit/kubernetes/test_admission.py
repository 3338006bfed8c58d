"""What admission says no with; each sentence is one that an API server really says."""

from __future__ import annotations

import pytest

from deployer.endpoint import Code
from deployer_kubernetes.admission import admission_of

POD = 'pods "iris--r1a2b3c4-x" is forbidden: '
CASES = {
    "quota": (
        f"{POD}exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1",
        Code.QUOTA, "the quota team allows pods=1, and pods=1 more is asked", "kubectl describe resourcequota team",
    ),
    "quota-for-what-is-not-said": (
        f"{POD}failed quota: compute: must specify limits.memory for: server; requests.cpu for: server",
        Code.QUOTA, "wants limits.memory for: server; requests.cpu for: server to be said", "--set resources.memory=",
    ),
    "quota-for-limits-of-cpu": (
        f"{POD}failed quota: compute: must specify limits.cpu for: server",
        Code.QUOTA, "wants limits.cpu for: server", "config.patches",
    ),
    "limit": (
        f"{POD}maximum memory usage per Container is 80Mi, but limit is 128Mi",
        Code.QUOTA, "maximum memory usage per Container is 80Mi, but limit is 128Mi", "kubectl describe limitrange",
    ),
    "limits": (
        f"{POD}[minimum cpu usage per Container is 100m, but request is 20m, maximum memory usage per Pod is 1Mi]",
        Code.QUOTA, "minimum cpu usage per Container is 100m", "resources.cpu",
    ),
    "pod-security": (
        f'{POD}violates PodSecurity "restricted:latest": privileged (container "server" must not set it)',
        Code.PERMISSION, 'Pod Security restricted:latest: privileged (container "server"', "config.patches",
    ),
    "policy": (
        f"{POD}ValidatingAdmissionPolicy 'team' with binding 'team-b' denied request: whose is it?",
        Code.PERMISSION, "the policy team: whose is it?", "whoever keeps the policy team",
    ),
    "webhook": (
        'admission webhook "a.example.com" denied the request: no latest', Code.PERMISSION,
        "the webhook a.example.com: no latest", "whoever keeps the webhook",
    ),
    "webhook-that-says-nothing": (
        'admission webhook "a.example.com" denied the request', Code.PERMISSION, "without a reason", "labels",
    ),
    "account": (
        f'{POD}error looking up service account ml/robot: serviceaccount "robot" not found',
        Code.PERMISSION, "there is no ServiceAccount robot", "kubectl create serviceaccount robot",
    ),
    "other": (
        f"{POD}no PriorityClass with name high was found", Code.PERMISSION, "no PriorityClass with name high", "render",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_refusal(case: str) -> None:
    said, code, why, hint = CASES[case]
    found = admission_of(said)
    assert found is not None
    assert found.code is code
    assert why in found.why
    assert hint in found.hint


@pytest.mark.parametrize(
    "said",
    [
        "the server is currently unable to handle the request",
        'deployments.apps is forbidden: User "ci" cannot create resource "deployments" in API group "apps"',
        "", "pods is forbidden", 'pods "x" not found',
    ],
)  # fmt: skip
def test_what_is_none_of_admissions(said: str) -> None:
    assert admission_of(said) is None
