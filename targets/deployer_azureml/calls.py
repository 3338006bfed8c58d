"""What is due of a verb: the calls that can be made now, and what has to be waited for before the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deployer.errors import Conflict
from deployer.value import JSON
from deployer_azureml.facts import EndpointFact, Facts
from deployer_azureml.names import deployment_path, endpoint_path

__all__ = [
    "Call",
    "Due",
    "busy_with",
    "delete_deployment",
    "delete_endpoint",
    "delete_scaler",
    "put_endpoint",
    "refuse_foreign",
]

_VERBS: dict[str, Literal["PUT", "PATCH", "DELETE"]] = {
    "Put": "PUT",
    "Scale": "PATCH",
    "Tag": "PATCH",
    "Delete": "DELETE",
}
_ML = "Microsoft.MachineLearningServices/workspaces"
_ACTIONS = {
    "Endpoint": f"{_ML}/onlineEndpoints",
    "Deployment": f"{_ML}/onlineEndpoints/deployments",
    "Environment": f"{_ML}/environments/versions",
    "Autoscale": "Microsoft.Insights/autoscaleSettings",
}


@dataclass(frozen=True)
class Call:
    """One change at Azure, by its REST API.

    Attributes:
        operation: ``PutEndpoint``, ``PutDeployment``, ``ScaleDeployment``, ``TagDeployment``, ``DeleteDeployment`` ...
        path: Below the workspace; of ``...Autoscale`` below the resource group.
        body: The document.
        basis: The fingerprint of the document that the body was made of (`EndpointFact.basis`): who makes the call
            reads the thing again right before, and makes nothing where it is another by now, since a PUT would take
            back what somebody else wrote. "" where there is nothing to take back.
        fine: What is no failure. ``there``: that it is there already. Azure's PUT makes a thing or replaces it, so that
            who makes the call looks right before, and makes nothing over what is there, whoever made it (what carries
            no marks of ours is a Conflict). ``gone``: that it is not there any more. ``busy``: that Azure takes no
            change of it now, so that it is asked again. ``kept``: that Azure removes no such thing, or not now.
            ``lingers``: that the name of what was deleted is not free yet, so that it is asked again.
    """

    operation: str
    path: str
    body: JSON = None
    basis: str = ""
    fine: tuple[str, ...] = ()

    @property
    def method(self) -> Literal["PUT", "PATCH", "DELETE"]:
        """Of HTTP."""
        return next(method for verb, method in _VERBS.items() if self.operation.startswith(verb))

    @property
    def thing(self) -> str:
        """``Endpoint``, ``Deployment``, ``Environment``, ``Autoscale``."""
        return next(thing for thing in _ACTIONS if self.operation.endswith(thing))

    @property
    def action(self) -> str:
        """What Azure's roles call it."""
        return f"{_ACTIONS[self.thing]}/{'delete' if self.method == 'DELETE' else 'write'}"


@dataclass(frozen=True)
class Due:
    """What is left to do.

    Attributes:
        calls: To be made now, in this order, and no further when one fails.
        waits: What Azure is at before the rest can be asked; "" when nothing is left.
    """

    calls: tuple[Call, ...] = ()
    waits: str = ""

    @property
    def is_last(self) -> bool:
        """Whether all is asked for when these calls are made."""
        return not self.waits


def put_endpoint(main: EndpointFact, document: JSON) -> Call:
    """Write an endpoint over, as it was read but for what is to change."""
    return Call("PutEndpoint", endpoint_path(main.name), document, main.basis, ("busy",))


def delete_endpoint(main: EndpointFact) -> tuple[Call, ...]:
    """What begins an endpoint's deletion, with all of its deployments; nothing while it is under way."""
    if main.state == "Deleting":
        return ()
    return (Call("DeleteEndpoint", endpoint_path(main.name), fine=("gone", "busy")),)


def delete_deployment(facts: Facts, name: str) -> Call:
    """Of one without traffic: Azure refuses it with."""
    return Call("DeleteDeployment", deployment_path(facts.name, name), fine=("gone", "busy"))


def delete_scaler(name: str) -> Call:
    """What takes the count from the autoscaler, before it is set by hand or its deployment goes."""
    return Call("DeleteAutoscale", f"providers/microsoft.insights/autoscalesettings/{name}", fine=("gone",))


def busy_with(main: EndpointFact) -> str:
    """Why an endpoint takes no change now."""
    return f"Azure changes {main.name} just now ({main.state})"


def refuse_foreign(facts: Facts) -> None:
    """Nothing is made over, or removed for, what somebody else made under a name of ours.

    Raises:
        Conflict: There is such a thing.
    """
    if facts.endpoint is not None and not facts.endpoint.ours:
        raise Conflict(
            f"there is an endpoint {facts.name} in the workspace that deployer did not make; it is left as it is",
            where=facts.name, hint="take another name, or take it over: deployer apply --adopt",
        )  # fmt: skip
    theirs = facts.record
    taken = next((each for each in facts.others if theirs is not None and each.key in theirs.releases), None)
    if taken is not None:
        raise Conflict(
            f"there is a deployment {taken.name} of {facts.name} that deployer did not make; it is left as it is",
            where=facts.name, hint=f"az ml online-deployment delete --endpoint-name {facts.name} --name {taken.name}",
        )  # fmt: skip
