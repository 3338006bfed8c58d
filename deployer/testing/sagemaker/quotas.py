"""service-quotas, of which moto knows nothing for SageMaker: the quotas for endpoint usage."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.shapes import instance_types

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Quotas", "code", "exceeded"]


def code(instance_type: str) -> str:
    """The QuotaCode of a type's endpoint usage; made up, of AWS's form (``L-`` and eight digits)."""
    return f"L-{hashlib.sha256(instance_type.encode()).hexdigest()[:8].upper()}"


def exceeded(world: World, instance_type: str, more: int) -> Refusal:
    """The refusal of so many more instances, in AWS's own words (recorded: aws/amazon-sagemaker-examples#307)."""
    limit, now = world.quota(instance_type), world.ledger.count(instance_type)
    return Refusal(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for endpoint usage' is {limit} Instances, with current "
        f"utilization of {now} Instances and a request delta of {more} Instances. Please use AWS Service Quotas to "
        "request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
        "increase for this quota.",
    )


class Quotas:
    """Answers what is asked of ServiceCode ``sagemaker``.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, account: str) -> dict[str, Any] | None:
        """The answer; None where moto has it.

        Raises:
            Refusal: There is no such quota.
        """
        asked = call.parameters
        if asked.get("ServiceCode") != "sagemaker":
            return None
        if call.operation in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"):
            start, size = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or 100)
            rows = [self._quota(call, account, kind) for kind in instance_types()]
            end = start + size
            return {"Quotas": rows[start:end], "NextToken": str(end) if end < len(rows) else None}
        if call.operation in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
            for kind in instance_types():
                if code(kind) == asked.get("QuotaCode"):
                    return {"Quota": self._quota(call, account, kind)}
            raise Refusal("NoSuchResourceException", "The request failed because the specified service does not exist.")
        return None

    def _quota(self, call: Call, account: str, kind: str) -> dict[str, Any]:
        number = code(kind)
        return {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:{account}:sagemaker/{number}",
            "QuotaCode": number,
            "QuotaName": f"{kind} for endpoint usage",
            "Value": float(self._world.quota(kind)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
