"""What the service was seen to answer: public reports and Microsoft's documentation, shortened."""

from __future__ import annotations

import json
from typing import Any

__all__ = [
    "CRASH", "DENIED", "GUIDE", "IN_UPDATING", "MEMORY", "NAME_TAKEN", "NOT_MADE", "NO_WORKSPACE", "PULL", "QUOTA",
    "QUOTA_BODY", "UNRECOVERABLE", "UNREGISTERED", "arm", "inner",
]  # fmt: skip

GUIDE = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-"
QUOTA = (
    "Not enough quota available for Standard_DS3_v2 in SubscriptionId 0000. Current usage/limit: 0/6. "
    f"Additional needed: 8 {GUIDE}outofquota"
)
CRASH = (
    "ResourceNotReady: User container has crashed or terminated: Liveness probe failed: HTTP probe failed with "
    f"statuscode: 502. {GUIDE}resourcenotready"
)
MEMORY = f"OutOfQuota: Container terminated due to insufficient memory. {GUIDE}outofquota"
PULL = f"BadArgument: Unable to download user container image. {GUIDE}badargument"
NAME_TAKEN = (
    "An endpoint with this name already exists. If you are trying to create a new endpoint, use a different name."
)
NO_WORKSPACE = (
    "The Resource 'Microsoft.MachineLearningServices/workspaces/team' under resource group 'ml' was not found. For "
    "more details please go to https://aka.ms/ARMResourceNotFoundFix"
)
IN_UPDATING = "Cannot create a deployment in endpoint iris because it is in Updating provisioning state"
UNRECOVERABLE = (
    "Specified deployment [latest] failed during initial provisioning and is in an unrecoverable state. Delete and "
    "re-create."
)
NOT_MADE = "Specified endpoint [c210] has not been created successfully. Please recreate the endpoint."
DENIED = (
    "The client 'x' with object id 'y' does not have authorization to perform action "
    "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write' over scope '/subscriptions/0/x' or the scope "
    "is invalid."
)
UNREGISTERED = "Resource provider [N/A] isn't registered with Subscription [N/A]. Please see troubleshooting guide"


def arm(code: str, message: str, **more: Any) -> bytes:
    """A body of Azure Resource Manager."""
    return json.dumps({"error": {"code": code, "message": message, "target": None, **more}}).encode()


def inner(errors: dict[str, list[str]], code: str = "InferencingClientCreateDeploymentFailed") -> bytes:
    """One that carries another as text."""
    told = json.dumps({"errors": errors, "title": "One or more validation errors occurred.", "status": 400})
    detail = {"code": code, "message": f"InferencingClient HttpRequest error, error detail: {told}", "details": []}
    return arm("BadRequest", "The request is invalid.", details=[detail])


QUOTA_BODY = inner({"VmSize": [QUOTA]})
