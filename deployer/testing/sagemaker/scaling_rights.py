"""What Application Auto Scaling asks of IAM: its own actions, and those that it does in the caller's name.

Documented: Service Authorization Reference; SageMaker Developer Guide, endpoint-auto-scaling-prerequisites (the alarms
of target tracking and the service-linked role are the caller's to allow); Application Auto Scaling User Guide, tagging.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from deployer.testing.sagemaker.asking import Asked

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call

__all__ = ["scaling_of"]

_SERVICE = "application-autoscaling.amazonaws.com"
_LINKED = f"sagemaker.{_SERVICE}"
_ROLE = f"role/aws-service-role/{_LINKED}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_BY_NAMESPACE = frozenset(
    {"DeleteScalingPolicy", "DeregisterScalableTarget", "PutScalingPolicy", "RegisterScalableTarget"}
)


def scaling_of(call: Call, account: str, context: Mapping[str, str | list[str]], *, linked: bool) -> list[Asked]:
    """All that must be allowed for a call. Pure.

    Args:
        call: Of Application Auto Scaling.
        account: Twelve digits.
        context: The keys that every call has.
        linked: Whether the account has the service's own role already.
    """
    action = f"application-autoscaling:{call.operation}"
    if call.operation.startswith("Describe"):
        return [Asked(action, "*", context)]
    target = f"arn:aws:application-autoscaling:{call.region}:{account}:scalable-target/*"
    known = dict(context)
    if call.operation in _BY_NAMESPACE:
        known["application-autoscaling:service-namespace"] = str(call.parameters.get("ServiceNamespace", ""))
        known["application-autoscaling:scalable-dimension"] = str(call.parameters.get("ScalableDimension", ""))
    return [Asked(action, target, known), *_beside(call, account, target, context, linked=linked)]


def _beside(
    call: Call, account: str, target: str, context: Mapping[str, str | list[str]], *, linked: bool
) -> Iterator[Asked]:
    alarm = f"arn:aws:cloudwatch:{call.region}:{account}:alarm:TargetTracking-{call.parameters.get('ResourceId', '')}"
    if call.operation == "RegisterScalableTarget":
        if call.parameters.get("Tags"):
            yield Asked("application-autoscaling:TagResource", target, context)
        if role := call.parameters.get("RoleARN"):
            yield Asked("iam:PassRole", str(role), {"iam:PassedToService": _SERVICE})
        elif not linked:
            about = {"iam:AWSServiceName": _LINKED}
            yield Asked("iam:CreateServiceLinkedRole", f"arn:aws:iam::{account}:{_ROLE}", {**about})
    elif call.operation == "PutScalingPolicy" and call.parameters.get("PolicyType") == "TargetTrackingScaling":
        yield Asked("cloudwatch:DescribeAlarms", "*", context)
        yield Asked("cloudwatch:PutMetricAlarm", alarm, context)
    elif call.operation in ("DeleteScalingPolicy", "DeregisterScalableTarget"):
        yield Asked("cloudwatch:DeleteAlarms", alarm, context)
