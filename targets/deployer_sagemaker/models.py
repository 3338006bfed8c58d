"""The request of CreateModel: what a revision runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target.container import ContainerConfig, server_environment
from deployer.value import JSON
from deployer_sagemaker.attributes import BEHIND
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.marks import Marks, Role, as_tags, told
from deployer_sagemaker.names import model_name
from deployer_sagemaker.vault import references
from deployer_sagemaker.wishes import Container, ImageAccess

__all__ = ["HOSTNAME", "Place", "create_model", "largest_body", "model_body", "weights_uri"]

HOSTNAME = "model"
"""The model's own container in a pipeline, to be asked for by TargetContainerHostname."""
_REAL_TIME, _SERVERLESS, _ASYNC = 6_291_456, 4 * 2**20, 2**30
"""Bytes: botocore's BodyBlob; the Developer Guide for serverless and asynchronous inference."""


@dataclass(frozen=True)
class Place:
    """What the account and the options give.

    Attributes:
        role: The execution role's ARN.
        weights: Where models of ``image.weights: mount`` lie, ``s3://BUCKET/PREFIX``.
        owner: Whose the endpoint is.
        tags: Of all that is made.
    """

    role: str
    weights: str
    owner: str
    tags: Mapping[str, str] = field(default_factory=dict)


def weights_uri(place: Place, digest: str) -> str:
    """The folder of a model by its digest; with a slash behind, so that no longer name begins so, too."""
    return f"{place.weights.rstrip('/')}/{digest}/"


def largest_body(config: SageMakerConfig) -> int:
    """Bytes of the largest request that the service or the wish lets through."""
    if config.async_inference is not None:
        service = _ASYNC
    else:
        service = _SERVERLESS if config.serverless is not None else _REAL_TIME
    return min(service, config.max_body) if config.max_body is not None else service


def model_body(
    spec: DeploymentSpec, release: Release, config: SageMakerConfig, place: Place, *, alone: bool = False
) -> dict[str, JSON]:
    """All of CreateModel but name and tags: what the name is made of, too.

    Args:
        spec: The wish.
        release: The revision.
        config: The wish's, read.
        place: Where.
        alone: Without the other containers of a serial pipeline, to verify it: through them the packaged example
            would be another question, and the answer another's.

    Raises:
        SpecError: The revision has no image.
    """
    if release.image is None:
        raise SpecError(f"{release.revision} has no image", where=spec.name, hint="run the same command again")
    own = _container(spec, release, config, place)
    pipeline = config.pipeline
    if pipeline is not None and alone and pipeline.mode == "serial":
        pipeline = None
    found: dict[str, JSON] = {"ExecutionRoleArn": place.role}
    if pipeline is None:
        found["PrimaryContainer"] = own
    else:
        others = [[_other(each, config.image_access) for each in side] for side in (pipeline.before, pipeline.after)]
        found["Containers"] = [*others[0], {**own, "ContainerHostname": HOSTNAME}, *others[1]]
        found["InferenceExecutionConfig"] = {"Mode": pipeline.mode.capitalize()}
    if config.vpc is not None:
        found["VpcConfig"] = {
            "SecurityGroupIds": [*config.vpc.security_groups],
            "Subnets": [*config.vpc.subnets],
        }
    # Serverless endpoints take none; `refuse` has had the wish say so.
    if spec.network.egress == "none" and config.serverless is None:
        found["EnableNetworkIsolation"] = True
    return found


def create_model(
    spec: DeploymentSpec, release: Release, config: SageMakerConfig, place: Place, *, alone: bool = False
) -> dict[str, JSON]:
    """The whole request."""
    body = model_body(spec, release, config, place, alone=alone)
    marks = Marks(place.owner, spec.name, Role.MODEL, release.revision)
    tags = {**place.tags, **marks.tags(spec.labels), **told(release)}
    return {"ModelName": model_name(spec.name, release.revision, body), **body, "Tags": as_tags(tags)}


def _container(spec: DeploymentSpec, release: Release, config: SageMakerConfig, place: Place) -> dict[str, JSON]:
    image = release.image.reference if release.image is not None else ""
    found: dict[str, JSON] = {
        "Image": image,
        "Environment": {**_variables(spec, release, config), **references(spec)},
        **_image_config(config.image_access),
    }
    if config.model_data is not None and config.model_data.endswith(".tar.gz"):
        found["ModelDataUrl"] = config.model_data
    elif config.model_data is not None:
        found["ModelDataSource"] = _folder(config.model_data)
    elif spec.image.weights == "mount":
        found["ModelDataSource"] = _folder(weights_uri(place, release.model.digest))
    return found


def _folder(uri: str) -> dict[str, JSON]:
    """Files below a prefix, as they are."""
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}


def _variables(spec: DeploymentSpec, release: Release, config: SageMakerConfig) -> dict[str, str]:
    """As on every target; a ready image's server gets the spec's own alone."""
    if spec.image.use:
        return dict(spec.env)
    given = ContainerConfig(
        drain=config.drain, threads=config.threads, timeout=config.timeout, max_body=largest_body(config)
    )
    return {**server_environment(spec, release, given), **BEHIND}


def _other(container: Container, access: ImageAccess | None) -> dict[str, Any]:
    found: dict[str, JSON] = {"Image": container.image, **_image_config(access)}
    if container.hostname is not None:
        found["ContainerHostname"] = container.hostname
    if container.env:
        found["Environment"] = dict(container.env)
    if container.model_data is not None:
        found["ModelDataUrl"] = container.model_data
    return found


def _image_config(access: ImageAccess | None) -> dict[str, JSON]:
    if access is None:
        return {}
    found: dict[str, JSON] = {"RepositoryAccessMode": access.mode.capitalize()}
    if access.credentials is not None:
        found["RepositoryAuthConfig"] = {"RepositoryCredentialsProviderArn": access.credentials}
    return {"ImageConfig": found}
