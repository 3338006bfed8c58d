"""What the SageMaker target is told: where it works, and a spec's ``config``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from deployer.quantity import Bytes, Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.value import Value
from deployer_sagemaker.table import FAMILIES
from deployer_sagemaker.wishes import (
    AsyncWish,
    Capture,
    Guardrails,
    ImageAccess,
    KmsKey,
    Pipeline,
    Role,
    ServerlessWish,
    Vpc,
    WholeSeconds,
    role_arn,
    taken,
)

__all__ = ["SageMakerConfig", "SageMakerOptions"]

_BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_PREFIX = r"^[a-z0-9]+([._/-][a-z0-9]+)*$"
"""Of an ECR repository's name (and an S3 key): lower case, single signs between."""

_NO_PLACE = {
    "inference_components": "an endpoint's instances are its own here; models that share instances (inference "
    "components) are managed elsewhere",
    "multi_model": "one endpoint serves one model here; a multi-model endpoint loads what it is asked for",
    "shadow_variants": "copies of requests are not in this version",
    "accelerator_type": "AWS gives out no Elastic Inference any more; take an instance type with a GPU",
    "explainer": "Clarify's explainer is not in this version",
}
"""Words of AWS that have no place here, and why."""


class SageMakerOptions(Value):
    """Which account and region are meant, and what of them is used."""

    region: str | None = Field(
        default=None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d+$", description="By default AWS_REGION, or the profile's."
    )
    profile: str | None = Field(default=None, description="A profile of ~/.aws/config; by default AWS_PROFILE's.")
    assume_role: Annotated[str, AfterValidator(role_arn)] | None = Field(
        default=None, description="A role to work as, in this or another account, by its ARN."
    )
    external_id: str | None = Field(
        default=None, min_length=2, max_length=1224, description="What assume_role's trust asks for."
    )
    account: str | None = Field(
        default=None, pattern=r"^\d{12}$", description="The account that must be meant; another one is refused."
    )
    role: Role | None = Field(
        default=None, description="The execution role of its models: an ARN, or a name in the account."
    )
    bucket: str | None = Field(
        default=None, pattern=_BUCKET, description="Where records and models lie; by default deployer-ACCOUNT-REGION."
    )
    prefix: str = Field(default="deployer", pattern=_PREFIX, description="What their keys begin with.")
    repository: str = Field(
        default="deployer", pattern=_PREFIX, description="What the names of its ECR repositories begin with."
    )
    platform: Literal["linux/amd64", "linux/arm64"] = Field(
        default="linux/amd64", description="What images are for, unless image.platform says; arm64 is Graviton."
    )
    tags: dict[str, str] = Field(default={}, description="Tags of all that it makes, such as a cost centre's.")


