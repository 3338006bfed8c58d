"""What is due so that the revision which an endpoint runs has its count, or its autoscaler. Pure."""

from __future__ import annotations

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer_sagemaker.calls import Call, Due, let_go
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.facts import EndpointFact, Facts
from deployer_sagemaker.marks import Marks, Role
from deployer_sagemaker.models import Place
from deployer_sagemaker.requests import change_count
from deployer_sagemaker.scaling import scalable_target, scaling_policy

__all__ = ["count_due", "scales_later"]

_SERVICE = "application-autoscaling"


def scales_later(spec: DeploymentSpec) -> str:
    """What a range waits for: an autoscaler takes only an endpoint that serves."""
    return "it has to serve before it can be scaled" if isinstance(spec.replicas, ReplicaRange) else ""


def count_due(facts: Facts, main: EndpointFact, spec: DeploymentSpec, revision: str, place: Place) -> Due:
    """Of a revision that the endpoint runs.

    Args:
        facts: What was found.
        main: The endpoint.
        spec: The wish.
        revision: The one whose count it is.
        place: Where.
    """
    if config_of(spec).serverless is not None:
        return Due()
    wish = spec.replicas
    if isinstance(wish, ReplicaRange):
        return _scaled(facts, main, spec, wish, place)
    calls = let_go(facts)
    name = next((variant for variant, runs in facts.run_by(main.config).items() if runs == revision), "")
    found = next((each for each in main.variants if each.name == name), None)
    if found is None and main.status == "Creating":
        return Due(calls, f"AWS makes {main.name}")
    if found is None or found.wanted == wish:
        return Due(calls)
    if not main.settled:
        return Due(calls, f"AWS changes {main.name} just now ({main.status})")
    counted = Call("UpdateEndpointWeightsAndCapacities", change_count(main.name, name, wish))
    return Due((*calls, counted))


def _scaled(facts: Facts, main: EndpointFact, spec: DeploymentSpec, wish: ReplicaRange, place: Place) -> Due:
    if not main.settled or main.status != "InService":
        return Due((), scales_later(spec))
    # One that is registered keeps its tags, and takes none with its new bounds.
    tags = {} if facts.scaler is not None else {**place.tags, **Marks(place.owner, spec.name, Role.ENDPOINT).tags()}
    target, policy = scalable_target(spec, tags), scaling_policy(spec, config_of(spec))
    same = facts.scaler is not None and facts.scaler.bounds == (wish.min, wish.max)
    calls = []
    if target is not None and not same:
        calls.append(Call("RegisterScalableTarget", target, _SERVICE))
    if policy is not None:  # written over: whether it differs would have to be asked for, too
        calls.append(Call("PutScalingPolicy", policy, _SERVICE))
    return Due(tuple(calls))
