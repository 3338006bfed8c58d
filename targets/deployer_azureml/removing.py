"""What is due so that a revision, or all of an endpoint, is gone. Pure: the same facts give the same calls."""

from __future__ import annotations

from collections.abc import Iterable

from deployer.errors import Conflict
from deployer_azureml.calls import (
    Call,
    Due,
    busy_with,
    delete_deployment,
    delete_endpoint,
    delete_scaler,
    put_endpoint,
)
from deployer_azureml.facts import DeploymentFact, EnvironmentFact, Facts
from deployer_azureml.names import environment_path
from deployer_azureml.requests import with_mirror

__all__ = ["destroy_due", "retire_due"]


def retire_due(facts: Facts, revision: str, *, keep: bool) -> Due:
    """What is left to do so that nothing of a revision runs.

    Args:
        facts: What was found.
        revision: The one that goes.
        keep: Whether its environment stays, for a rollback; its image does in any case.

    Raises:
        Conflict: It has traffic, and keeps it.
    """
    main, found = facts.main, facts.find(revision)
    if found is None:
        left = () if keep else (each for each in facts.environments if each.revision == revision)
        return Due(tuple(_delete_environments(facts, left)))
    going = main is not None and main.state == "Deleting"
    if facts.share(found) and not going:
        if main is not None and not main.settled:  # the traffic may be on its way
            return Due((), busy_with(main))
        raise Conflict(f"{revision} has traffic", where=facts.name, hint="move the traffic first: deployer update")
    gone = f"{found.name} has to be gone first" if not keep and _kept(facts, revision) else ""
    if going or found.state == "Deleting":
        return Due((), gone)
    if main is not None and facts.copies(found):
        if not main.settled:
            return Due((), busy_with(main))
        return Due((put_endpoint(main, with_mirror(main, facts, None)),), f"{found.name} gets copies of requests still")
    return Due((*_let_go(facts, found), delete_deployment(facts, found.name)), gone)


def _kept(facts: Facts, revision: str) -> bool:
    return any(each.revision == revision for each in facts.environments)


def _let_go(facts: Facts, found: DeploymentFact) -> tuple[Call, ...]:
    """An autoscale setting does not go with its deployment: it lies beside it, in the resource group."""
    scaler = facts.scaler(found)
    return (delete_scaler(scaler.name),) if scaler is not None else ()


def _delete_environments(facts: Facts, environments: Iterable[EnvironmentFact]) -> Iterable[Call]:
    for each in environments:
        yield Call("DeleteEnvironment", environment_path(facts.name, each.version), fine=("gone", "kept"))


def destroy_due(facts: Facts) -> Due:
    """What is left to do so that nothing of an endpoint is there but its Record, which goes when this is done.

    Raises:
        Conflict: Somebody else has a deployment in it, which would go with it.
    """
    main = facts.main
    if main is not None and facts.others and main.state != "Deleting":
        names = ", ".join(each.name for each in facts.others)
        raise Conflict(
            f"{main.name} has deployments that deployer did not make, and they would go with it: {names}",
            where=main.name,
            hint=f"az ml online-deployment delete --endpoint-name {main.name} --name {facts.others[0].name}",
        )
    scalers = tuple(delete_scaler(each.name) for each in facts.scalers)
    if main is not None:
        return Due((*scalers, *delete_endpoint(main)), f"{main.name} has to be gone first ({main.state})")
    return Due((*scalers, *_delete_environments(facts, facts.environments)))
