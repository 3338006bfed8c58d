"""What was found of an endpoint at SageMaker, as plain values: from what the Describe operations answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deployer.endpoint import Record
from deployer_sagemaker.marks import Marks, State, labels_of, read_marks
from deployer_sagemaker.names import CANDIDATE, PRIMARY, revisions_of

__all__ = [
    "SERVING",
    "ConfigFact",
    "EndpointFact",
    "Facts",
    "ModelFact",
    "ScalerFact",
    "VariantFact",
    "read_config_fact",
    "read_endpoint",
]

SETTLED = frozenset({"InService", "Failed", "OutOfService", "UpdateRollbackFailed"})
"""Of the nine states those that AWS leaves by itself for nothing but its own maintenance."""
_ROUNDED = 0.0005
"""Seconds: a mark has milliseconds."""
SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})


@dataclass(frozen=True)
class VariantFact:
    """A variant of an endpoint, as it is or as it is to be.

    Attributes:
        weight: Its share of the requests, among the weights of all.
        weighed: The weight that it is to have.
        ready: Instances that serve.
        wanted: Instances that it is to have.
        serverless: Whether it has none, since AWS runs it when it is asked.
        stage: What AWS is at: ``Creating``, ``ActivatingTraffic``, ``Baking``, with its message.
        images: Digests of its images, as they were resolved.
    """

    name: str
    weight: float = 1.0
    weighed: float = 1.0
    ready: int = 0
    wanted: int = 0
    serverless: bool = False
    stage: str = ""
    images: tuple[str, ...] = ()

    @property
    def full(self) -> bool:
        """Whether it has all that it is to have."""
        return self.serverless or (self.wanted > 0 and self.ready >= self.wanted)


@dataclass(frozen=True)
class EndpointFact:
    """One endpoint.

    Attributes:
        status: One of the nine.
        config: The configuration that it serves by; while it is created, the one that it is created by.
        reason: AWS's FailureReason.
        created: Seconds since the epoch; with the ARN it names one endpoint, also if another is made of that name.
        modified: The same.
        pending: The configuration that it is on its way to; "" for none.
        marks: None: it is not ours.
        labels: The spec's.
    """

    name: str
    arn: str
    status: str
    config: str
    created: float
    modified: float
    reason: str = ""
    pending: str = ""
    variants: tuple[VariantFact, ...] = ()
    coming: tuple[VariantFact, ...] = ()
    marks: Marks | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether AWS has done what it was asked, or has given it up."""
        return self.status in SETTLED and not self.pending

    @property
    def ours(self) -> bool:
        """Whether it carries our marks."""
        return self.marks is not None

    @property
    def unseen(self) -> str:
        """The configuration that was asked for, by a request that was not sent, or is not seen yet; "" for none."""
        asked = self.marks.asked if self.marks is not None else None
        if asked is None or not self.settled or asked.config == self.config:
            return ""
        return asked.config if self.modified <= asked.before + _ROUNDED else ""

    @property
    def arriving(self) -> str:
        """The configuration that its requests have moved to, while AWS still ends what served before; "" for none.

        Nothing is pending then any more, and the configuration of before is told still.
        """
        asked = self.marks.asked if self.marks is not None else None
        if asked is None or self.status != "Updating" or self.pending or asked.config == self.config:
            return ""
        return asked.config

    @property
    def reverted(self) -> str:
        """The configuration that it was asked to go to, and that AWS gave up again; "" for none.

        It is back at what it served before, InService, as if nothing had been asked: success is the state and the
        configuration, never the state alone (hashicorp/terraform-provider-aws#39099).
        """
        asked = self.marks.asked if self.marks is not None else None
        if asked is None or not self.settled or asked.config == self.config or self.unseen:
            return ""
        return asked.config


@dataclass(frozen=True)
class ConfigFact:
    """An endpoint configuration of ours.

    Attributes:
        runs: Variant -> the revision that it runs.
        types: The instance types of its variants.
        state: None: it is for the endpoint on which a revision is verified.
        records: Where its Record lies, as its marks say.
    """

    name: str
    arn: str
    created: float
    runs: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    state: State | None = None
    records: str = ""

    @property
    def revisions(self) -> tuple[str, ...]:
        """Those that it runs."""
        return tuple(dict.fromkeys(self.runs.values()))


@dataclass(frozen=True)
class ModelFact:
    """A model of ours, and the revision that it is of."""

    name: str
    arn: str
    created: float
    revision: str
    records: str = ""


