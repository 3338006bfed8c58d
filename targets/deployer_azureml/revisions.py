"""From a spec and a revision to the documents of its environment and its deployment. Pure."""

from __future__ import annotations

import math

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target.container import Asked, asked_of, server_environment
from deployer.value import JSON
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.marks import Marks, Role, told
from deployer_azureml.names import environment_path, environment_version
from deployer_azureml.requests import Place, config_of, instance_type
from deployer_azureml.scaling import first_count, own_scaler
from deployer_azureml.vault import references
from deployer_azureml.wishes import iso

__all__ = [
    "BEHIND",
    "MODELS_FOLDER",
    "deployment_body",
    "environment_body",
    "environment_of",
    "request_timeout",
    "scale_count",
]

BEHIND = {"DEPLOYER_SERVING_BEHIND": "azureml"}
"""What has our server read where a request is meant for in a header (`deployer_azureml.invoking.PATH`)."""
MODELS_FOLDER = "/opt/ml/models"
"""Where a model of ``image.weights: mount`` is mounted: below it are its asset's name, version and folder ("Use a
custom container to deploy a model to an online endpoint": model_mount_path)."""
_PROBE_EVERY = 10
_MARGIN = 5.0
"""Seconds beyond ``config.timeout``, so that our server's own answer comes before Azure's 408."""
_THREADS = 4


def request_timeout(config: AzureMLConfig) -> float:
    """Seconds that Azure lets a request take; at most what it takes itself (limits of online endpoints)."""
    return min(config.timeout + _MARGIN, 300.0 if config.compute is not None else 180.0)


def environment_body(spec: DeploymentSpec, release: Release, place: Place) -> dict[str, JSON]:
    """The document of a revision's environment: its image by digest, and where that is asked.

    Raises:
        SpecError: The revision has no image.
    """
    if release.image is None:
        raise SpecError(f"{release.revision} has no image", where=spec.name, hint="run the same command again")
    marks = Marks(place.owner, spec.name, Role.ENVIRONMENT, release.revision)
    return {"properties": {**_environment(spec, release), "tags": {**place.tags, **marks.tags(spec.labels)}}}


def environment_of(spec: DeploymentSpec, release: Release) -> str:
    """The version that a revision's environment has, by what it is made of."""
    return environment_version(release.revision, _environment(spec, release))


def _environment(spec: DeploymentSpec, release: Release) -> dict[str, JSON]:
    asked = asked_of(spec, config_of(spec))
    return {
        "image": release.image.reference if release.image is not None else "",
        "osType": "Linux",
        "inferenceConfig": {
            "livenessRoute": {"port": asked.port, "path": _live(asked)},
            "readinessRoute": {"port": asked.port, "path": asked.ready},
            "scoringRoute": {"port": asked.port, "path": asked.invocations or "/invocations"},
        },
    }


def _live(asked: Asked) -> str:
    """Our own server tells apart that it lives and that it is ready; of a ready image only one path is known."""
    return "/live" if asked.invocations is None else asked.ready


def deployment_body(spec: DeploymentSpec, release: Release, place: Place, serving: int = 0) -> dict[str, JSON]:
    """The document of a revision's deployment.

    Args:
        spec: The wish.
        release: The revision.
        place: Where.
        serving: Instances of what serves now, so that a range does not begin smaller than its load.

    Raises:
        SpecError: It has no image, or no instance type fits.
    """
    config = config_of(spec)
    kind = instance_type(spec, config)
    marks = Marks(place.owner, spec.name, Role.DEPLOYMENT, release.revision)
    properties: dict[str, JSON] = {
        "endpointComputeType": "Kubernetes" if config.compute is not None else "Managed",
        "appInsightsEnabled": config.app_insights,
        "scaleSettings": own_scaler(spec, config) or {"scaleType": "Default"},
        "requestSettings": {
            "requestTimeout": iso(request_timeout(config)),
            "maxConcurrentRequestsPerInstance": config.concurrency or config.threads or _THREADS,
        },
        "environmentVariables": _variables(spec, release, config, place),
    }
    if kind is not None:
        properties["instanceType"] = kind
    if config.compute is not None:
        properties["containerResourceRequirements"] = _resources(spec, config)
    if config.no_code:
        properties["model"] = place.model
    else:
        version = environment_of(spec, release)
        properties["environmentId"] = f"{place.id}/{environment_path(spec.name, version)}"
        properties |= _probes(spec, config)
        if spec.image.weights == "mount":
            properties |= {"model": place.model, "modelMountPath": MODELS_FOLDER}
    if config.data_capture is not None:
        properties["dataCollector"] = _collector(config)
    return {
        "location": place.location,
        "kind": properties["endpointComputeType"],
        "tags": {**place.tags, **marks.tags(spec.labels), **told(release)},
        "sku": {"name": "Default", "capacity": first_count(spec, serving)},
        "properties": properties,
    }


