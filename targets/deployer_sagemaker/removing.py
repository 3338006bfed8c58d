"""What is due so that a revision, or all of an endpoint, is gone. Pure: the same facts give the same calls.

A configuration is never deleted while an endpoint uses it: AWS would lose sight of what the endpoint is made of (API
reference, DeleteEndpointConfig).
"""

from __future__ import annotations

from collections.abc import Iterable

from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer_sagemaker.calls import Call, Due, add_tags, delete_config, delete_endpoint, let_go
from deployer_sagemaker.facts import ConfigFact, EndpointFact, Facts
from deployer_sagemaker.marks import Marks, Role, State, as_tags
from deployer_sagemaker.models import Place
from deployer_sagemaker.observe import traffic_of
from deployer_sagemaker.requests import mark_asked, update_endpoint

__all__ = ["destroy_due", "retire_due"]


def retire_due(facts: Facts, spec: DeploymentSpec, revision: str, place: Place, *, keep: bool) -> Due:
    """What is left to do so that nothing of a revision runs.

    Args:
        facts: What was found.
        spec: The wish in force.
        revision: The one that goes.
        place: Where.
        keep: Whether its model and configuration stay, for a rollback.

    Raises:
        Conflict: It has traffic, and keeps it.
    """
    if traffic_of(facts).share(revision):
        if (going := _leaves(facts, revision)) is not None:
            return Due((), f"AWS is on its way to {going}, and {revision} answers until it is there")
        raise Conflict(f"{revision} has traffic", where=facts.name, hint="move the traffic first: deployer update")
    main, verify = facts.main, facts.verify if facts.verify is not None and facts.verify.ours else None
    calls: list[Call] = []
    waits = ""
    if main is not None and (revision in facts.run_by(main.pending).values()) and main.status != "Creating":
        return Due((), f"AWS is on its way to {main.pending}, and cannot be called off")
    if main is not None and main.pending and main.pending == main.config and main.status != "Creating":
        # It is mended: until then instances of another configuration may answer, and AWS tells of none.
        return Due((), f"AWS has all its instances be of {main.config}")
    if main is not None and revision in facts.run_by(main.config).values():
        done = _from_main(facts, main, spec, revision, place)
        calls += done.calls
        waits = done.waits
    if verify is not None and revision in facts.run_by(verify.config).values():
        calls += delete_endpoint(verify)
        waits = waits or f"{verify.name} has to be gone first"
    configs = [each for each in facts.configs if revision in each.revisions]
    calls += _left(facts, configs, revision, place, keep=keep)
    used = [each.name for each in configs if facts.is_used(each.name) and (not keep or each.state is None)]
    return Due(tuple(calls), waits or (f"an endpoint uses {used[0]}" if used else ""))


def _leaves(facts: Facts, revision: str) -> str | None:
    """The configuration that an endpoint was asked to go to, away from a revision; None where it was not."""
    main = facts.main
    asked = main.marks.asked if main is not None and main.marks is not None else None
    if main is None or asked is None or asked.config == main.config or main.reverted:
        return None
    # While the old fleet ends, nothing is pending any more, and the old configuration is told still.
    return asked.config if revision not in facts.run_by(asked.config).values() else None


def _from_main(facts: Facts, main: EndpointFact, spec: DeploymentSpec, revision: str, place: Place) -> Due:
    """The endpoint that clients ask runs it, without traffic: one that was never released goes; of two variants one."""
    others = [each for each in facts.run_by(main.config).values() if each != revision]
    if not others or main.status in ("Failed", "Deleting"):
        return Due((*let_go(facts), *delete_endpoint(main)), f"{main.name} has to be gone first")
    staged = max(
        (each for each in facts.configs if each.state is not None and each.revisions == (others[0],)),
        key=lambda each: (each.created, each.name), default=None,
    )  # fmt: skip
    if staged is None:
        return Due((), f"no configuration of {others[0]} alone is there; deployer apply makes it")
    if not main.settled:
        return Due((), f"AWS changes {main.name} just now ({main.status})")
    marked = mark_asked(spec, staged.name, place, main.modified, traffic_of(facts))
    # The variants change, so AWS takes no guardrails; and the count is what it is now.
    update = {**update_endpoint(spec, staged.name, same_variants=False), "RetainAllVariantProperties": True}
    update["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DesiredWeight"}]
    return Due((add_tags(main.arn, marked), Call("UpdateEndpoint", update)), f"AWS changes {main.name}")


def _left(facts: Facts, configs: Iterable[ConfigFact], revision: str, place: Place, *, keep: bool) -> Iterable[Call]:
    """Its configurations and models: marked, or removed where no endpoint uses them."""
    there = [*configs]
    for each in there:
        if keep and each.state is not None and each.revisions == (revision,):
            if each.state is not State.KEPT:
                marks = Marks(place.owner, facts.name, Role.CONFIG, revision, State.KEPT)
                yield add_tags(each.arn, as_tags(marks.tags()))
        elif not facts.is_used(each.name):
            yield delete_config(each)
    if keep:
        return
    needed = {model for each in facts.configs if facts.is_used(each.name) for model in each.models}
    for model in facts.models:
        if model.revision == revision and model.name not in needed:
            yield Call("DeleteModel", {"ModelName": model.name}, fine=("gone",))


def destroy_due(facts: Facts) -> Due:
    """What is left to do so that nothing of an endpoint is there but its Record.

    The execution role is needed until the endpoints are gone; the Record goes when this is done.
    """
    calls: list[Call] = [*let_go(facts)]
    endpoints = [each for each in (facts.main, facts.verify) if each is not None and each.ours]
    for endpoint in endpoints:
        calls += delete_endpoint(endpoint)
    if endpoints:
        return Due(tuple(calls), f"{endpoints[0].name} has to be gone first ({endpoints[0].status})")
    calls += (delete_config(each) for each in facts.configs)
    calls += (Call("DeleteModel", {"ModelName": each.name}, fine=("gone",)) for each in facts.models)
    return Due(tuple(calls))
