"""What the instances of a deployment run: image, routes and probes, out of the deployment and its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Refusal
from deployer.testing.azureml.periods import seconds
from deployer.testing.azureml.reasons import Broken
from deployer.testing.cloud import images

if TYPE_CHECKING:
    from deployer.testing.azureml.state import Workspace
    from deployer.testing.azureml.world import World

__all__ = ["Probe", "Route", "Serving", "asset_of", "pulled", "serving"]

_ASSET = re.compile(
    r"(?:.*/|azureml:/*)(?P<kind>environments|models|codes)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
)
_DEFAULT = {
    "initialDelay": "PT10S",
    "period": "PT10S",
    "timeout": "PT2S",
    "failureThreshold": 30,
    "successThreshold": 1,
}


@dataclass(frozen=True)
class Route:
    """Where a container is asked."""

    port: int
    path: str


@dataclass(frozen=True)
class Probe:
    """How it is seen whether a container lives, or is ready; seconds and numbers as Kubernetes means them."""

    route: Route
    initial: float
    period: float
    timeout: float
    failures: int
    successes: int

    @property
    def limit(self) -> float:
        """Seconds after which it has failed, where it never succeeds."""
        return self.initial + self.period * self.failures


@dataclass(frozen=True)
class Serving:
    """What an instance runs.

    Attributes:
        image: As the environment names it.
        environment: What the container is given beside the image's own.
        liveness: Whether it lives.
        readiness: Whether it is ready.
        scoring: Where it is asked to predict.
        model: (container, prefix) of the model's files in the storage account; None without a model.
        mount: Where it sees them.
        concurrency: Requests that one instance works on at once.
        timeout: Seconds that a request has.
    """

    image: str
    environment: Mapping[str, str]
    liveness: Probe
    readiness: Probe
    scoring: Route
    model: tuple[str, str] | None
    mount: str
    concurrency: int
    timeout: float


def asset_of(workspace: Workspace, kind: str, named: str) -> tuple[str, str]:
    """Name and version of an asset that a deployment names by its id.

    Raises:
        Refusal: It is no id of such an asset in this workspace, or there is none.
    """
    found = _ASSET.fullmatch(named)
    if found is None or found["kind"] != kind:
        raise Refusal(400, "UserError", f"{named} is no id of one of the workspace's {kind}.", inner=("BadArgument",))
    workspace.asset(kind, found["name"], found["version"])
    return found["name"], found["version"]


def serving(world: World, workspace: Workspace, properties: Mapping[str, Any]) -> Serving:
    """What a deployment is to run.

    Raises:
        Refusal: Environment or model are not there, or say no image.
    """
    environment: Mapping[str, Any] = {}
    image = world.options.built
    if properties.get("environmentId"):
        name, version = asset_of(workspace, "environments", str(properties["environmentId"]))
        environment = workspace.asset("environments", name, version).properties
        image = str(environment.get("image") or "")
        if not image:
            raise Refusal(
                400,
                "UserError",
                f"The environment {name}:{version} has no image; building one is not done here.",
                inner=("BadArgument",),
            )
    variables = {str(key): str(value) for key, value in (properties.get("environmentVariables") or {}).items()}
    model, mount = None, "/var/azureml-app/azureml-models"
    if properties.get("model"):
        name, version = asset_of(workspace, "models", str(properties["model"]))
        model = _files(workspace, str(workspace.asset("models", name, version).properties.get("modelUri", "")))
        # Documented (Use a custom container to deploy a model): below any mount path there are name and version.
        mount = f"{str(properties.get('modelMountPath') or mount).rstrip('/')}/{name}/{version}"
        variables.setdefault("AZUREML_MODEL_DIR", mount)  # documented: environment variables of the inference server
    routes = environment.get("inferenceConfig") or {}
    settings = properties.get("requestSettings") or {}
    liveness = _route(routes, "livenessRoute", "/")
    return Serving(
        image,
        variables,
        _probe(liveness, properties.get("livenessProbe")),
        _probe(_route(routes, "readinessRoute", liveness.path), properties.get("readinessProbe")),
        _route(routes, "scoringRoute", "/score"),
        model,
        mount,
        int(settings.get("maxConcurrentRequestsPerInstance") or 1),
        seconds(str(settings.get("requestTimeout") or "PT5S")),
    )


def _route(routes: Mapping[str, Any], name: str, path: str) -> Route:
    """One of an environment; without one it is Azure's own inference server (documented: port 5001, ``/score``)."""
    found = routes.get(name) or {}
    return Route(int(found.get("port") or 5001), str(found.get("path") or path))


def _probe(route: Route, wish: Mapping[str, Any] | None) -> Probe:
    said = {**_DEFAULT, **{key: value for key, value in (wish or {}).items() if value is not None}}
    return Probe(
        route,
        seconds(str(said["initialDelay"])),
        seconds(str(said["period"])),
        seconds(str(said["timeout"])),
        int(said["failureThreshold"]),
        int(said["successThreshold"]),
    )


def _files(workspace: Workspace, uri: str) -> tuple[str, str]:
    """Where a model's files are: ``azureml://.../datastores/NAME/paths/PATH`` or a URL of the account."""
    found = re.search(r"/paths/(.+)$", uri)
    if found is not None:
        return workspace.container, found[1].strip("/")
    found = re.fullmatch(r"https://[^/]+/(?P<container>[^/]+)/(?P<path>.+)", uri)
    return (found["container"], found["path"].strip("/")) if found is not None else (workspace.container, uri)


def pulled(world: World, image: str) -> str:
    """Where an image really is.

    Raises:
        Broken: It is the workspace's registry's, and not there.
    """
    registry, (host, repository, reference) = world.options.registry, images.split(image)
    if registry is None or host not in (world.authority, f"{world.options.registry_name}.azurecr.io"):
        return image
    found = images.resolve(registry, registry.prefix + repository, reference)
    if found is None:
        raise Broken("image", f"manifest for {image} not found")
    return f"{registry.address}/{registry.prefix}{repository}@{found.digest}"
