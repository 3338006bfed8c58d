"""What AWS's answers and its SDK's exceptions become. Pure: no exception of the SDK is imported, names are enough.

SageMaker answers nearly everything with ValidationException, so that words decide: only "Could not find" is not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, DeploymentFailed, SpecError, TargetUnavailable
from deployer_sagemaker.causes import cause_of, denied_action

__all__ = ["Refused", "mapped", "refused_of", "unreachable"]

_THROTTLED = frozenset(
    {
        "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "RequestThrottled", "RequestThrottledException", "SlowDown", "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "ConcurrentUpdateException", "OperationAbortedException", "ConditionalRequestConflict",
    }
)  # fmt: skip
"""botocore's own list of what is retried, and what AWS answers two writers at once with."""
_CREDENTIALS = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "AuthFailure",
        "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
        "InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidToken",
    }
)  # fmt: skip
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_MISSING = frozenset(
    {
        "NoSuchKey", "NoSuchBucket", "NotFound", "404", "RepositoryNotFoundException", "ImageNotFoundException",
        "ResourceNotFoundException", "ResourceNotFound", "ObjectNotFoundException", "NoSuchEntity",
        "NoSuchResourceException",
    }
)  # fmt: skip
_NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
        "UnauthorizedSSOTokenError", "SSOTokenLoadError", "SSOError", "ProfileNotFound", "NoAuthTokenError",
        "RefreshWithMFAUnsupportedError",
    }
)  # fmt: skip
_NO_REGION = frozenset({"NoRegionError", "InvalidRegionError"})
_PARAMETERS = frozenset({"ParamValidationError", "UnknownParameterError", "ValidationError"})


