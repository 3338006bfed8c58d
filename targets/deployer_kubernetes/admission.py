"""What the API server's admission says no with: quotas, limits, Pod Security, policies and webhooks. Pure.

The sentences are those of Kubernetes' own plug-ins: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployer.endpoint import Code
from deployer.target.evidence import cut

__all__ = ["Admission", "admission_of"]


@dataclass(frozen=True)
class Admission:
    """Why something was not admitted.

    Attributes:
        code: QUOTA or PERMISSION.
        why: A phrase that follows on "it is refused: ".
        hint: What to do next.
    """

    code: Code
    why: str
    hint: str


_EXCEEDED = re.compile(r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>\S+), used: \S+, limited: (?P<most>\S+)")
_UNSAID = re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)")
_LIMIT = re.compile(r"(?:maximum|minimum) .+ usage per \w+ is .+|.+ max limit to request ratio per \w+ is .+")
_SECURITY = re.compile(r'violates PodSecurity "(?P<profile>[^"]+)"(?:: (?P<what>.+))?', re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)'(?: with binding '[^']+')? denied request: (?P<what>.+)", re.DOTALL
)
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request(?:: (?P<what>.+))?', re.DOTALL)
_ACCOUNT = re.compile(r'error looking up service account \S+: serviceaccount "(?P<name>[^"]+)" not found')


def admission_of(said: str) -> Admission | None:
    """What a refusal means; None where it is none of admission's.

    Args:
        said: The API server's sentence.
    """
    if found := _EXCEEDED.search(said):
        return Admission(
            Code.QUOTA, f"the quota {found['name']} allows {found['most']}, and {found['asked']} more is asked",
            f"take less (resources, replicas), or have it raised: kubectl describe resourcequota {found['name']}",
        )  # fmt: skip
    if found := _UNSAID.search(said):
        return Admission(
            Code.QUOTA, f"the quota {found['name']} wants {found['what']} to be said", _saying(found["what"])
        )
    return _of_limit(said) or _of_profile(said) or _of_policy(said) or _of_others(said)


def _saying(what: str) -> str:
    fields = [name for name in ("memory", "cpu") if name in what]
    if fields and "limits.cpu" not in what:
        return "say it: " + " ".join(f"--set resources.{name}=NUMBER" for name in fields)
    return "say it by config.patches, as spec.template.spec.containers[].resources of the Deployment"


def _of_limit(said: str) -> Admission | None:
    _, forbidden, why = said.partition(" is forbidden: ")
    found = _LIMIT.search(why) if forbidden else None
    if found is None:
        return None
    return Admission(
        Code.QUOTA, f"a limit of the namespace: {cut(found[0].strip('[]'))}",
        "ask for what it allows (resources.cpu, resources.memory): kubectl describe limitrange",
    )  # fmt: skip


def _of_profile(said: str) -> Admission | None:
    found = _SECURITY.search(said)
    if found is None:
        return None
    return Admission(
        Code.PERMISSION, f"Pod Security {found['profile']}: {cut(found['what'] or 'not met')}",
        "leave it out of config.patches; the namespace's label pod-security.kubernetes.io/enforce says what may be",
    )  # fmt: skip


def _of_policy(said: str) -> Admission | None:
    for pattern, kind in ((_POLICY, "policy"), (_WEBHOOK, "webhook")):
        if found := pattern.search(said):
            what = found["what"] or "without a reason"
            return Admission(
                Code.PERMISSION, f"the {kind} {found['name']}: {cut(what.strip())}",
                f"do as it says (labels, config.patches), or ask whoever keeps the {kind} {found['name']}",
            )  # fmt: skip
    return None


def _of_others(said: str) -> Admission | None:
    if found := _ACCOUNT.search(said):
        return Admission(
            Code.PERMISSION, f"there is no ServiceAccount {found['name']}",
            f"kubectl create serviceaccount {found['name']}, or leave config.service_account out",
        )  # fmt: skip
    _, forbidden, why = said.partition(" is forbidden: ")
    if not forbidden or why.startswith("User "):
        return None
    return Admission(
        Code.PERMISSION,
        cut(why),
        "deployer render prints what is sent; whoever runs the cluster knows what it wants",
    )
