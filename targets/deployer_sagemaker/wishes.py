"""The groups of a spec's ``config`` on the SageMaker target, each as AWS takes it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from deployer.quantity import Bytes, Seconds
from deployer.value import Value
from deployer_sagemaker.shapes import refused

__all__ = [
    "AsyncWish",
    "Capture",
    "Container",
    "Guardrails",
    "ImageAccess",
    "KmsKey",
    "Pipeline",
    "Role",
    "ServerlessWish",
    "Vpc",
    "WholeSeconds",
    "role_arn",
    "taken",
]

_MIB = 2**20


def taken(shape: str) -> AfterValidator:
    """Of a field: its value, or each of its values, is one that a shape of AWS's service model takes."""

    def check(value: Any) -> Any:
        if value is not None:
            for each in value if isinstance(value, tuple) else (value,):
                refused(shape, int(each) if isinstance(each, float) else each)
        return value

    return AfterValidator(check)


def _mib(value: int) -> int:
    if value % (1024 * _MIB):
        raise ValueError("serverless memory is 1 to 6 whole Gi")
    return value


def _of_s3(value: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", value):
        raise ValueError(f"{value!r} is no place in S3, such as s3://BUCKET/PREFIX")
    return value


def _a_role(value: str) -> str:
    if not re.fullmatch(r"(arn:aws[a-z-]*:iam::\d{12}:role/)?[A-Za-z0-9_+=,.@/-]{1,512}", value):
        raise ValueError(f"{value!r} is no role: its ARN, or its name")
    return value


def role_arn(value: str) -> str:
    """For validators of a field: a role's ARN, not its name alone.

    Raises:
        ValueError: It is none.
    """
    if not value.startswith("arn:"):
        raise ValueError(f"a role to assume is given by its ARN, not as {value!r}")
    return _a_role(value)


Role = Annotated[str, AfterValidator(_a_role)]
S3Uri = Annotated[str, taken("DestinationS3Uri"), AfterValidator(_of_s3)]
KmsKey = Annotated[str, taken("KmsKeyId")]
WholeSeconds = Annotated[Seconds, AfterValidator(lambda value: float(int(value)))]


class ServerlessWish(Value):
    """No instances: AWS runs it when it is asked."""

    memory: Annotated[Bytes, AfterValidator(_mib)] | None = Field(
        default=None, ge=1024 * _MIB, le=6144 * _MIB,
        description="1Gi to 6Gi in whole Gi; by default what resources.memory fits into.",
    )  # fmt: skip
    max_concurrency: int = Field(default=5, ge=1, le=200, description="Requests at once.")
    provisioned: int | None = Field(default=None, ge=1, le=200, description="How many of them wait started.")

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.provisioned is not None and self.provisioned > self.max_concurrency:
            raise ValueError(f"provisioned ({self.provisioned}) is more than max_concurrency ({self.max_concurrency})")
        return self


class AsyncWish(Value):
    """Requests wait in a queue, and answers go to S3."""

    output: S3Uri = Field(description="Where answers go, such as s3://BUCKET/PREFIX.")
    failures: S3Uri | None = Field(default=None, description="Where errors go; by default beside the answers.")
    concurrency: Annotated[int, taken("MaxConcurrentInvocationsPerInstance")] | None = Field(
        default=None, description="Requests at once in each instance; by default AWS finds out."
    )
    success_topic: Annotated[str, taken("SnsTopicArn")] | None = Field(
        default=None, description="An SNS topic that is told of answers."
    )
    error_topic: Annotated[str, taken("SnsTopicArn")] | None = Field(
        default=None, description="An SNS topic that is told of errors."
    )
    kms_key: KmsKey | None = Field(default=None, description="What answers are encrypted with.")


class Capture(Value):
    """Requests and answers are kept in S3."""

    to: S3Uri = Field(description="Where, such as s3://BUCKET/PREFIX.")
    percent: int = Field(default=100, ge=0, le=100, description="Of the requests.")
    what: Literal["input", "output", "both"] = Field(default="both", description="Of each of them.")
    csv_types: Annotated[tuple[str, ...], taken("CsvContentType")] = Field(
        default=(), max_length=10, description="Content types that are kept as CSV text."
    )
    json_types: Annotated[tuple[str, ...], taken("JsonContentType")] = Field(
        default=("application/json",), max_length=10,
        description="Content types that are kept as JSON text; the others are kept in Base64.",
    )  # fmt: skip
    kms_key: KmsKey | None = Field(default=None, description="What they are encrypted with.")


class Vpc(Value):
    """The network of its containers."""

    subnets: Annotated[tuple[str, ...], taken("SubnetId")] = Field(min_length=1, max_length=16)
    security_groups: Annotated[tuple[str, ...], taken("SecurityGroupId")] = Field(min_length=1, max_length=5)


class ImageAccess(Value):
    """How AWS reaches a registry that is not ECR."""

    mode: Literal["platform", "vpc"] = Field(default="platform", description="vpc: through the model's own VPC.")
    credentials: Annotated[str, taken("RepositoryCredentialsProviderArn")] | None = Field(
        default=None, description="A Lambda function that gives the login, by its ARN."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.credentials is not None and self.mode != "vpc":
            raise ValueError("a login is asked for only of a registry in the VPC: mode: vpc")
        return self


class Container(Value):
    """One more container of a pipeline."""

    image: Annotated[str, taken("ContainerImage")] = Field(description="By its digest, so that it stays what it is.")
    hostname: Annotated[str, taken("ContainerHostname")] | None = Field(
        default=None, description="Its name, to be asked for where the mode is direct."
    )
    env: dict[str, str] = Field(default={}, description="Its variables.")
    model_data: Annotated[str, taken("Url"), AfterValidator(_of_s3)] | None = Field(
        default=None, description="A .tar.gz in S3 that it gets at /opt/ml/model."
    )


class Pipeline(Value):
    """Containers beside the model's own: each request goes through all of them, or to the one that is asked for."""

    before: tuple[Container, ...] = Field(default=(), description="Those in front of the model.")
    after: tuple[Container, ...] = Field(default=(), description="Those behind it.")
    mode: Literal["serial", "direct"] = Field(default="serial", description="direct: by the containers' names.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        others = (*self.before, *self.after)
        if not 1 <= len(others) <= 14:
            raise ValueError("a pipeline has 1 to 14 containers beside the model's own")
        names = [each.hostname for each in others]
        if self.mode == "direct" and (None in names or len({*names, "model"}) != len(names) + 1):
            raise ValueError("to be asked for by name, each container needs a hostname of its own, other than model")
        return self


class Guardrails(Value):
    """How AWS moves an endpoint to its new fleet (Developer Guide, deployment-guardrails)."""

    kind: Literal["all-at-once", "canary", "linear", "rolling"] = Field(
        default="all-at-once", description="canary: a part, then the rest; linear: in steps; rolling: batch by batch."
    )
    size: str = Field(
        default="10%", pattern=r"^\d{1,3}%?$", description="Of the part, step or batch: instances, or percent: 1, 10%."
    )
    wait: WholeSeconds = Field(default=0.0, le=3600, description="Between two steps, with the alarms in sight.")
    termination_wait: WholeSeconds = Field(
        default=0.0, le=3600, description="How long the old fleet is kept behind the new one."
    )
    deadline: Annotated[WholeSeconds, taken("MaximumExecutionTimeoutInSeconds")] | None = Field(
        default=None, description="10m to 8h; what is not done by then is rolled back."
    )
    alarms: Annotated[tuple[str, ...], taken("AlarmName")] = Field(
        default=(), max_length=10, description="CloudWatch alarms that roll it back."
    )

    @property
    def amount(self) -> tuple[Literal["INSTANCE_COUNT", "CAPACITY_PERCENT"], int]:
        """The size in AWS's words."""
        number = int(self.size.rstrip("%"))
        return ("CAPACITY_PERCENT", number) if self.size.endswith("%") else ("INSTANCE_COUNT", number)

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        word, number = self.amount
        least, most = {"canary": (1, 50), "linear": (10, 50), "rolling": (5, 50)}.get(self.kind, (0, 100))
        if word == "CAPACITY_PERCENT" and not least <= number <= most:
            raise ValueError(f"{self.kind} takes {least} to {most} percent")
        if number < 1 and self.kind != "all-at-once":
            raise ValueError(f"{self.kind} takes at least one instance")
        if self.kind == "rolling" and self.termination_wait:
            raise ValueError("rolling keeps no old fleet to wait with; leave termination_wait out")
        return self