class Refused(Exception):
    """An answer of AWS that is no success.

    Attributes:
        code: AWS's word for it.
        said: Its message; "" where it sends none.
        status: The HTTP status.
        operation: ``CreateModel``.
        response: All that it answered, as botocore read it.
    """

    def __init__(
        self, code: str, said: str, status: int = 400, operation: str = "", response: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {said}" if said else code)
        self.code = code
        self.said = said
        self.status = status
        self.operation = operation
        self.response: Mapping[str, Any] = response or {}

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there; of SageMaker by its words alone, since it has no code for it."""
        if self.code in ("ValidationException", "ValidationError"):
            return "could not find" in self.said.lower() or _is_no_endpoint(self.said)
        return self.code in _MISSING

    @property
    def there(self) -> bool:
        """Whether it cannot be made, since something of that name is there."""
        return "already exist" in self.said.lower() or self.code in (
            "RepositoryAlreadyExistsException", "BucketAlreadyOwnedByYou", "ResourceAlreadyExistsException",
        )  # fmt: skip

    @property
    def overtaken(self) -> bool:
        """Whether somebody else wrote an object meanwhile."""
        return self.status == 412 or self.code == "PreconditionFailed"

    @property
    def denied(self) -> bool:
        """Whether whoever asks may not."""
        return self.code in _DENIED

    @property
    def busy(self) -> bool:
        """Whether AWS changes it just now, and takes no other change."""
        return self.code in ("ValidationException", "ResourceInUse") and "in-progress" in self.said.lower()

    @property
    def throttled(self) -> bool:
        """Whether it is to be sent again, more slowly. The runtime's throttling has no message at all."""
        return self.code in _THROTTLED or self.status == 429 or (self.status == 400 and not self.code.strip())


def _is_no_endpoint(said: str) -> bool:
    """Whether it says so in the runtime's words: ``Endpoint iris of account 123456789012 not found``."""
    return said.startswith("Endpoint ") and said.rstrip(".").endswith("not found")


def refused_of(response: Mapping[str, Any], operation: str) -> Refused:
    """From what a ClientError carries (``error.response``, ``error.operation_name``)."""
    error = response.get("Error") or {}
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
    code, said = error.get("Code"), error.get("Message")
    message = "" if said in (None, "None", "null", "Unknown") else str(said)
    return Refused("" if code in (None, "Unknown") else str(code), message, int(status), operation, response)


def mapped(refused: Refused, doing: str, where: str | None = None) -> DeployerError:
    """As one of our errors.

    Args:
        refused: The answer.
        doing: What AWS does not do, after "does not": ``make the endpoint iris``.
        where: The resource.
    """
    said = refused.said.strip()[:600] or refused.code or f"HTTP {refused.status}"
    text = f"AWS does not {doing}: {said}"
    if refused.throttled:
        return TargetUnavailable(text, transient=True, where=where)
    if refused.code in _CREDENTIALS:
        return TargetUnavailable(
            f"AWS does not know who asks: {said} ({Code.CREDENTIALS})", where=where,
            hint="aws sts get-caller-identity; log in again: aws sso login, or renew the keys",
        )  # fmt: skip
    if refused.code in _DENIED or (refused.status == 403 and not refused.missing):
        return _denied(refused, doing, where)
    # What one call made, another may not see yet (API reference, CreateEndpoint), and what is busy gets done.
    if refused.missing or refused.busy or refused.status >= 500 or refused.status == 408:
        return TargetUnavailable(text, transient=True, where=where)
    if refused.there:
        return Conflict(text, where=where, hint="is it another team's? take another name, or remove it")
    if (cause := cause_of(refused.said)) is not None:
        return DeploymentFailed(f"AWS does not {doing}: {cause.summary}", diagnosis=cause, where=where)
    if refused.code == "ResourceLimitExceeded":
        hint = "aws service-quotas list-service-quotas --service-code sagemaker"
        return TargetUnavailable(f"{text} ({Code.QUOTA})", where=where, hint=hint)
    return SpecError(text, where=where, hint="deployer render prints what is sent")


def _denied(refused: Refused, doing: str, where: str | None) -> TargetUnavailable:
    found = denied_action(refused.said)
    if found is None:
        action = f" {refused.operation}" if refused.operation else ""
        return TargetUnavailable(
            f"AWS does not {doing}: it is not allowed to{action}: {refused.said.strip()[:600]} ({Code.PERMISSION})",
            where=where, hint="all that is needed: infra/aws; deployer doctor -t sagemaker",
        )  # fmt: skip
    action, resource = found
    on = f" on {resource}" if resource else ""
    return TargetUnavailable(
        f"AWS does not {doing}: {action} is not allowed{on} ({Code.PERMISSION})", where=where,
        hint=f"a policy that allows {action}; all that is needed: infra/aws",
    )  # fmt: skip


def unreachable(error: Exception, doing: str, where: str | None = None) -> DeployerError:
    """Of botocore's exceptions those that are no answer: by the names of their classes."""
    names = {each.__name__ for each in type(error).__mro__}
    said = str(error).strip()[:300] or type(error).__name__
    if names & _NO_CREDENTIALS:
        return TargetUnavailable(
            f"cannot {doing}: no credentials of AWS are found here: {said} ({Code.CREDENTIALS})", where=where,
            hint="aws configure, aws sso login, or AWS_PROFILE; aws sts get-caller-identity tells who you are",
        )  # fmt: skip
    if names & _NO_REGION:
        return SpecError(
            f"cannot {doing}: no region is given",
            where=where,
            hint="export AWS_REGION=eu-west-1, or give the target one",
        )
    if names & _PARAMETERS:
        return SpecError(f"cannot {doing}: {said}", where=where, hint="pip install --upgrade boto3 knows newer options")
    if "SSLError" in names:
        return TargetUnavailable(
            f"cannot {doing}: the certificate of AWS's address is not trusted here: {said}", where=where,
            hint="behind a proxy with a certificate of its own: export AWS_CA_BUNDLE=FILE",
        )  # fmt: skip
    return TargetUnavailable(
        f"cannot {doing}: {said}", transient=True, where=where, hint="does this machine reach AWS? deployer doctor"
    )
