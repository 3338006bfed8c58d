"""What is due so that the endpoint is there, and has what is wished of it. Pure: the same facts give the same calls."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer_azureml.calls import Call, Due, busy_with, delete_endpoint, put_endpoint, refuse_foreign
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.errors import failed_operation
from deployer_azureml.facts import GONE_WRONG, EndpointFact, Facts
from deployer_azureml.names import endpoint_path
from deployer_azureml.requests import Place, config_of, create_endpoint, with_labels

__all__ = ["configure_due", "endpoint_due", "fixed", "settled_due"]


def configure_due(facts: Facts, spec: DeploymentSpec, place: Place) -> Due:
    """What is left to do.

    Raises:
        Conflict: What is there is not ours; or what Azure never changes of an endpoint is wished otherwise.
    """
    making = endpoint_due(facts, spec, place)
    main = facts.main
    if main is None or making.calls or main.state == "Deleting":
        return making
    for field, why in fixed(main, config_of(spec)):
        raise Conflict(why, where=field, hint=f"take another name, or deployer delete {facts.name} first")
    document = with_labels(main, spec, place)
    if _same(main, document):
        return Due()
    if not main.settled:
        return Due((), busy_with(main))
    return Due((put_endpoint(main, document),))


def settled_due(facts: Facts, doing: str) -> Due:
    """What is left to do once the endpoint's document was written: to see whether Azure does it.

    Args:
        facts: What was found.
        doing: What Azure was asked, after "did not": ``move the traffic of iris``.

    Raises:
        DeployerError: Azure took it on, and it did not end well; what served serves on.
    """
    main = facts.main
    if main is None or main.state == "Deleting":
        return Due()
    if main.state in GONE_WRONG:
        what = f"make the endpoint {main.name}" if is_lost(facts, main) else doing
        raise failed_operation(main.trouble, what, main.name)
    return Due() if main.settled else Due((), busy_with(main))


def endpoint_due(facts: Facts, spec: DeploymentSpec, place: Place) -> Due:
    """What is left to do so that it is there, and takes deployments."""
    refuse_foreign(facts)
    main = facts.main
    if main is None:
        made = Call("PutEndpoint", endpoint_path(spec.name), create_endpoint(spec, place), fine=("there", "lingers"))
        return Due((made,), f"Azure makes {spec.name}")
    if main.state == "Deleting":
        return Due((), f"{main.name} has to be gone before it can be made anew")
    if is_lost(facts, main):
        return Due(delete_endpoint(main), f"{main.name} has to be gone before it can be made anew")
    return Due() if main.settled else Due((), busy_with(main))


def is_lost(facts: Facts, main: EndpointFact) -> bool:
    """Whether it could not be made at all: Azure wants it made anew ("has not been created successfully")."""
    return main.state in GONE_WRONG and not facts.deployments and not main.scoring_uri


def fixed(main: EndpointFact, config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    """Wishes about what is decided when an endpoint is made, each as (dotted field, sentence); for the plan, too.

    "Access Azure resources from an online endpoint with a managed identity": an endpoint's identity is immutable.
    """
    if main.compute.lower() != (config.compute or "").lower():
        now = f"on the compute {main.compute}" if main.compute else "on Azure's own machines"
        yield "config.compute", f"{main.name} is {now}, and Azure moves no endpoint"
    if tuple(sorted(each.lower() for each in config.identity)) != main.identities:
        now = ", ".join(main.identities) or "one of its own"
        yield "config.identity", f"the identity of {main.name} is {now}, and Azure never changes it"
    if config.connections and not main.connections:
        yield "config.connections", f"{main.name} was made without them, and Azure lets it at them only when it is made"


def _same(main: EndpointFact, document: dict[str, object]) -> bool:
    return document == dict(main.document)
