"""Who asks, and whether the policy that the double was given allows it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from deployer.testing.sagemaker import policy
from deployer.testing.sagemaker.actions import Asked, asked_of
from deployer.testing.sagemaker.answers import Answer, Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Guard"]

_MOTO = "123456789012"
"""What moto says of a key that it did not hand out."""


class Guard:
    """Checks each call.

    Args:
        world: The double.

    Attributes:
        policy: The document; None allows everything.
        used: What allowed a call: the statement's Sid or number, and the action.
        refused: What nothing allowed, as it was told; without what was about something that is gone.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.policy: policy.Policy | None = None
        self.used: set[tuple[str, str]] = set()
        self.refused: list[str] = []
        self._known: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        if world.options.policy is not None:
            self.policy = policy.Policy(world.options.policy)

    def set(self, document: Mapping[str, Any] | None) -> None:
        """Check by this document from now on.

        Raises:
            ValueError: It has something that cannot be evaluated here.
        """
        self.policy = None if document is None else policy.Policy(document)
        self.used.clear()
        self.refused.clear()

    def identity(self, key: str, region: str) -> tuple[str, str]:
        """(account, ARN) of whoever has an access key: that of a role where STS handed it out."""
        options = self._world.options
        usual = options.principal or f"arn:aws:iam::{options.account}:user/deployer"
        if not key:
            return options.account, usual
        with self._lock:
            if key not in self._known:
                told = self._world.inside.client("sts", region, "", key=key).get_caller_identity()
                role = ":assumed-role/" in told["Arn"]
                account = told["Account"] if role or told["Account"] != _MOTO else options.account
                self._known[key] = (account, told["Arn"] if role else usual)
            return self._known[key]

    def caller(self, call: Call) -> Answer:
        """GetCallerIdentity: whom refusals name, too, which moto would call ``user/moto``."""
        account, principal = self.identity(call.key, call.region)
        body = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>{escape(principal)}</Arn><UserId>AIDADOUBLE</UserId><Account>{account}</Account>"
            f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</GetCallerIdentityResponse>"
        )
        return Answer(200, {"Content-Type": "text/xml"}, [body.encode()])

    def check(self, call: Call, account: str, principal: str) -> list[str]:
        """The statements that allow a call; empty where there is no policy, or none for whoever asks.

        Raises:
            Refusal: Nothing allows it, as AWS words that (documented: IAM User Guide, troubleshoot access denied).
        """
        if self.policy is None or call.key in self._world.options.trusted:
            return []
        allowing: list[tuple[str, str]] = []
        for asked in asked_of(self._world, call, account):
            allowed = self.policy.allowing(asked.action, asked.resource, asked.context)
            if allowed is None:
                refusal = _denied(call, asked, principal)
                if not self._lacks_tags_alone(asked):
                    self.refused.append(str(refusal.message))
                raise refusal
            allowing.append((allowed, asked.action))
        self.used.update(allowing)
        return [statement for statement, _ in allowing]

    def _lacks_tags_alone(self, asked: Asked) -> bool:
        """Whether it is about nothing, and would be allowed of a thing of deployer's."""
        ours = {f"{word}:ResourceTag/deployer:managed-by": "deployer" for word in ("aws", "sagemaker")}
        policy = self.policy
        return (
            asked.about_nothing
            and policy is not None
            and bool(policy.allowing(asked.action, asked.resource, {**asked.context, **ours}))
        )

    def simulated(self, call: Call) -> Answer:
        """SimulatePrincipalPolicy, which moto has not: by the same document, for every action and resource asked."""
        form = call.parameters
        actions = [value for key, value in form.items() if key.startswith("ActionNames.member.")]
        resources = [value for key, value in form.items() if key.startswith("ResourceArns.member.")] or ["*"]
        context = _context(form)
        rows = []
        for action in actions:
            for resource in resources:
                allowed = self.policy is None or self.policy.allowing(action, resource, context) is not None
                decision = "allowed" if allowed else "implicitDeny"
                rows.append(
                    f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
                    f"</EvalResourceName><EvalDecision>{decision}</EvalDecision></member>"
                )
        body = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            "<SimulatePrincipalPolicyResult>"
            f"<EvaluationResults>{''.join(rows)}</EvaluationResults><IsTruncated>false</IsTruncated>"
            f"</SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
            "</SimulatePrincipalPolicyResponse>"
        )
        return Answer(200, {"Content-Type": "text/xml"}, [body.encode()])


def _context(form: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, value in form.items():
        if key.startswith("ContextEntries.member.") and key.endswith(".ContextKeyName"):
            found[value] = form.get(key.replace(".ContextKeyName", ".ContextKeyValues.member.1"), "")
    return found


def _denied(call: Call, asked: Asked, principal: str) -> Refusal:
    text = (
        f"User: {principal} is not authorized to perform: {asked.action} on resource: {asked.resource} "
        f"because no identity-based policy allows the {asked.action} action"
    )
    if call.service == "s3":
        return Refusal("AccessDenied", text, 403)
    if call.protocol == "query":
        return Refusal("AccessDenied", text, 403)
    return Refusal("AccessDeniedException", text, 403 if call.protocol == "rest-json" else 400)
