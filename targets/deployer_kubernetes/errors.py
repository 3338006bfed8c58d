"""What the API server says no with, in our words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, SpecError, TargetUnavailable
from deployer_kubernetes.admission import admission_of

__all__ = ["Refused", "mapped", "missing_right", "unreachable"]

_FORBIDDEN = re.compile(
    r'cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_CONFLICTING = re.compile(r'conflict with "(?P<manager>[^"]+)"')


class Refused(Exception):
    """An answer of the API server that is no success.

    Attributes:
        status: The HTTP status.
        body: Its Status object, as far as it is one.
    """

    def __init__(self, status: int, body: Mapping[str, Any], text: str) -> None:
        super().__init__(text)
        self.status = status
        self.body = body
        self.message = str(body.get("message") or text or f"HTTP {status}")

    @property
    def reason(self) -> str:
        """Its machine-readable word: ``AlreadyExists``, ``Conflict``, ``Invalid``."""
        return str(self.body.get("reason") or "")

    @property
    def causes(self) -> list[Mapping[str, Any]]:
        """Its single causes."""
        return list((self.body.get("details") or {}).get("causes") or ())

    @property
    def managers(self) -> list[str]:
        """Who else has the fields that an apply would change."""
        found = [_CONFLICTING.search(str(each.get("message"))) for each in self.causes]
        return list(dict.fromkeys(each["manager"] for each in found if each is not None))


def missing_right(message: str) -> tuple[str, str, str | None] | None:
    """Verb, resource as RBAC writes it, and namespace, of "User x cannot VERB resource ..."; None for anything else."""
    found = _FORBIDDEN.search(message)
    if found is None:
        return None
    resource = found["resource"] + (f".{found['group']}" if found["group"] else "")
    return found["verb"], resource, found["namespace"]


def mapped(refused: Refused, doing: str, where: str | None) -> DeployerError:
    """As one of our errors."""
    said = refused.message.strip()[:600]
    text = f"the cluster does not {doing}: {said}"
    if refused.status == 401:
        return TargetUnavailable(
            f"the cluster does not know who asks: {said} ({Code.CREDENTIALS})",
            where=where,
            hint="log in again, or name another context",
        )
    if refused.status == 403 or _is_admissions(refused):
        return _forbidden(said, doing, where)
    if refused.status == 409 or refused.reason == "Conflict":
        others = ", ".join(refused.managers)
        if others:
            return Conflict(
                f"the cluster does not {doing}: {others} has changed it by hand, and is not overruled: {said}",
                where=where, hint="take that change back, or let go of it: kubectl apply --field-manager=...",
            )  # fmt: skip
        return Conflict(text, where=where)
    if refused.status in (400, 413, 422):
        return SpecError(text, where=where, hint="deployer render prints what is sent")
    transient = refused.status in (404, 408, 410, 429) or refused.status >= 500
    return TargetUnavailable(text, transient=transient, where=where)


def _is_admissions(refused: Refused) -> bool:
    """Whether a policy or a webhook refuses it, which may name any status."""
    return "denied request: " in refused.message or "denied the request" in refused.message


def _forbidden(said: str, doing: str, where: str | None) -> TargetUnavailable:
    right = missing_right(said)
    if right is not None:
        verb, resource, namespace = right
        scope = f" -n {namespace}" if namespace else ""
        return TargetUnavailable(
            f"the cluster does not {doing}: this account may not {verb} {resource} ({Code.PERMISSION})", where=where,
            hint=f"a Role that grants it: kubectl create role deployer --verb={verb} --resource={resource}{scope}; "
            "all that is needed: infra/kubernetes/role.yaml",
        )  # fmt: skip
    found = admission_of(said)
    if found is not None:
        return TargetUnavailable(
            f"the cluster does not {doing}: {found.why} ({found.code})", where=where, hint=found.hint
        )
    return TargetUnavailable(
        f"the cluster does not {doing}: {said} ({Code.PERMISSION})", where=where, hint="kubectl auth can-i --list"
    )


def unreachable(error: Exception, doing: str, where: str | None) -> TargetUnavailable:
    """What the way to the API server says."""
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said or "certificate verify failed" in said:
        return TargetUnavailable(
            f"cannot {doing}: its certificate is of no authority that is known here", where=where,
            hint="the kubeconfig's certificate-authority tells which",
        )  # fmt: skip
    refused = "Connection refused" in said or "ConnectionRefusedError" in said
    reason = "nobody listens there" if refused else "it did not answer in time" if "timed out" in said else said[:300]
    return TargetUnavailable(
        f"cannot {doing}: {reason or type(error).__name__}", transient=True, where=where,
        hint="is the cluster up, and the context right? kubectl version",
    )  # fmt: skip