@dataclass(frozen=True)
class ScalerFact:
    """What has the count."""

    least: int
    most: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and most."""
        return self.least, self.most


@dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
        endpoint: The one that clients ask, whoever made it.
        verify: The one on which a revision is verified.
        configs: Those of ours.
        models: The same.
        record_trouble: Why the Record cannot be read.
        url: Where requests go.
        common: Keys of tags that are no labels, but the named target's own.
        now: AWS's clock.
    """

    name: str
    target: str
    owner: str | None = None
    endpoint: EndpointFact | None = None
    verify: EndpointFact | None = None
    configs: tuple[ConfigFact, ...] = ()
    models: tuple[ModelFact, ...] = ()
    record: Record | None = None
    record_trouble: str = ""
    scaler: ScalerFact | None = None
    url: str = ""
    common: frozenset[str] = frozenset()
    now: float | None = None

    @property
    def main(self) -> EndpointFact | None:
        """The endpoint that clients ask, if it is ours."""
        return self.endpoint if self.endpoint is not None and self.endpoint.ours else None

    @property
    def there(self) -> bool:
        """Whether anything of ours is there."""
        ours = (each for each in (self.endpoint, self.verify) if each is not None and each.ours)
        return self.record is not None or bool(self.record_trouble) or bool(self.configs or self.models) or any(ours)

    def kept_elsewhere(self, records: str) -> bool:
        """Whether some of it says that its Record lies elsewhere, in the place of such a digest not."""
        marks = [each.marks for each in (self.endpoint, self.verify) if each is not None]
        told = [each.records for each in (*marks, *self.configs, *self.models) if each is not None]
        return any(each not in ("", records) for each in told)

    def config(self, name: str) -> ConfigFact | None:
        """One of its configurations."""
        return next((each for each in self.configs if each.name == name), None)

    def run_by(self, config: str) -> dict[str, str]:
        """Variant -> revision, of a configuration; by its name where AWS does not tell it (any more)."""
        known = self.config(config)
        if known is not None:
            return dict(known.runs)
        return dict(zip((PRIMARY, CANDIDATE), revisions_of(config, self.name), strict=False))

    def is_used(self, config: str) -> bool:
        """Whether an endpoint of ours runs a configuration, or is on its way to it."""
        both = (each for each in (self.main, self.verify) if each is not None)
        return any(config in (each.config, each.pending) for each in both)

    def staged(self, revision: str) -> ConfigFact | None:
        """The configuration that a revision is to be given traffic by: of those that are staged the newest."""
        found = [each for each in self.configs if each.state is State.STAGED and revision in each.revisions]
        return max(found, key=lambda each: (each.created, each.name)) if found else None


def _seconds(value: object) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(str(value or 0))


def read_endpoint(described: Mapping[str, Any], tags: Mapping[str, str]) -> EndpointFact:
    """From DescribeEndpoint's answer, and the endpoint's tags."""
    pending = described.get("PendingDeploymentSummary") or {}
    creating = described["EndpointStatus"] == "Creating"
    config = str(described.get("EndpointConfigName") or "")
    coming = str(pending.get("EndpointConfigName") or "")
    return EndpointFact(
        name=str(described["EndpointName"]),
        arn=str(described["EndpointArn"]),
        status=str(described["EndpointStatus"]),
        config=config or (coming if creating else ""),
        created=_seconds(described.get("CreationTime")),
        modified=_seconds(described.get("LastModifiedTime")),
        reason=str(described.get("FailureReason") or ""),
        pending=coming,
        variants=tuple(_variant(each) for each in described.get("ProductionVariants") or ()),
        coming=tuple(_variant(each) for each in pending.get("ProductionVariants") or ()),
        marks=read_marks(tags),
        labels=labels_of(tags),
    )


def _variant(told: Mapping[str, Any]) -> VariantFact:
    stages = told.get("VariantStatus") or ()
    last = max(stages, key=lambda each: _seconds(each.get("StartTime")), default=None)
    words = [str(last.get("Status") or ""), str(last.get("StatusMessage") or "")] if last is not None else []
    ready = int(told.get("CurrentInstanceCount") or 0)
    wanted = told.get("DesiredInstanceCount")
    weight = told.get("CurrentWeight")
    wished = told.get("DesiredWeight")
    images = [str(each.get("ResolvedImage") or "") for each in told.get("DeployedImages") or ()]
    return VariantFact(
        name=str(told["VariantName"]),
        weight=float(weight) if weight is not None else 1.0,
        weighed=float(wished if wished is not None else weight if weight is not None else 1.0),
        ready=ready,
        wanted=int(wanted) if wanted is not None else ready,
        serverless=bool(told.get("CurrentServerlessConfig") or told.get("DesiredServerlessConfig")),
        stage=": ".join(filter(None, words)),
        images=tuple(image.rpartition("@")[2] for image in images if "@" in image),
    )


def read_config_fact(described: Mapping[str, Any], tags: Mapping[str, str]) -> ConfigFact | None:
    """From DescribeEndpointConfig's answer, and the configuration's tags; None when it is not ours."""
    marks = read_marks(tags)
    if marks is None:
        return None
    variants: Sequence[Mapping[str, Any]] = described.get("ProductionVariants") or ()
    # What was adopted has names of its own; its mark tells what it is.
    unnamed = (marks.revision or "",) if len(variants) == 1 else ("",)
    runs = {
        str(each["VariantName"]): (revisions_of(str(each.get("ModelName") or ""), marks.endpoint) or unnamed)[0]
        for each in variants
    }
    return ConfigFact(
        name=str(described["EndpointConfigName"]),
        arn=str(described["EndpointConfigArn"]),
        created=_seconds(described.get("CreationTime")),
        runs={variant: revision for variant, revision in runs.items() if revision},
        models=tuple(str(each.get("ModelName") or "") for each in variants),
        types=tuple(str(each["InstanceType"]) for each in variants if each.get("InstanceType")),
        state=marks.state,
        records=marks.records,
    )
