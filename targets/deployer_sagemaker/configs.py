"""The request of CreateEndpointConfig: how, and on what, models are run. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target.reading import read_config
from deployer.value import JSON
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.marks import Marks, Role, State, as_tags
from deployer_sagemaker.models import Place
from deployer_sagemaker.names import CANDIDATE, PRIMARY, config_name
from deployer_sagemaker.sizes import smallest
from deployer_sagemaker.wishes import AsyncWish, Capture

__all__ = [
    "Side",
    "config_of",
    "create_config",
    "first_count",
    "instance_type",
    "serverless_memory",
    "variant_of",
]

_GIB, _MIB = 2**30, 2**20


def config_of(spec: DeploymentSpec) -> SageMakerConfig:
    """The spec's ``config``, read.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    return read_config(spec, SageMakerConfig, "sagemaker")


def instance_type(spec: DeploymentSpec, config: SageMakerConfig, platform: str = "linux/amd64") -> str | None:
    """What its instances are; None for a serverless endpoint.

    Raises:
        SpecError: No type is named, and ``resources`` fit into none.
    """
    if config.serverless is not None:
        return None
    if config.instance_type is not None:
        return config.instance_type
    return smallest(spec.resources, platform=spec.image.platform or platform, families=config.families).type


def serverless_memory(spec: DeploymentSpec, config: SageMakerConfig) -> int:
    """MiB of a serverless endpoint: what is wished, or whole Gi that ``resources.memory`` fits into; 2 by default."""
    if config.serverless is not None and config.serverless.memory is not None:
        return config.serverless.memory // _MIB
    wished = spec.resources.memory if spec.resources.memory is not None else 2 * _GIB
    return 1024 * min(6, max(1, math.ceil(wished / _GIB)))


def first_count(spec: DeploymentSpec, serving: int = 0) -> int:
    """How many instances it begins with; of a range what serves now, so that it is not smaller than its load."""
    wish = spec.replicas
    if isinstance(wish, ReplicaRange):
        return min(wish.max, max(wish.min, 1, serving))
    return wish


@dataclass(frozen=True)
class Side:
    """One variant of a configuration: a revision, with its model's name and how much of it there is."""

    spec: DeploymentSpec
    release: Release
    model: str
    count: int = 1
    weight: float = 1.0
    variant: str = PRIMARY

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("a variant begins with at least one instance")


def create_config(
    sides: Sequence[Side], place: Place, *, verify: bool = False, platform: str = "linux/amd64"
) -> dict[str, JSON]:
    """CreateEndpointConfig.

    Args:
        sides: The revision that is to run, or two (``config.verify: variant``): the one that serves first. What a
            configuration has once is the last one's.
        place: Where.
        verify: For the endpoint of one instance on which it is verified: without queue and without capture.
        platform: What images are for, where the spec does not say.

    Raises:
        SpecError: No instance type fits.
    """
    newest = sides[-1]
    spec, config = newest.spec, config_of(newest.spec)
    body: dict[str, JSON] = {"ProductionVariants": [_variant(each, platform) for each in sides]}
    if config.kms_key is not None:
        body["KmsKeyId"] = config.kms_key
    if config.data_capture is not None and not verify:
        body["DataCaptureConfig"] = _capture(config.data_capture)
    if config.async_inference is not None and not verify:
        body["AsyncInferenceConfig"] = _queue(config.async_inference)
    role, state = (Role.VERIFY, None) if verify else (Role.CONFIG, State.STAGED)
    marks = Marks(place.owner, spec.name, role, newest.release.revision, state)
    name = config_name(spec.name, [each.release.revision for each in sides], body, verify=verify)
    tags = as_tags({**place.tags, **marks.tags(spec.labels)})
    return {"EndpointConfigName": name, **body, "Tags": tags}


def variant_of(name: str) -> str:
    """The other variant's name."""
    return CANDIDATE if name == PRIMARY else PRIMARY


def _variant(side: Side, platform: str) -> dict[str, JSON]:
    spec, config = side.spec, config_of(side.spec)
    found: dict[str, JSON] = {
        "VariantName": side.variant,
        "ModelName": side.model,
        "InitialVariantWeight": side.weight,
        "ContainerStartupHealthCheckTimeoutInSeconds": int(config.startup),
    }
    if config.serverless is not None:
        wish: dict[str, JSON] = {
            "MemorySizeInMB": serverless_memory(spec, config),
            "MaxConcurrency": config.serverless.max_concurrency,
        }
        if config.serverless.provisioned is not None:
            wish["ProvisionedConcurrency"] = config.serverless.provisioned
        # AWS's own three minutes hold there (Developer Guide, serverless-endpoints).
        del found["ContainerStartupHealthCheckTimeoutInSeconds"]
        return {**found, "ServerlessConfig": wish}
    found |= {"InstanceType": instance_type(spec, config, platform), "InitialInstanceCount": side.count}
    if spec.image.weights == "mount":
        found["ModelDataDownloadTimeoutInSeconds"] = int(config.download)
    if config.volume is not None:
        found["VolumeSizeInGB"] = math.ceil(config.volume / _GIB)
    if config.provision is not None:
        found["VariantInstanceProvisionTimeoutInSeconds"] = int(config.provision)
    if config.routing is not None:
        found["RoutingConfig"] = {"RoutingStrategy": config.routing.upper().replace("-", "_")}
    if config.ami_version is not None:
        found["InferenceAmiVersion"] = config.ami_version
    if config.capacity_reservation is not None:
        found["CapacityReservationConfig"] = {
            "CapacityReservationPreference": "capacity-reservations-only",
            "MlReservationArn": config.capacity_reservation,
        }
    if config.shell:
        found["EnableSSMAccess"] = True
    return found


def _capture(wish: Capture) -> dict[str, JSON]:
    modes = {"input": ["Input"], "output": ["Output"], "both": ["Input", "Output"]}[wish.what]
    found: dict[str, JSON] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": wish.percent,
        "DestinationS3Uri": wish.to,
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
    }
    types = {"CsvContentTypes": [*wish.csv_types], "JsonContentTypes": [*wish.json_types]}
    if any(types.values()):
        found["CaptureContentTypeHeader"] = {name: each for name, each in types.items() if each}
    return found | ({"KmsKeyId": wish.kms_key} if wish.kms_key is not None else {})


def _queue(wish: AsyncWish) -> dict[str, JSON]:
    output: dict[str, JSON] = {"S3OutputPath": wish.output}
    if wish.failures is not None:
        output["S3FailurePath"] = wish.failures
    if wish.kms_key is not None:
        output["KmsKeyId"] = wish.kms_key
    topics = {"SuccessTopic": wish.success_topic, "ErrorTopic": wish.error_topic}
    if any(topics.values()):
        output["NotificationConfig"] = {name: topic for name, topic in topics.items() if topic is not None}
    found: dict[str, JSON] = {"OutputConfig": output}
    if wish.concurrency is not None:
        found["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": wish.concurrency}
    return found
