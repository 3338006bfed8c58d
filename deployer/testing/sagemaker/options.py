"""What the double can be told at its start: durations, limits, quotas, where its containers and images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.testing.cloud.containers import Containers
from deployer.testing.cloud.images import Registry

__all__ = ["Durations", "Limits", "Options", "Registry"]


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long things take, in nominal seconds (see `deployer.testing.cloud.clock`).

    AWS takes minutes for most of these; the defaults are short, since what they are does not matter to a client that
    polls, and every one of them can be set.
    """

    provision: float = 0.05
    """From the accepted call to the first container's start: AWS finds machines."""
    delete: float = 0.05
    """``Deleting``, beside the time that the containers take to end."""
    weights: float = 0.05
    """``Updating`` of new weights alone."""
    startup: float = 480.0
    """What a container has for its first good /ping where ContainerStartupHealthCheckTimeoutInSeconds is not given.
    Guessed: eight minutes; older documents say four."""
    serverless_startup: float = 180.0
    """Documented: model download and /ping within three minutes."""
    ping: float = 2.0
    """Documented: a /ping that takes longer counts as failed. Real seconds."""
    ping_every: float = 0.1
    """Between two of them. Real seconds."""
    invocation: float = 60.0
    """Documented: an answer of /invocations that takes longer is a ModelError. Real seconds."""
    stream: float = 480.0
    """The same of a streamed answer (guessed: eight minutes). Real seconds."""
    grace: float = 30.0
    """Documented: between SIGTERM and SIGKILL. Real seconds."""
    alarms: float = 1.0
    """Between two looks at the alarms while a deployment bakes."""
    metrics: float = 0.0
    """After which an invocation's figures are seen in CloudWatch."""
    logs: float = 0.0
    """After which a container's line is seen in CloudWatch."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The service's sizes, in bytes."""

    payload: int = 6_291_456
    """Of InvokeEndpoint. Recorded: the service model's BodyBlob; 25 MB are told elsewhere, unconfirmed."""
    serverless_payload: int = 4 * 1024 * 1024
    """Documented."""
    inline_async_payload: int = 128_000
    """Recorded: the service model."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """All options of one double.

    Attributes:
        host: The address that it listens at.
        port: 0 finds a free one.
        account: Twelve digits.
        region: For what has no region in its signature.
        scale: Real seconds of a nominal one.
        durations: How long things take.
        limits: Sizes.
        quotas: ``ml.m5.large`` to how many instances for endpoint usage.
        quota: For types that are not named there.
        registry: Where images really are; None takes image names as they are.
        containers: Who runs them.
        policy: An IAM policy document that every call must be allowed by; None allows all.
        trusted: Access keys that it does not hold for: of whoever sets an account up.
        principal: Whom a refusal names, an ARN; by default a user ``deployer`` of the account.
        guesses: Name of a guessed behaviour (`deployer.testing.sagemaker.behaviours`) to its other value.
        autoscale_every: Nominal seconds between two looks of the autoscaler; 0 looks only when told to.
    """

    host: str = "127.0.0.1"
    port: int = 0
    account: str = "123456789012"
    region: str = "us-east-1"
    scale: float = 1.0
    durations: Durations = field(default_factory=Durations)
    limits: Limits = field(default_factory=Limits)
    quotas: Mapping[str, int] = field(default_factory=dict)
    quota: int = 20
    registry: Registry | None = None
    containers: Containers | None = None
    policy: Mapping[str, Any] | None = None
    trusted: frozenset[str] = frozenset()
    principal: str = ""
    guesses: Mapping[str, bool] = field(default_factory=dict)
    autoscale_every: float = 0.0
