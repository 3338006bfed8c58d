"""Which wishes SageMaker cannot meet, as this target uses it: each is an error in the plan, with its sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import ValidationError

from deployer.errors import SpecError
from deployer.quantity import format_memory
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.marks import MOST_LABELS, usable_label
from deployer_sagemaker.names import usable_name
from deployer_sagemaker.prebuilt import is_prebuilt
from deployer_sagemaker.scaling import refused_range
from deployer_sagemaker.shapes import problem
from deployer_sagemaker.sizes import MACHINE, architecture_of, fits, size_of, smallest
from deployer_sagemaker.vault import references, refused_secrets
from deployer_sagemaker.wishes import Guardrails

__all__ = ["ECR", "refuse", "unmet_platform"]

ECR = re.compile(
    r"\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\."
    r"(amazonaws\.com(\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk)(/|$)"
)
"""The host of an ECR registry at the beginning of a name; the suffixes are those of botocore's partitions."""
_REAL_TIME = 60.0
"""Seconds: AWS ends a real-time request then (Developer Guide, your-algorithms-inference-code)."""
_MOST_VARIABLES = 100


def refuse(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """The reasons why this target cannot meet a spec, each as (dotted field, sentence)."""
    if not usable_name(spec.name):
        yield (
            "name",
            f"{spec.name!r} leaves no room: SageMaker takes 63 of a-z, 0-9 and dashes for NAME--REVISION--PART",
        )
    yield from refused_secrets(spec)
    if spec.auth.api_keys:
        yield "auth.api_keys", "callers are let in by IAM (sagemaker:InvokeEndpoint); leave it out"
    if spec.network.expose not in ("loopback", "localhost"):
        yield "network.expose", "an endpoint has AWS's own address, with TLS and IAM before it; leave it out"
    if spec.network.tls is not None:
        yield "network.tls", "an endpoint has AWS's own certificate; leave it out"
    if spec.image.weights == "mount" and spec.image.use:
        yield "image.weights", "a ready image brings what it serves; what it loads from S3 is config.model_data"
    yield from _refused_labels(spec)
    yield from _refused_variables(spec)
    try:
        config = SageMakerConfig.model_validate(spec.config)
    except ValidationError:
        return  # told by whoever reads the config
    if config.model_data is not None and not spec.image.use:
        yield (
            "config.model_data",
            "it is for a ready image (image.use); a model's own image has the model, or mounts it",
        )
    yield from _refused_network(spec, config)
    yield from _refused_registry(spec, config)
    yield from _refused_size(spec, config)
    yield from _refused_serverless(spec, config)
    yield from _refused_moves(spec, config)
    yield from refused_range(spec, config)
    if config.timeout > _REAL_TIME and config.async_inference is None:
        yield "config.timeout", "AWS ends a request after 60s; for longer ones take config.async_inference"


def _refused_labels(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    for key, value in spec.labels.items():
        if not usable_label(key, value):
            yield (
                f"labels.{key}",
                "AWS takes no such tag: letters, digits, spaces and _.:/=+-@; aws: and deployer: are taken",
            )
    if len(spec.labels) > MOST_LABELS:
        yield "labels", f"AWS takes 50 tags, and {50 - MOST_LABELS} are deployer's; give at most {MOST_LABELS}"


def _refused_variables(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    for name, value in {**spec.env, **references(spec)}.items():
        field = f"env.{name}" if name in spec.env else "secrets"
        for shape, text in (("EnvironmentKey", name), ("EnvironmentValue", value)):
            if (found := _too_long(shape, text)) is not None:
                yield field, f"it {found}"
    if len(spec.env) + len(spec.secrets) + 15 > _MOST_VARIABLES:
        yield (
            "env",
            f"AWS takes {_MOST_VARIABLES} variables, and some are the server's own; give at most 85, with secrets",
        )


def _too_long(shape: str, text: str) -> str | None:
    # The service model is long to read, and what is short is taken.
    return problem(shape, text) if len(text) > 200 else None


def _refused_network(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    egress = spec.network.egress
    if not isinstance(egress, str):
        yield "network.egress", "SageMaker cannot tell hosts apart; say internet, and let config.vpc's groups decide"
    elif egress == "none" and spec.secrets:
        yield "network.egress", "to fetch its secrets it needs the network, and none is wished; say internet"
    elif egress == "none" and config.serverless is not None:
        yield "network.egress", "serverless endpoints cannot be cut off the network; say internet, or take instances"


def _refused_registry(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    access = config.image_access
    for field, name in (("image.registry", spec.image.registry), ("image.use", spec.image.use)):
        if name is None or ECR.match(name.removeprefix("https://")) or (field == "image.use" and is_prebuilt(name)):
            continue
        if access is None or access.mode != "vpc":
            yield field, "AWS pulls from ECR only, or from a registry in the VPC: config.image_access: {mode: vpc}"
    if access is not None and access.mode == "vpc" and config.vpc is None:
        yield "config.image_access", "through which VPC? give config.vpc"


def _refused_size(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    if config.serverless is not None:
        return
    if config.instance_type is None:
        try:
            smallest(spec.resources, platform=spec.image.platform or "linux/amd64", families=config.families)
        except SpecError as error:
            yield error.where or "resources", f"{error.message}; {error.hint}"
        return
    if config.families:
        yield "config.families", "the type is named by config.instance_type; give one of them"
    size, architecture = size_of(config.instance_type), architecture_of(config.instance_type)
    if size is not None and spec.resources != type(spec.resources)() and not fits(size, spec.resources):
        yield (
            "config.instance_type",
            f"resources do not fit into {size}, of which {format_memory(MACHINE)} are its system's",
        )
    if spec.image.platform is not None and spec.image.platform != architecture:
        yield "image.platform", f"{config.instance_type} runs {architecture}"
    if size is not None and size.disk:
        for name in ("kms_key", "volume"):
            if getattr(config, name) is not None:
                yield (
                    f"config.{name}",
                    f"{config.instance_type} has a local disk of its own, which takes none; leave it out",
                )


_NOT_SERVERLESS = {
    "instance_type": "a serverless endpoint has no instances",
    "families": "a serverless endpoint has no instances",
    "async_inference": "a serverless endpoint has no queue",
    "pipeline": "a serverless endpoint has one container",
    "data_capture": "a serverless endpoint keeps no requests",
    "vpc": "a serverless endpoint has no VPC",
    "kms_key": "a serverless endpoint has no volume",
    "volume": "a serverless endpoint has no volume",
    "provision": "a serverless endpoint has no instances",
    "routing": "a serverless endpoint has no instances",
    "ami_version": "a serverless endpoint has no instances",
    "capacity_reservation": "a serverless endpoint has no instances",
    "shell": "a serverless endpoint cannot be entered",
    "image_access": "a serverless endpoint pulls from ECR only",
}
"""Developer Guide, serverless-endpoints: feature exclusions."""


def _refused_serverless(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    if config.serverless is None:
        return
    for name, why in _NOT_SERVERLESS.items():
        if getattr(config, name) != SageMakerConfig.model_fields[name].default:
            yield f"config.{name}", f"{why}; leave it out"
    if spec.resources.gpu:
        yield "resources.gpu", "a serverless endpoint has no GPU"
    if spec.resources.memory is not None and spec.resources.memory > 6 * 2**30:
        yield "resources.memory", "a serverless endpoint has at most 6Gi"
    if config.serverless.memory is not None and (spec.resources.memory or 0) > config.serverless.memory:
        yield "config.serverless.memory", "that is less than resources.memory"
    if isinstance(spec.replicas, ReplicaRange) or spec.replicas != 1:
        yield "replicas", "a serverless endpoint has as many as it is asked for; see config.serverless.max_concurrency"
    if spec.image.platform == "linux/arm64":
        yield "image.platform", "a serverless endpoint runs linux/amd64"
    if config.guardrails.kind == "rolling":
        yield "config.guardrails.kind", "a serverless endpoint cannot be replaced batch by batch"


def _refused_moves(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    if config.verify == "variant":
        if config.serverless is not None:
            yield "config.verify", "a serverless endpoint has one variant; verify on an endpoint of its own"
        if config.async_inference is not None:
            yield "config.verify", "an asynchronous endpoint answers nobody directly; verify on an endpoint of its own"
        if isinstance(spec.replicas, ReplicaRange):
            yield "replicas", "with two variants the autoscaler would have two counts; give one number"
        if config.guardrails != Guardrails():
            yield "config.guardrails", "AWS has none where the variants change (config.verify: variant); leave it out"
    kind = config.instance_type or ""
    if kind.startswith("ml.inf1.") and config.guardrails.kind != "all-at-once":
        yield "config.guardrails", "AWS has no guardrails for ml.inf1; leave it out"
    if config.pipeline is not None and config.pipeline.mode == "serial" and config.verify == "variant":
        yield "config.verify", "of a serial pipeline the model alone is verified; verify on an endpoint of its own"


def unmet_platform(spec: DeploymentSpec, config: SageMakerConfig, platform: str) -> Iterator[tuple[str, str]]:
    """A named type of another architecture than what images are built for.

    Args:
        spec: The wish.
        config: Its own, read.
        platform: The named target's, where the spec says none.
    """
    if config.instance_type is None or spec.image.platform is not None or spec.image.use:
        return
    architecture = architecture_of(config.instance_type)
    if architecture != platform:
        yield "config.instance_type", f"{config.instance_type} runs {architecture}; say image.platform: {architecture}"
