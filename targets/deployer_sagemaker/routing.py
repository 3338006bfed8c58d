"""What is due so that traffic goes where it is wished. Pure: the same facts give the same calls."""

from __future__ import annotations

from collections.abc import Callable

from deployer.endpoint import Traffic
from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer_sagemaker.calls import Call, Due, add_tags, delete_endpoint, let_go, refuse_foreign
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.counting import count_due, scales_later
from deployer_sagemaker.facts import ConfigFact, EndpointFact, Facts
from deployer_sagemaker.marks import Marks, Role, as_tags, shares_text
from deployer_sagemaker.models import Place
from deployer_sagemaker.observe import traffic_of
from deployer_sagemaker.requests import create_endpoint, mark_asked, share_traffic, update_endpoint

__all__ = ["kept_traffic", "route_due"]


def route_due(facts: Facts, spec: DeploymentSpec, traffic: Traffic, place: Place) -> Due:
    """What is left to do.

    Args:
        facts: What was found.
        spec: The wish in force, whose guardrails and count hold.
        traffic: The wished one.
        place: Where.

    Raises:
        Conflict: A revision was not staged; or traffic is to be shared by revisions that do not run beside each other;
            or something that is not ours has one of its names.
    """
    refuse_foreign(facts)
    main = facts.main
    if not traffic:
        return _nothing(facts, main)
    if len(traffic.served) > 1:
        return _shared(facts, main, spec, traffic, place)
    revision = traffic.served[0]
    runs = facts.run_by(main.config) if main is not None else {}
    staged = facts.staged(revision)
    if revision not in runs.values() and staged is None:
        raise Conflict(
            f"{revision} was not staged, so that nothing can be sent to it", where=facts.name,
            hint="run the same command again",
        )  # fmt: skip
    if main is None or main.status in ("Deleting", "Failed"):
        return _made(facts, main, spec, traffic, place)
    going = main.pending or main.arriving
    if going and revision not in facts.run_by(going).values():
        return Due((), f"AWS is on its way to {going}, and cannot be called off")
    # Where AWS could not take a change back, instances of two configurations answer; to ask again is what makes them
    # one (Developer Guide, deployment-guardrails-rolling).
    mixed = main.status == "UpdateRollbackFailed" and staged is not None
    if revision in runs.values() and not mixed:
        return _runs_already(facts, main, spec, traffic, place)
    return _moved(facts, main, spec, traffic, place)


def _moved(facts: Facts, main: EndpointFact, spec: DeploymentSpec, traffic: Traffic, place: Place) -> Due:
    """The endpoint runs another one, and goes over as soon as AWS takes it."""
    staged = facts.staged(traffic.served[0])
    if main.pending:
        return Due((*_unverify(facts, traffic.served[0]),), scales_later(spec))
    if not main.settled or staged is None:
        return Due((), f"AWS changes {main.name} just now ({main.status})")
    return _update(facts, main, spec, staged, traffic=traffic, place=place)


def kept_traffic(facts: Facts, traffic: Traffic, due: Callable[[Facts], Due]) -> Due:
    """What is left to do once it was asked for: it is asked again where somebody else has deleted the endpoint.

    Args:
        facts: What was found.
        traffic: The wished one.
        due: As `route_due`.
    """
    main = facts.main
    if traffic and main is None:
        return due(facts)
    if main is None or main.settled or traffic_of(facts).same_as(traffic):
        return Due()
    return Due((), f"AWS moves {main.name} to {traffic}")


def _nothing(facts: Facts, main: EndpointFact | None) -> Due:
    """Nobody is served: the endpoint goes. What was staged stays so, and nothing runs of it."""
    if main is None or main.status == "Deleting":
        return Due()
    busy = f"AWS changes {main.name} just now ({main.status})" if not main.settled else ""
    return Due((*let_go(facts), *delete_endpoint(main)), busy)