class SageMakerConfig(Value):
    """A spec's ``config`` on the SageMaker target.

    Whatever lies in the endpoint's configuration is of revision scope, since AWS replaces the whole fleet for it.
    """

    instance_type: Annotated[str, taken("ProductionVariantInstanceType")] | None = scoped(
        Scope.REVISION, None, description="Such as ml.m5.large; by default the smallest that resources fit into."
    )
    families: tuple[str, ...] = scoped(
        Scope.REVISION, (), description="Families that one is chosen from, the preferred first: m6i, c6i."
    )
    serverless: ServerlessWish | None = scoped(
        Scope.REVISION, None, description="No instances: {max_concurrency: 5}, and memory, provisioned."
    )
    async_inference: AsyncWish | None = scoped(
        Scope.REVISION, None, description="A queue, and answers in S3: {output: s3://BUCKET/PREFIX}."
    )
    pipeline: Pipeline | None = scoped(Scope.REVISION, None, description="Containers before and after the model's.")
    data_capture: Capture | None = scoped(
        Scope.REVISION, None, description="Requests and answers kept in S3: {to: s3://BUCKET/PREFIX, percent: 100}."
    )
    model_data: str | None = scoped(
        Scope.REVISION, None, pattern=r"^s3://[^/]+/.+(\.tar\.gz|/)$",
        description="What a ready image finds at /opt/ml/model: s3://BUCKET/FILE.tar.gz, or a folder, s3://BUCKET/PREFIX/.",
    )  # fmt: skip
    vpc: Vpc | None = scoped(Scope.REVISION, None, description="Its network: {subnets: [...], security_groups: [...]}.")
    role: Role | None = scoped(Scope.REVISION, None, description="Its execution role; by default the target's.")
    kms_key: KmsKey | None = scoped(Scope.REVISION, None, description="What its instances' volumes are encrypted with.")
    volume: Bytes | None = scoped(
        Scope.REVISION, None, ge=2**30, le=512 * 2**30, description="The size of an instance's volume, such as 30Gi."
    )
    startup: Annotated[WholeSeconds, taken("ProductionVariantContainerStartupHealthCheckTimeoutInSeconds")] = scoped(
        Scope.REVISION, 600.0, description="The longest that a container may take to be ready: 1m to 1h."
    )
    download: Annotated[WholeSeconds, taken("ProductionVariantModelDataDownloadTimeoutInSeconds")] = scoped(
        Scope.REVISION, 600.0, description="The longest that a model of image.weights: mount may take to come."
    )
    provision: Annotated[WholeSeconds, taken("VariantInstanceProvisionTimeoutInSeconds")] | None = scoped(
        Scope.REVISION, None, description="The longest that AWS may look for instances: 5m to 1h."
    )
    routing: Literal["least-outstanding-requests", "random"] | None = scoped(
        Scope.REVISION, None, description="How requests are shared among its instances; by default AWS's own way."
    )
    ami_version: Annotated[str, taken("ProductionVariantInferenceAmiVersion")] | None = scoped(
        Scope.REVISION, None, description="What its instances run, where drivers matter."
    )
    capacity_reservation: Annotated[str, taken("MlReservationArn")] | None = scoped(
        Scope.REVISION, None, description="A reservation (training plan) that its instances are taken from, by its ARN."
    )
    shell: bool = scoped(Scope.REVISION, False, description="Whether its containers can be entered by SSM.")
    image_access: ImageAccess | None = scoped(
        Scope.REVISION, None, description="How AWS reaches a registry that is not ECR: {mode: vpc}."
    )
    drain: Seconds = scoped(
        Scope.REVISION, 25.0, le=30, description="How long a container may take to end; AWS kills it after 30s."
    )
    threads: int | None = scoped(
        Scope.REVISION, None, ge=1, le=256, description="Predictions at once in each replica; by default at most 4."
    )
    timeout: Seconds = scoped(
        Scope.REVISION, 60.0, gt=0, le=3600,
        description="The longest that a prediction may take; more than 60s with async_inference alone.",
    )  # fmt: skip
    max_body: Bytes | None = scoped(
        Scope.REVISION, None, ge=1, le=2**30, description="The largest request; by default what the service takes."
    )
    cooldown: WholeSeconds = scoped(
        Scope.ENDPOINT, 300.0, le=86400, description="How long the autoscaler waits after each change."
    )
    verify: Literal["endpoint", "variant", "none"] = scoped(
        Scope.CLIENT, "endpoint",
        description="Where a new revision is asked before it has traffic: an endpoint of one instance, a second "
        "variant (which can share traffic, and replaces the fleet twice), or nowhere.",
    )  # fmt: skip
    guardrails: Guardrails = scoped(
        Scope.CLIENT, Guardrails(),
        description="How AWS moves it: {kind: canary, size: 10%, wait: 5m, alarms: [NAME]}.",
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _no_place(cls, value: Any) -> Any:
        for word in value if isinstance(value, dict) else ():
            if word in _NO_PLACE:
                raise ValueError(f"{word}: {_NO_PLACE[word]}")
        return value

    @field_validator("families")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each not in FAMILIES:
                raise ValueError(f"no sizes of {each} are known; name a type by config.instance_type")
        return value
