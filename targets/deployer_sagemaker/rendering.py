"""What the verbs would send to AWS for a new endpoint, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import ImageRef, Release, Traffic
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_sagemaker.calls import Call
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.models import Place
from deployer_sagemaker.requests import create_endpoint
from deployer_sagemaker.scaling import scalable_target, scaling_policy
from deployer_sagemaker.staging import Staging

__all__ = ["documents", "left_out"]


def documents(
    spec: DeploymentSpec, release: Release, place: Place, repository: str, platform: str = "linux/amd64"
) -> Iterator[dict[str, JSON]]:
    """Each request, with the operation that it is of, in the order of the verbs; with all traffic on the revision.

    An image that was not delivered yet has no digest, and is named by the tag that it will be pushed under.

    Args:
        spec: The wish.
        release: The revision.
        place: Where.
        repository: Where images are pushed, without tag.
        platform: What images are for, where the spec does not say.

    Raises:
        SpecError: No instance type fits.
    """
    if release.image is None:
        name = spec.image.use or f"{repository}:{release.revision}"
        release = release.model_copy(update={"image": ImageRef(id="", reference=name)})
    staged = Staging(spec, release, place, platform).due(Facts(spec.name, ""))
    for call in staged.calls:
        if call.operation == "CreateEndpoint":
            released = create_endpoint(
                spec, str(call.request["EndpointConfigName"]), place, Traffic.all_to(release.revision)
            )
            yield _document(Call(call.operation, released))
        else:
            yield _document(call)
    target, policy = scalable_target(spec, place.tags), scaling_policy(spec, config_of(spec))
    if target is not None and policy is not None:
        service = "application-autoscaling"
        yield _document(Call("RegisterScalableTarget", target, service))
        yield _document(Call("PutScalingPolicy", policy, service))


def _document(call: Call) -> dict[str, JSON]:
    return {"service": call.service, "operation": call.operation, "request": call.request}


def left_out(spec: DeploymentSpec) -> Iterator[str]:
    """What is sent beside, a sentence each."""
    yield f"the record of {spec.name}, to S3, conditionally"
    config = config_of(spec)
    if config.verify == "endpoint":
        yield f"{spec.name}--verify with one instance, while a later revision is verified"
    elif config.verify == "variant":
        yield "a configuration of two variants, while a later revision is verified or shares traffic"
