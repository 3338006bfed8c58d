"""What Azure's answers and its SDK's exceptions become. Pure: no exception of the SDK is imported, names are enough.

Whether an operation went well stands in the operation and not in an answer's status: one that failed is told with a
200. And the outermost code says little ("BadRequest", "UserError"), so that words decide.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, DeploymentFailed, SpecError, TargetUnavailable
from deployer_azureml.causes import cause_of, denied_action
from deployer_azureml.telling import codes_of, sentences_of

__all__ = [
    "Refused",
    "failed_operation",
    "failure_of_operation",
    "mapped",
    "refused_of",
    "trouble_of",
    "unreachable",
]

_I = re.IGNORECASE
_BUSY = re.compile(
    r"\bis in (?:\w+ )?(?:Creating|Updating|Scaling|Deleting|non-?terminal)\b.*?(?:state|status)?"
    r"|in (?:Creating|Updating|Scaling|Deleting) provisioning state"
    r"|another operation|operation (?:is )?(?:already )?in progress|already being (?:created|updated|deleted)"
    r"|deleting provisioning state|retry later|waiting for lock",
    _I,
)
_TAKEN = re.compile(
    r"already (?:exists|in use|taken|an? (?:\w+ )?endpoint)|needs to be unique"
    r"|name .{0,80}(?:not available|is taken|is reserved)",
    _I,
)
_BROKEN = re.compile(r"unrecoverable state|has not been created successfully|Please recreate", _I)
_NOWHERE = re.compile(
    r"workspaces/[^/']+' under resource group|resource group '[^']*' could not be found"
    r"|subscription '[^']*' (?:could not|was not) (?:be )?found",
    _I,
)
_NO_PLACE = frozenset(
    {
        "WorkspaceNotFound",
        "ResourceGroupNotFound",
        "SubscriptionNotFound",
        "InvalidSubscriptionId",
        "InvalidResourceGroup",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredAuthenticationToken", "InvalidAuthenticationToken", "InvalidAuthenticationTokenTenant",
        "AuthenticationFailed", "AuthenticationFailedMissingToken", "InvalidAuthenticationInfo", "Unauthorized",
    }
)  # fmt: skip
_DENIED = frozenset(
    {
        "AuthorizationFailed", "LinkedAuthorizationFailed", "AuthorizationPermissionMismatch", "Forbidden",
        "InsufficientAccountPermissions", "RequestDisallowedByPolicy", "RoleAssignmentUpdateNotPermitted",
    }
)  # fmt: skip
_UNREGISTERED = frozenset({"SubscriptionNotRegistered", "MissingSubscriptionRegistration"})
_THROTTLED = frozenset(
    {"TooManyRequests", "SubscriptionRequestsThrottled", "OperationNotAllowedDueToThrottling", "ServerBusy"}
)
_NO_CREDENTIALS = frozenset({"CredentialUnavailableError", "ClientAuthenticationError", "AuthenticationRequiredError"})
_NO_ANSWER = frozenset(
    {"ServiceRequestError", "ServiceResponseError", "ServiceRequestTimeoutError", "ServiceResponseTimeoutError",
     "IncompleteReadError", "ConnectionError", "Timeout", "TimeoutError", "OSError"}
)  # fmt: skip


class Refused(Exception):
    """An answer of Azure that is no success.

    Attributes:
        status: The HTTP status; 200 of an operation that failed.
        codes: Azure's words for it, the outermost first.
        said: What it told, from all layers.
        doing: ``PUT onlineEndpoints/iris``.
        raw: The whole text, for what only the guide's anchor tells.
    """

    def __init__(
        self, status: int, codes: tuple[str, ...] = (), said: str = "", doing: str = "", raw: str = ""
    ) -> None:
        super().__init__(f"{codes[0] if codes else f'HTTP {status}'}: {said}".rstrip(": "))
        self.status = status
        self.codes = codes
        self.said = said
        self.doing = doing
        self.raw = raw or said

    @property
    def code(self) -> str:
        """The outermost."""
        return self.codes[0] if self.codes else ""

    @property
    def telling(self) -> str:
        """The codes' outermost, what was told, and the guide's anchor, which tells what the code does not."""
        anchor = re.search(r"https?://aka\.ms/oe-tsg#error-\w+", self.raw)
        words = f"{self.code}: {self.said}".strip(": ") or "Azure does not say why"
        return f"{words}\n{anchor[0]}" if anchor is not None else words

    @property
    def nowhere(self) -> bool:
        """Whether there is no such workspace, group or subscription, so that nothing can be told of what is in it."""
        return bool(_NO_PLACE & set(self.codes)) or bool(_NOWHERE.search(self.said))

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == 404 and not self.nowhere

    @property
    def there(self) -> bool:
        """Whether it cannot be made, since something of that name is there."""
        return self.code == "BlobAlreadyExists" or (bool(_TAKEN.search(self.said)) and not self.busy)

    @property
    def overtaken(self) -> bool:
        """Whether somebody else wrote a blob meanwhile."""
        return self.status == 412 or self.code in ("ConditionNotMet", "BlobAlreadyExists", "UnsatisfiedCondition")

    @property
    def busy(self) -> bool:
        """Whether Azure changes it, or what it belongs to, just now, and takes no other change."""
        if self.status not in (200, 400, 409, 423):
            return False
        if "OperationCanceled" in self.codes:
            return True
        return bool(_BUSY.search(self.said)) or (self.status == 409 and not _TAKEN.search(self.said))

    @property
    def broken(self) -> bool:
        """Whether what is there cannot be changed any more, and has to be made anew."""
        return bool(_BROKEN.search(self.said))

    @property
    def throttled(self) -> bool:
        """Whether it is to be sent again, more slowly."""
        return self.status == 429 or bool(_THROTTLED & set(self.codes))


def refused_of(status: int, body: bytes | str, doing: str = "") -> Refused:
    """From an answer: Azure's JSON, the XML of a blob store, or plain text.

    Args:
        status: The answer's.
        body: All of it.
        doing: The request.
    """
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    error = told.get("error", told) if isinstance(told, Mapping) else None
    if isinstance(error, Mapping):
        return Refused(status, codes_of(error), sentences_of(error), doing, text)
    named = re.search(r"<Code>(?P<code>\w+)</Code>(?:\s*<Message>(?P<said>[^<]*))?", text)
    if named is not None:
        return Refused(status, (named["code"],), " ".join(unescape(named["said"] or "").split()), doing, text)
    return Refused(status, (), " ".join(text.split())[:600], doing, text)


def failure_of_operation(told: Mapping[str, Any], doing: str = "") -> Refused | None:
    """The failure that an operation tells of; None of one that went well, or is under way.

    Args:
        told: What the address in ``Azure-AsyncOperation`` answered: ``{"status": "Failed", "error": {...}}``.
        doing: The request that began it.
    """
    if str(told.get("status") or "").lower() not in ("failed", "canceled", "cancelled"):
        return None
    error = told.get("error")
    known: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    codes = codes_of(known) or ((str(told["status"]),) if told.get("status") != "Failed" else ())
    return Refused(200, codes, sentences_of(known), doing, json.dumps(known))


def trouble_of(told: Mapping[str, Any]) -> str:
    """Why an operation failed, with its codes, for facts: ``ResourceNotReady: User container has crashed ...``.

    A GET of a deployment that failed tells nothing of it.
    """
    failure = failure_of_operation(told)
    return failure.telling if failure is not None else ""


def failed_operation(trouble: str, doing: str, where: str | None = None) -> DeployerError:
    """What Azure took on and did not end well, as one of our errors.

    Args:
        trouble: What its operation told, as in facts.
        doing: What Azure did not do, after "did not": ``make the endpoint iris``.
        where: The resource.
    """
    cause = cause_of(trouble) if trouble else None
    if cause is not None:
        return DeploymentFailed(f"Azure did not {doing}: {cause.summary}", diagnosis=cause, where=where)
    said = trouble.partition("\n")[0].strip()[:600] or "it does not say why"
    return TargetUnavailable(f"Azure did not {doing}: {said}", where=where, hint="run the same command again")


def mapped(refused: Refused, doing: str, where: str | None = None) -> DeployerError:
    """As one of our errors.

    Args:
        refused: The answer.
        doing: What Azure does not do, after "does not": ``make the endpoint iris``.
        where: The resource.
    """
    said = refused.said.strip()[:600] or refused.code or f"HTTP {refused.status}"
    text = f"Azure does not {doing}: {said}"
    if refused.throttled:
        return TargetUnavailable(text, transient=True, where=where)
    if (closed := _closed(refused, text, said, doing, where)) is not None:
        return closed
    # What was just made another call may not see yet, what is busy gets done, and what is broken is made anew.
    if refused.missing or refused.busy or refused.broken or refused.status >= 500 or refused.status == 408:
        return TargetUnavailable(text, transient=True, where=where)
    if refused.there:
        return _taken(refused, text, where)
    if (cause := cause_of(refused.telling)) is not None:
        return DeploymentFailed(f"Azure does not {doing}: {cause.summary}", diagnosis=cause, where=where)
    return SpecError(text, where=where, hint="deployer render prints what is sent")


def _closed(refused: Refused, text: str, said: str, doing: str, where: str | None) -> TargetUnavailable | None:
    """Where nobody gets in as things are: not known, not there, not registered, not allowed."""
    if refused.status == 401 or refused.code in _CREDENTIALS:
        return TargetUnavailable(
            f"Azure does not know who asks: {said} ({Code.CREDENTIALS})", where=where,
            hint="az account show; log in again: az login, or renew the secret of the service principal",
        )  # fmt: skip
    if _UNREGISTERED & set(refused.codes):
        return TargetUnavailable(
            f"{text} ({Code.PERMISSION})", where=where,
            hint="az provider register --namespace Microsoft.MachineLearningServices --wait; a new subscription takes "
            "some minutes",
        )  # fmt: skip
    if refused.nowhere:
        return TargetUnavailable(
            text, where=where, hint="subscription, resource_group, workspace in deployer.toml; az ml workspace list"
        )
    if refused.status == 403 or _DENIED & set(refused.codes):
        return _denied(refused, doing, where)
    return None


def _taken(refused: Refused, text: str, where: str | None) -> Conflict:
    """The name of an endpoint is an address, so that it is taken for everybody in a region."""
    if not re.search(r"onlineEndpoints/[^/]+$", refused.doing):
        return Conflict(text, where=where, hint="is it another team's? take another name, or remove it")
    return Conflict(
        f"{text}: somebody in this region has an endpoint of that name, perhaps in another workspace or company",
        where=where, hint="take another name, such as one with your team's; a deleted one's is free after some minutes",
    )  # fmt: skip


def _denied(refused: Refused, doing: str, where: str | None) -> TargetUnavailable:
    found = denied_action(refused.said)
    hint = "all that is needed: infra/azure; deployer doctor -t azureml"
    if found is None:
        return TargetUnavailable(
            f"Azure does not {doing}: it is not allowed to {refused.doing or 'that'}: {refused.said.strip()[:600]} "
            f"({Code.PERMISSION})",
            where=where, hint=hint,
        )  # fmt: skip
    action, scope = found
    return TargetUnavailable(
        f"Azure does not {doing}: {action} is not allowed on {scope} ({Code.PERMISSION})", where=where,
        hint=f"a role that allows {action} there; {hint}",
    )  # fmt: skip


_OF_THIS_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS})
"""What of a file is no matter of Azure's."""


def unreachable(error: Exception, doing: str, where: str | None = None) -> DeployerError:
    """Of the SDK's exceptions those that are no answer: by the names of their classes."""
    names = {each.__name__ for each in type(error).__mro__}
    said = " ".join(str(error).split())[:300] or type(error).__name__
    if names & _NO_CREDENTIALS:
        return TargetUnavailable(
            f"cannot {doing}: no credentials of Azure are found here: {said} ({Code.CREDENTIALS})", where=where,
            hint="az login, or AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET; az account show tells who",
        )  # fmt: skip
    if "certificate" in said.lower() or "SSLError" in names:
        return TargetUnavailable(
            f"cannot {doing}: the certificate of Azure's address is not trusted here: {said}", where=where,
            hint="behind a proxy with a certificate of its own: export REQUESTS_CA_BUNDLE=FILE",
        )  # fmt: skip
    if isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE:
        return TargetUnavailable(f"cannot {doing}: {said}", where=where, hint="that is this machine's: df -h, ls -l")
    transient = bool(names & _NO_ANSWER)
    return TargetUnavailable(
        f"cannot {doing}: {said}",
        transient=transient,
        where=where,
        hint="does this machine reach Azure? deployer doctor",
    )