def _variables(spec: DeploymentSpec, release: Release, config: AzureMLConfig, place: Place) -> dict[str, str]:
    """As on every target; a ready image's server, and Azure's own, get the spec's own alone."""
    if spec.image.use or config.no_code:
        return {**spec.env, **references(spec)}
    own = server_environment(spec, release, config)
    if spec.image.weights == "mount":
        own["DEPLOYER_SERVING_MODEL"] = f"{MODELS_FOLDER}/{'/'.join(_asset(place.model))}/{place.model_folder}"
    return {**own, **BEHIND, **references(spec)}


def _asset(identity: str) -> tuple[str, str]:
    """Name and version in the id of a model."""
    head, _, version = identity.rpartition("/versions/")
    return head.rpartition("/")[2], version


def _probes(spec: DeploymentSpec, config: AzureMLConfig) -> dict[str, JSON]:
    """Our server answers at once that it lives, so that it is never killed while it loads; only readiness takes long.

    A ready image has one path for both, and is given the same time for both. Azure's own defaults end a container after
    310 s (Azure/azureml-examples#3983).
    """
    tries = math.ceil(config.startup / _PROBE_EVERY)
    common: dict[str, JSON] = {"period": iso(_PROBE_EVERY), "timeout": iso(5), "successThreshold": 1}
    patient = {**common, "initialDelay": iso(1), "failureThreshold": tries}
    if spec.image.use:
        return {"livenessProbe": patient, "readinessProbe": patient}
    return {"livenessProbe": {**common, "initialDelay": iso(10), "failureThreshold": 6}, "readinessProbe": patient}


def _resources(spec: DeploymentSpec, config: AzureMLConfig) -> dict[str, JSON]:
    """Of a Kubernetes compute, in Kubernetes' words."""
    asked = spec.resources
    wished: dict[str, JSON] = {
        name: value
        for name, value in (
            ("cpu", f"{round(asked.cpu * 1000)}m" if asked.cpu is not None else None),
            ("memory", str(asked.memory) if asked.memory is not None else None),
            ("gpu", str(asked.gpu) if asked.gpu else None),
        )
        if value is not None
    }
    most = dict(wished)
    if config.limits is not None and config.limits.cpu is not None:
        most["cpu"] = f"{round(config.limits.cpu * 1000)}m"
    if config.limits is not None and config.limits.memory is not None:
        most["memory"] = str(config.limits.memory)
    return {"containerResourceRequests": wished, "containerResourceLimits": most}


def _collector(config: AzureMLConfig) -> dict[str, JSON]:
    wish = config.data_capture
    if wish is None:
        return {}
    each = {"dataCollectionMode": "Enabled", "samplingRate": wish.percent / 100}
    return {"collections": dict.fromkeys(wish.collections, each), "rollingRate": wish.roll.capitalize()}


def scale_count(count: int) -> dict[str, JSON]:
    """PATCH of a deployment that changes its count, and nothing of what it runs (``OnlineDeployments_Update``)."""
    return {"sku": {"capacity": count}}
