"""What is due of a verb: the calls that can be made now, and what has to be waited for before the others."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.errors import Conflict
from deployer.value import JSON
from deployer_sagemaker.facts import ConfigFact, EndpointFact, Facts
from deployer_sagemaker.scaling import identified, policy_name

__all__ = ["Call", "Due", "add_tags", "delete_config", "delete_endpoint", "let_go", "refuse_foreign"]


@dataclass(frozen=True)
class Call:
    """One call of AWS's API.

    Attributes:
        operation: ``CreateModel``.
        request: Its parameters.
        service: botocore's name of it.
        fine: What is no failure though AWS refuses it: that the thing is ``there`` (whoever makes the call looks
            whether it carries our marks, and raises a Conflict where it does not), or ``gone``, or ``busy``, so that it
            is asked again.
    """

    operation: str
    request: dict[str, JSON]
    service: str = "sagemaker"
    fine: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """What IAM calls it."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True)
class Due:
    """What is left to do.

    Attributes:
        calls: To be made now, in this order, and no further when one fails.
        waits: What AWS is at before the rest can be asked; "" when nothing is left.
    """

    calls: tuple[Call, ...] = ()
    waits: str = ""

    @property
    def is_last(self) -> bool:
        """Whether all is asked for when these calls are made."""
        return not self.waits


def add_tags(arn: str, tags: JSON) -> Call:
    """Tags of a thing, over those that it has."""
    return Call("AddTags", {"ResourceArn": arn, "Tags": tags})


def delete_endpoint(endpoint: EndpointFact) -> tuple[Call, ...]:
    """What begins an endpoint's deletion; nothing while it is under way.

    Whether AWS takes it while the endpoint is made or changed is told in two ways
    (aws/amazon-sagemaker-examples#3432), so it is tried.
    """
    if endpoint.status in ("Deleting", "SystemUpdating"):
        return ()
    return (Call("DeleteEndpoint", {"EndpointName": endpoint.name}, fine=("gone", "busy")),)


def delete_config(config: ConfigFact) -> Call:
    """Of one that no endpoint uses."""
    return Call("DeleteEndpointConfig", {"EndpointConfigName": config.name}, fine=("gone",))


def refuse_foreign(facts: Facts) -> None:
    """Nothing is made over, or removed for, what somebody else made under a name of ours.

    Raises:
        Conflict: There is such a thing.
    """
    for each in (facts.endpoint, facts.verify):
        if each is not None and not each.ours:
            raise Conflict(
                f"there is an endpoint {each.name} that deployer did not make; it is left as it is", where=facts.name,
                hint="take another name, or remove it",
            )  # fmt: skip


def let_go(facts: Facts) -> tuple[Call, ...]:
    """What takes the count from the autoscaler, before it is set by hand or its endpoint goes."""
    if facts.scaler is None:
        return ()
    known = identified(facts.name)
    service = "application-autoscaling"
    return (
        Call("DeleteScalingPolicy", {**known, "PolicyName": policy_name(facts.name)}, service, ("gone",)),
        Call("DeregisterScalableTarget", known, service, ("gone",)),
    )
