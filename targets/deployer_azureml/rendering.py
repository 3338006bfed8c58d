"""What the verbs would send to Azure for a new endpoint, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import ImageRef, Release
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_azureml.calls import Call
from deployer_azureml.configuring import configure_due
from deployer_azureml.facts import Facts
from deployer_azureml.marks import Marks, Role
from deployer_azureml.names import autoscale_path, deployment_path, endpoint_path, environment_path
from deployer_azureml.requests import Place, config_of
from deployer_azureml.revisions import deployment_body, environment_body, environment_of
from deployer_azureml.scaling import autoscale_body

__all__ = ["documents", "left_out"]


def documents(spec: DeploymentSpec, release: Release, place: Place, repository: str) -> Iterator[dict[str, JSON]]:
    """Each request's document, with its method and path, in the order of the verbs; last that of all traffic.

    An image that was not delivered yet has no digest, and is named by the tag that it will be pushed under.

    Args:
        spec: The wish.
        release: The revision.
        place: Where.
        repository: Where images are pushed, without tag.

    Raises:
        SpecError: No instance type fits.
    """
    if release.image is None:
        name = spec.image.use or f"{repository}:{release.revision}"
        release = release.model_copy(update={"image": ImageRef(id="", reference=name)})
    config = config_of(spec)
    made = configure_due(Facts(spec.name, ""), spec, place).calls
    for call in made:
        yield _document(call)
    if not config.no_code:
        path = environment_path(spec.name, environment_of(spec, release))
        yield _document(Call("PutEnvironment", path, environment_body(spec, release, place)))
    path = deployment_path(spec.name, release.revision)
    yield _document(Call("PutDeployment", path, deployment_body(spec, release, place)))
    tags = {**place.tags, **Marks(place.owner, spec.name, Role.AUTOSCALE, release.revision).tags(spec.labels)}
    scaler = autoscale_body(spec, config, f"{place.id}/{path}", place.location, tags)
    if scaler is not None:
        yield _document(Call("PutAutoscale", autoscale_path(place.workspace, spec.name, release.revision), scaler))
    body = made[0].body
    traffic = {**body, "properties": {**body["properties"], "traffic": {release.revision: 100}}}
    yield _document(Call("PutEndpoint", endpoint_path(spec.name), traffic))


def _document(call: Call) -> dict[str, JSON]:
    return {"method": call.method, "path": call.path, "document": call.body}


def left_out(spec: DeploymentSpec) -> Iterator[str]:
    """What is sent beside, a sentence each."""
    yield f"the record of {spec.name}, as a blob in the workspace's store, conditionally"
    if config_of(spec).no_code or spec.image.weights == "mount":
        yield "the model, as an asset of the workspace"
