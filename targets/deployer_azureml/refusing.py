"""Which wishes Azure ML cannot meet, as this target uses it: each is an error in the plan, with its sentence. Pure.

`deployer_azureml.workspace.unmet_network` and `deployer_azureml.configuring.fixed` have those that hang on what is
there.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from deployer.errors import SpecError
from deployer.quantity import format_memory
from deployer.spec import DeploymentSpec
from deployer.target.container import refused_ready_image
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.marks import BETWEEN, LONGEST, MOST_LABELS, usable_label
from deployer_azureml.names import usable_name
from deployer_azureml.scaling import refused_range
from deployer_azureml.sizes import MACHINE, fits, size_of, smallest
from deployer_azureml.vault import refused_secrets

__all__ = ["refuse"]

_REAL_TIME = 180.0
"""Seconds: the longest request of a managed online endpoint (limits of online endpoints, 5)."""


def refuse(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """The reasons why this target cannot meet a spec, each as (dotted field, sentence)."""
    if not usable_name(spec.name):
        yield "name", f"{spec.name!r} is no endpoint's name at Azure: 3 to 32 letters, digits and single dashes"
    yield from refused_secrets(spec)
    if spec.auth.api_keys:
        yield "auth.api_keys", "callers are let in by Azure: config.auth_mode says how; leave it out"
    if spec.network.expose not in ("loopback", "localhost"):
        yield "network.expose", "an endpoint has Azure's own address, with TLS and a key before it; see config.public"
    if spec.network.tls is not None:
        yield "network.tls", "an endpoint has Azure's own certificate; leave it out"
    if spec.image.weights == "mount" and spec.image.use:
        yield "image.weights", "a ready image brings what it serves"
    if spec.image.platform not in (None, "linux/amd64"):
        yield "image.platform", "the machines of online endpoints are linux/amd64"
    yield from _refused_labels(spec)
    try:
        config = AzureMLConfig.model_validate(spec.config)
    except ValidationError:
        return  # told by whoever reads the config
    yield from _refused_container(spec, config)
    yield from _refused_size(spec, config)
    yield from _refused_compute(config)
    yield from _refused_no_code(spec, config)
    yield from refused_range(spec, config)


def _refused_labels(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for key, value in spec.labels.items():
        if not usable_label(key, value):
            yield (
                f"labels.{key}",
                "Azure takes no such tag: no <>%&\\?/| in names, short values; microsoft, azure, deployer. are taken",
            )
        elif key.lower() in seen:
            yield f"labels.{key}", f"Azure does not tell it from {seen[key.lower()]}"
        seen[key.lower()] = key
    if len(BETWEEN.join(spec.labels)) > LONGEST:
        yield "labels", f"their names are longer than {LONGEST} characters together, which have to fit into one tag"
    if len(spec.labels) > MOST_LABELS:
        yield "labels", f"Azure takes 50 tags, and {50 - MOST_LABELS} are deployer's; give at most {MOST_LABELS}"


def _refused_container(spec: DeploymentSpec, config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    """What other targets tell a container, and Azure takes no word for."""
    for field, why in refused_ready_image(spec, AzureMLConfig):
        if field not in ("secrets", "config.command"):  # Azure puts secrets into any container's environment
            yield field, why
    fields = AzureMLConfig.model_fields
    for name, why in (
        ("command", "Azure starts an image as it is; make its entrypoint so"),
        ("tmp", "Azure gives /tmp no size of its own"),
    ):
        if getattr(config, name) != fields[name].default:
            yield f"config.{name}", f"{why}; leave it out"
    if config.compute is None and config.timeout > _REAL_TIME:
        yield "config.timeout", "Azure ends a request after 3m; on a Kubernetes compute after 5m"


def _refused_size(spec: DeploymentSpec, config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    if config.compute is not None:
        if config.families:
            yield "config.families", "a Kubernetes compute has instance types of its own; name one, or leave it out"
        return
    if config.instance_type is None:
        try:
            smallest(spec.resources, families=config.families)
        except SpecError as error:
            yield error.where or "resources", f"{error.message}; {error.hint}"
        return
    if config.families:
        yield "config.families", "the type is named by config.instance_type; give one of them"
    size = size_of(config.instance_type)
    if size is None and not config.instance_type.lower().startswith("standard_"):
        yield "config.instance_type", "types of Azure begin with Standard_, such as Standard_DS3_v2"
    if size is not None and spec.resources != type(spec.resources)() and not fits(size, spec.resources):
        yield (
            "config.instance_type",
            f"resources do not fit into {size}, of which {format_memory(MACHINE)} are its system's",
        )


def _refused_compute(config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    """What goes with one kind of machines alone."""
    if config.compute is None:
        if config.limits is not None:
            yield "config.limits", "an instance is a replica's own; limits are for a Kubernetes compute"
        return
    if config.auth_mode == "aad_token":
        yield "config.auth_mode", "Kubernetes online endpoints take a key or a token of the workspace: key, aml_token"
    if not config.public:
        yield "config.public", "who reaches a Kubernetes compute is its cluster's to say; leave it out"


def _refused_no_code(spec: DeploymentSpec, config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    if not config.no_code:
        return
    if spec.image.use:
        yield "config.no_code", "a ready image is deployed as it is; leave one of them out"
    if spec.image.weights == "mount":
        yield "image.weights", "with config.no_code Azure mounts the model by itself; leave it out"
    for name in ("base", "packages", "registry"):
        if getattr(spec.image, name):
            yield f"image.{name}", "with config.no_code Azure builds the image; leave it out"
    requirements = spec.requirements
    if requirements.extra or requirements.trust or requirements.build:
        yield "requirements", "with config.no_code Azure installs what the model itself lists; leave it out"