def _made(facts: Facts, main: EndpointFact | None, spec: DeploymentSpec, traffic: Traffic, place: Place) -> Due:
    """There is none, or one that is to go first: it is made, with its traffic."""
    if main is not None:
        return Due(delete_endpoint(main), f"{main.name} has to be gone before it can be made anew")
    revision = traffic.served[0]
    staged = facts.staged(revision)
    if staged is None:
        raise Conflict(f"{revision} was not staged", where=facts.name, hint="run the same command again")
    request = create_endpoint(spec, staged.name, place, traffic)
    made = Call("CreateEndpoint", request, fine=("there",))
    return Due((made, *_unverify(facts, revision)), scales_later(spec))


def _runs_already(facts: Facts, main: EndpointFact, spec: DeploymentSpec, traffic: Traffic, place: Place) -> Due:
    """The endpoint runs it: it is released, by its mark, or by its variant's weight."""
    revision = traffic.served[0]
    runs = facts.run_by(main.config)
    calls = [*_released(main, spec, traffic, place)]
    if len(runs) > 1 and not _is_shared(main, runs, traffic):
        if not main.settled:
            return Due(tuple(calls), f"AWS changes {main.name} just now ({main.status})")
        calls.append(_weights(main, runs, traffic))
        return Due(tuple(calls))
    counted = count_due(facts, main, spec, revision, place)
    return Due((*calls, *_unverify(facts, revision), *counted.calls), counted.waits)


def _released(main: EndpointFact, spec: DeploymentSpec, traffic: Traffic, place: Place) -> tuple[Call, ...]:
    """The mark of it, where it is another; what was asked before, and was given up, is forgotten with it."""
    marks = main.marks
    if marks is not None and marks.traffic == shares_text(traffic) and not (main.reverted or main.unseen):
        return ()
    if main.reverted or main.unseen:
        return (add_tags(main.arn, mark_asked(spec, main.config, place, main.modified, traffic)),)
    tags = Marks(place.owner, spec.name, Role.ENDPOINT, traffic=shares_text(traffic)).tags()
    return (add_tags(main.arn, as_tags(tags)),)


def _update(
    facts: Facts, main: EndpointFact, spec: DeploymentSpec, staged: ConfigFact, *, traffic: Traffic, place: Place
) -> Due:
    """The whole fleet is replaced; first it is marked what is asked for."""
    marked = add_tags(main.arn, mark_asked(spec, staged.name, place, main.modified, traffic))
    same = set(facts.run_by(main.config)) == set(staged.runs)
    request = update_endpoint(spec, staged.name, same_variants=same, scaled=facts.scaler is not None)
    update = Call("UpdateEndpoint", request)
    return Due((marked, update, *_unverify(facts, traffic.served[0])), scales_later(spec))


def _unverify(facts: Facts, revision: str) -> tuple[Call, ...]:
    """What verified it is not needed any more."""
    verify = facts.verify
    if verify is None or not verify.ours or revision not in facts.run_by(verify.config).values():
        return ()
    return delete_endpoint(verify)


# Two variants.


def _shared(facts: Facts, main: EndpointFact | None, spec: DeploymentSpec, traffic: Traffic, place: Place) -> Due:
    runs = facts.run_by(main.config) if main is not None else {}
    if main is None or not set(traffic.served) <= set(runs.values()):
        variants = config_of(spec).verify == "variant"
        raise Conflict(
            f"{' and '.join(traffic.served)} do not run beside each other, so that they cannot share traffic",
            where=facts.name,
            hint="run the same command again" if variants else "--set config.verify=variant has them side by side",
        )
    if _is_shared(main, runs, traffic):
        return Due(_released(main, spec, traffic, place))
    if not main.settled:
        return Due((), f"AWS changes {main.name} just now ({main.status})")
    return Due((*_released(main, spec, traffic, place), _weights(main, runs, traffic)))


def _is_shared(main: EndpointFact, runs: dict[str, str], traffic: Traffic) -> bool:
    """Whether the weights are what they are to be, or are on their way there."""
    whole = sum(each.weighed for each in main.variants) or 1.0
    return all(
        abs(each.weighed / whole - traffic.share(runs.get(each.name, "")) / 100) < 0.005 for each in main.variants
    )


def _weights(main: EndpointFact, runs: dict[str, str], traffic: Traffic) -> Call:
    return Call("UpdateEndpointWeightsAndCapacities", share_traffic(main.name, runs, traffic))
