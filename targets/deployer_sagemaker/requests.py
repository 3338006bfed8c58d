"""From a spec to what SageMaker is sent about an endpoint: its making, and its changes. Pure.

`deployer_sagemaker.models` has what a revision runs, `deployer_sagemaker.configs` how and on what,
`deployer_sagemaker.scaling` the autoscaler.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import Release, Traffic
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.marks import Asked, Marks, Role, as_tags, shares_text
from deployer_sagemaker.models import Place
from deployer_sagemaker.names import verify_name
from deployer_sagemaker.wishes import Guardrails

__all__ = [
    "change_count",
    "create_endpoint",
    "create_verify_endpoint",
    "deployment_config",
    "mark_asked",
    "share_traffic",
    "update_endpoint",
]


def create_endpoint(
    spec: DeploymentSpec, config_named: str, place: Place, traffic: Traffic | None = None
) -> dict[str, JSON]:
    """CreateEndpoint of the endpoint itself.

    Args:
        spec: The wish.
        config_named: The configuration's name.
        place: Where.
        traffic: What it is given at once; None: it is only staged.
    """
    marks = Marks(place.owner, spec.name, Role.ENDPOINT, traffic=shares_text(traffic) if traffic else None)
    tags = as_tags({**place.tags, **marks.tags(spec.labels)})
    return {"EndpointName": spec.name, "EndpointConfigName": config_named, "Tags": tags}


def create_verify_endpoint(spec: DeploymentSpec, release: Release, config_named: str, place: Place) -> dict[str, JSON]:
    """CreateEndpoint of the one on which a revision is verified."""
    marks = Marks(place.owner, spec.name, Role.VERIFY, release.revision)
    tags = as_tags({**place.tags, **marks.tags(spec.labels)})
    return {"EndpointName": verify_name(spec.name), "EndpointConfigName": config_named, "Tags": tags}


def update_endpoint(
    spec: DeploymentSpec, config_named: str, *, same_variants: bool = True, scaled: bool = False
) -> dict[str, JSON]:
    """UpdateEndpoint: AWS starts the whole new fleet, moves the requests, and ends the old fleet.

    Args:
        spec: The wish, whose guardrails hold.
        config_named: The new configuration's name.
        same_variants: Whether old and new configuration have the same variants: else AWS takes no guardrails.
        scaled: Whether an autoscaler has the count. Without being told to, AWS would put it back to the
            configuration's own.
    """
    found: dict[str, JSON] = {"EndpointName": spec.name, "EndpointConfigName": config_named}
    if scaled:
        # The weights are the new configuration's, and so is whether requests are kept.
        found["RetainAllVariantProperties"] = True
        found["ExcludeRetainedVariantProperties"] = [
            {"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"},
        ]  # fmt: skip
    policy = deployment_config(config_of(spec).guardrails) if same_variants else None
    if policy is not None:
        found["DeploymentConfig"] = policy
    return found


def deployment_config(wish: Guardrails) -> dict[str, JSON] | None:
    """AWS's guardrails; None for AWS's own default, which is all at once."""
    if wish == Guardrails():
        return None
    word, number = wish.amount
    size: dict[str, JSON] = {"Type": word, "Value": number}
    limit: dict[str, JSON] = (
        {"MaximumExecutionTimeoutInSeconds": int(wish.deadline)} if wish.deadline is not None else {}
    )
    if wish.kind == "rolling":
        batch = {"MaximumBatchSize": size, "WaitIntervalInSeconds": int(wish.wait)}
        found: dict[str, JSON] = {"RollingUpdatePolicy": {**batch, **limit}}
    else:
        routing: dict[str, JSON] = {
            "Type": wish.kind.upper().replace("-", "_"),
            "WaitIntervalInSeconds": int(wish.wait),
        }
        if wish.kind != "all-at-once":
            routing["CanarySize" if wish.kind == "canary" else "LinearStepSize"] = size
        found = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": int(wish.termination_wait),
                **limit,
            }
        }
    if wish.alarms:
        found["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in wish.alarms]}
    return found


def mark_asked(spec: DeploymentSpec, config_named: str, place: Place, before: float, traffic: Traffic) -> JSON:
    """The tags that AddTags writes before an endpoint is asked to change."""
    marks = Marks(
        place.owner, spec.name, Role.ENDPOINT, traffic=shares_text(traffic), asked=Asked(config_named, before)
    )
    return as_tags(marks.tags())


def change_count(endpoint: str, variant: str, count: int) -> dict[str, JSON]:
    """UpdateEndpointWeightsAndCapacities: another count, in place."""
    return {
        "EndpointName": endpoint,
        "DesiredWeightsAndCapacities": [{"VariantName": variant, "DesiredInstanceCount": count}],
    }


def share_traffic(endpoint: str, variants: Mapping[str, str], traffic: Traffic) -> dict[str, JSON]:
    """UpdateEndpointWeightsAndCapacities: other weights, in place.

    Args:
        endpoint: Its name.
        variants: Variant -> the revision that it runs.
        traffic: The wish.

    Raises:
        SpecError: A revision that is to have some runs in none of them.
    """
    missing = [each for each in traffic.served if each not in variants.values()]
    if missing:
        raise SpecError(
            f"{missing[0]} runs in no variant of {endpoint}, so that traffic cannot be shared with it", where=endpoint,
            hint="--set config.verify=variant has two revisions beside each other",
        )  # fmt: skip
    weights = [
        {"VariantName": variant, "DesiredWeight": float(traffic.share(revision))}
        for variant, revision in variants.items()
    ]
    return {"EndpointName": endpoint, "DesiredWeightsAndCapacities": weights}
