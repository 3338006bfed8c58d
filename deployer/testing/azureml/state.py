"""What Azure ML knows: workspaces with their endpoints, deployments and assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.azureml.instance import Instance
    from deployer.testing.azureml.operations import Operation
    from deployer.testing.azureml.serving import Serving
    from deployer.testing.cloud.clock import Signal

__all__ = ["BUSY", "PROVIDER", "Asset", "Deployment", "Endpoint", "Workspace", "no_deployment", "no_endpoint"]

BUSY = frozenset({"Creating", "Updating", "Scaling", "Deleting"})
"""provisioningState of what is being changed."""

PROVIDER = "Microsoft.MachineLearningServices"


def no_endpoint(name: str) -> Refusal:
    """What a missing endpoint is answered as; the code is guessed."""
    return Refusal(
        404, "ResourceNotFound", f"Online endpoint {name} not found.", inner=("NotFound", "OnlineEndpointNotFound")
    )


def no_deployment(name: str, endpoint: str) -> Refusal:
    """What a missing deployment is answered as; the code is guessed."""
    return Refusal(
        404,
        "ResourceNotFound",
        f"Online deployment {name} not found in endpoint {endpoint}.",
        inner=("NotFound", "OnlineDeploymentNotFound"),
    )


@dataclass
class Asset:
    """A version of an environment, a model, a code or a data asset: its properties as they were sent."""

    kind: str
    name: str
    version: str
    created: float
    properties: dict[str, Any]


@dataclass
class Deployment:
    """A deployment.

    Attributes:
        properties: As they were sent.
        count: ``sku.capacity``.
        serving: What its instances run, or are to run; None while that is not known.
        instances: Those that serve.
        coming: Those that a change starts.
        operation: The last one, and where it is asked about.
        stopped: Set when it is deleted; of each change a new one.
        pending: Requests that wait for an answer.
        events: (seconds since the epoch, kind, message) of what happened with its containers.
        kept: What containers that are gone had written.
        steps: The state of each step, as getLogs tells it.
    """

    name: str
    endpoint: str
    id: str
    created: float
    modified: float
    location: str
    tags: dict[str, str]
    properties: dict[str, Any]
    count: int
    state: str
    stopped: Signal
    serving: Serving | None = None
    instances: list[Instance] = field(default_factory=list)
    coming: list[Instance] = field(default_factory=list)
    operation: Operation | None = None
    operation_url: str = ""
    pending: int = 0
    turn: int = 0
    seen: float = 0.0
    events: list[tuple[float, str, str]] = field(default_factory=list)
    kept: list[tuple[float, str]] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)
    history: list[tuple[float, str]] = field(default_factory=list)

    def become(self, state: str, now: float) -> None:
        """Change its provisioningState."""
        self.state, self.modified = state, now
        self.history.append((now, state))

    @property
    def managed(self) -> bool:
        """Whether Azure runs its machines; otherwise a Kubernetes cluster does."""
        return str(self.properties.get("endpointComputeType", "Managed")).lower() == "managed"

    @property
    def ready(self) -> list[Instance]:
        """Those that answer."""
        return [each for each in self.instances if each.ready]


@dataclass
class Endpoint:
    """An endpoint.

    Attributes:
        properties: As they were sent; traffic and mirror traffic apart.
        traffic: What is routed now.
        mirror: What is mirrored now.
        told_traffic: What a GET says of both.
        keys: Primary, secondary.
        route: The path of its scoring URI, of the deployment that succeeded last.
        since: When its present keys began; for tokens of its own.
        reserved: Until when its name cannot be used again, once it is gone.
    """

    name: str
    id: str
    created: float
    modified: float
    location: str
    tags: dict[str, str]
    identity: dict[str, Any]
    properties: dict[str, Any]
    state: str
    stopped: Signal
    keys: dict[str, str]
    traffic: dict[str, int] = field(default_factory=dict)
    mirror: dict[str, int] = field(default_factory=dict)
    told_traffic: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    deployments: dict[str, Deployment] = field(default_factory=dict)
    operation: Operation | None = None
    operation_url: str = ""
    route: str = ""
    seen: float = 0.0
    history: list[tuple[float, str]] = field(default_factory=list)

    def become(self, state: str, now: float) -> None:
        """Change its provisioningState."""
        self.state, self.modified = state, now
        self.history.append((now, state))

    @property
    def managed(self) -> bool:
        """Whether Azure runs its machines; otherwise a Kubernetes cluster does."""
        return not self.properties.get("compute")

    @property
    def mode(self) -> str:
        """``Key``, ``AMLToken`` or ``AADToken``."""
        return str(self.properties.get("authMode", "Key"))

    def deployment(self, name: str) -> Deployment:
        """The deployment of a name.

        Raises:
            Refusal: 404; the code is guessed.
        """
        if name.lower() not in self.deployments:
            raise no_deployment(name, self.name)
        return self.deployments[name.lower()]


@dataclass
class Workspace:
    """A workspace.

    Attributes:
        guid: Its own id, in names of containers and operations.
        container: Of its default datastore.
        endpoints: By name in lower case.
        assets: (kind, name, version), the kind in lower case.
    """

    name: str
    id: str
    guid: str
    location: str
    container: str
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    assets: dict[tuple[str, str, str], Asset] = field(default_factory=dict)

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name.

        Raises:
            Refusal: 404; the code is guessed.
        """
        if name.lower() not in self.endpoints:
            raise no_endpoint(name)
        return self.endpoints[name.lower()]

    def asset(self, kind: str, name: str, version: str) -> Asset:
        """A version of an asset.

        Raises:
            Refusal: 404, as the front end says it (recorded: UserError with innerError NotFound).
        """
        found = self.assets.get((kind.lower(), name, version))
        if found is None:
            raise Refusal(404, "UserError", f"{kind} {name}:{version} not found.", inner=("NotFound",))
        return found

    def versions(self, kind: str, name: str) -> list[Asset]:
        """All versions of an asset, the oldest first."""
        return [each for (about, called, _), each in self.assets.items() if (about, called) == (kind.lower(), name)]
