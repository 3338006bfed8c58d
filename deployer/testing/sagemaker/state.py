"""What SageMaker knows: models, endpoint configurations and endpoints of one account and region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.cloud.clock import Signal
    from deployer.testing.sagemaker.instance import Instance

__all__ = ["BUSY", "Endpoint", "EndpointConfig", "Fleet", "Image", "Model", "Region", "Variant"]

BUSY = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})
"""Documented: an endpoint in one of these cannot be updated or deleted."""

_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


@dataclass(frozen=True)
class Image:
    """A container's image as it was named, and by its digest (empty where that cannot be told).

    ``pulled`` is where it really is, where that is another name.
    """

    specified: str
    resolved: str
    pulled: str = ""


@dataclass
class Model:
    """A model: the request that made it."""

    name: str
    arn: str
    created: float
    request: Mapping[str, Any]
    tags: dict[str, str]
    images: tuple[Image, ...]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Its containers, the primary one alone where there is one."""
        return list(self.request.get("Containers") or [self.request["PrimaryContainer"]])


@dataclass
class EndpointConfig:
    """An endpoint configuration: the request that made it."""

    name: str
    arn: str
    created: float
    request: Mapping[str, Any]
    tags: dict[str, str]

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        """Its production variants, then its shadow variants."""
        return [*self.request["ProductionVariants"], *(self.request.get("ShadowProductionVariants") or [])]

    def is_shadow(self, name: str) -> bool:
        """Whether a variant's answers are thrown away."""
        return any(each["VariantName"] == name for each in self.request.get("ShadowProductionVariants") or [])


@dataclass
class Variant:
    """A variant of a fleet.

    Attributes:
        wish: Its entry of the configuration.
        model: What it serves, None for one of inference components.
        shadow: Whether its answers are thrown away.
        count: Instances wished now; 1 for a serverless one.
        weight: Its part of the traffic.
        instances: Those that are there.
        status: VariantStatus: status, message, since.
    """

    wish: Mapping[str, Any]
    model: Model | None
    shadow: bool
    count: int
    weight: float
    instances: list[Instance] = field(default_factory=list)
    status: tuple[str, str, float] | None = None

    @property
    def name(self) -> str:
        return str(self.wish["VariantName"])

    @property
    def type(self) -> str:
        """Its instance type; empty for a serverless one."""
        return "" if self.serverless else str(self.wish.get("InstanceType", ""))

    @property
    def serverless(self) -> Mapping[str, Any] | None:
        """Its ServerlessConfig."""
        found: Mapping[str, Any] | None = self.wish.get("ServerlessConfig")
        return found

    @property
    def ready(self) -> list[Instance]:
        """Those that answer."""
        return [each for each in self.instances if each.ready]


@dataclass
class Fleet:
    """All that runs of one configuration for one endpoint, and its part of the endpoint's traffic."""

    config: EndpointConfig
    variants: list[Variant]
    share: float = 1.0

    @property
    def instances(self) -> list[Instance]:
        return [each for variant in self.variants for each in variant.instances]


@dataclass
class Endpoint:
    """An endpoint.

    Attributes:
        fleet: What serves; None until the first one is ready.
        coming: What a deployment starts.
        leaving: What a deployment has replaced and not yet removed.
        history: Every status, with when it began.
        last: Of the last deployment that was begun: its DeploymentConfig.
        serves: The configuration that is told; at first the one that is asked for.
    """

    name: str
    arn: str
    created: float
    modified: float
    tags: dict[str, str]
    serves: str
    status: str
    stopped: Signal
    fleet: Fleet | None = None
    coming: Fleet | None = None
    leaving: Fleet | None = None
    pending_since: float = 0.0
    reason: str | None = None
    last: Mapping[str, Any] | None = None
    history: list[tuple[float, str]] = field(default_factory=list)
    invoked: dict[str, list[float]] = field(default_factory=dict)

    def become(self, status: str, now: float) -> None:
        """Change its status."""
        self.status, self.modified = status, now
        self.history.append((now, status))

    @property
    def fleets(self) -> list[Fleet]:
        return [each for each in (self.fleet, self.coming, self.leaving) if each is not None]

    @property
    def instances(self) -> list[Instance]:
        return [each for fleet in self.fleets for each in fleet.instances]

    def idle(self) -> None:
        """Refuse while something happens with it.

        Raises:
            Refusal: It is being created, changed or deleted. The wording is from memory (guessed).
        """
        if self.status in BUSY:
            raise Refusal("ValidationException", f'Cannot update in-progress endpoint "{self.arn}".')


@dataclass
class Region:
    """One account's resources in one region."""

    account: str
    name: str
    models: dict[str, Model] = field(default_factory=dict)
    configs: dict[str, EndpointConfig] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn``, ``aws-us-gov``."""
        return next((part for start, part in _PARTITIONS if self.name.startswith(start)), "aws")

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource; names are told in lower case there (recorded: ARNs in public issues)."""
        return f"arn:{self.partition}:sagemaker:{self.name}:{self.account}:{kind}/{name.lower()}"

    def model(self, name: str) -> Model:
        """Raises Refusal where there is none, as `endpoint` does."""
        if name not in self.models:
            raise Refusal("ValidationException", f'Could not find model "{self.arn("model", name)}".')
        return self.models[name]

    def config(self, name: str) -> EndpointConfig:
        """Raises Refusal where there is none, as `endpoint` does."""
        if name not in self.configs:
            arn = self.arn("endpoint-config", name)
            raise Refusal("ValidationException", f'Could not find endpoint configuration "{arn}".')
        return self.configs[name]

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name.

        Raises:
            Refusal: ``ValidationException`` that begins with ``Could not find`` (recorded, see behaviours).
        """
        if name not in self.endpoints:
            raise Refusal("ValidationException", f'Could not find endpoint "{self.arn("endpoint", name)}".')
        return self.endpoints[name]

    def tagged(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """(kind, ARN, tags) of everything."""
        things: list[tuple[str, Model | EndpointConfig | Endpoint]] = [
            *(("model", each) for each in self.models.values()),
            *(("endpoint-config", each) for each in self.configs.values()),
            *(("endpoint", each) for each in self.endpoints.values()),
        ]
        for kind, thing in things:
            yield kind, thing.arn, thing.tags

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of the resource of an ARN.

        Raises:
            Refusal: There is none.
        """
        for _, each, tags in self.tagged():
            if each == arn.lower() or each == arn:
                return tags
        raise Refusal("ValidationException", f'Could not find resource "{arn}".')

    def using(self, config: str) -> list[Endpoint]:
        """The endpoints that a configuration is used by."""
        return [
            endpoint
            for endpoint in self.endpoints.values()
            if endpoint.serves == config or any(fleet.config.name == config for fleet in endpoint.fleets)
        ]
