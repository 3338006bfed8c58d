"""What is due so that a deployment has its count, or its autoscaler. Pure."""

from __future__ import annotations

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer_azureml.calls import Call, Due, delete_scaler
from deployer_azureml.facts import GONE_WRONG, DeploymentFact, Facts
from deployer_azureml.marks import Marks, Role
from deployer_azureml.names import autoscale_path, deployment_path
from deployer_azureml.requests import Place, config_of
from deployer_azureml.revisions import scale_count
from deployer_azureml.scaling import SHAPE, autoscale_body, own_scaler

__all__ = ["count_due", "scales_later"]


def scales_later(spec: DeploymentSpec) -> str:
    """What a range waits for: Azure Monitor takes only a deployment that runs."""
    outside = isinstance(spec.replicas, ReplicaRange) and config_of(spec).compute is None
    return "it has to run before it can be scaled" if outside else ""


def count_due(facts: Facts, found: DeploymentFact, spec: DeploymentSpec, place: Place) -> Due:
    """Of a revision that runs.

    Args:
        facts: What was found.
        found: Its deployment.
        spec: The wish.
        place: Where.
    """
    config = config_of(spec)
    wish = spec.replicas
    if config.compute is not None:
        return _on_kubernetes(found, spec)
    scaler = facts.scaler(found)
    if isinstance(wish, ReplicaRange):
        if found.state != "Succeeded":
            return Due((), scales_later(spec))
        tags = {**place.tags, **Marks(place.owner, spec.name, Role.AUTOSCALE, found.revision).tags(spec.labels)}
        body = autoscale_body(spec, config, found.id, place.location, tags)
        if body is None or (scaler is not None and scaler.shape == body["tags"][SHAPE]):
            return Due()
        path = autoscale_path(place.workspace, spec.name, found.name)
        return Due((Call("PutAutoscale", path, body),))
    calls = (delete_scaler(scaler.name),) if scaler is not None else ()
    if found.count == wish and not (found.state in GONE_WRONG and facts.share(found)):
        return Due(calls)
    if not found.settled:
        return Due(calls, f"Azure changes {found.name} just now ({found.state})")
    scale = Call("ScaleDeployment", deployment_path(facts.name, found.name), scale_count(wish), fine=("busy",))
    return Due((*calls, scale))


def _on_kubernetes(found: DeploymentFact, spec: DeploymentSpec) -> Due:
    """The scaler is a part of the deployment itself there, so that the whole document is written back with it."""
    wish = spec.replicas
    wanted = own_scaler(spec, config_of(spec))
    bounds = (max(1, wish.min), wish.max) if isinstance(wish, ReplicaRange) else None
    if found.bounds == bounds and (isinstance(wish, ReplicaRange) or found.count == wish):
        return Due()
    if not found.settled:
        return Due((), f"Azure changes {found.name} just now ({found.state})")
    properties = {**found.document["properties"], "scaleSettings": wanted or {"scaleType": "Default"}}
    document = {**found.document, "properties": properties}
    if not isinstance(wish, ReplicaRange):
        document["sku"] = {**found.document.get("sku", {"name": "Default"}), "capacity": wish}
    path = deployment_path(spec.name, found.name)
    return Due((Call("PutDeployment", path, document, found.basis, ("busy",)),))
