"""What AWS makes of our calls, as facts alone: for tests of what is due. The double has the real life cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deployer.endpoint import Record
from deployer_sagemaker.calls import Call, Due
from deployer_sagemaker.facts import (
    ConfigFact,
    EndpointFact,
    Facts,
    ModelFact,
    ScalerFact,
    VariantFact,
    read_config_fact,
)
from deployer_sagemaker.marks import read_marks, tags_of
from deployer_sagemaker.names import revisions_of
from tests.unit.sagemaker.values import at, faults, record

__all__ = ["Cloud"]

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")


class Cloud:
    """An account with one endpoint name.

    Attributes:
        made: Every call that was taken, by its operation.
        reverts: Whether the next update is taken back.
    """

    def __init__(self, kept: Record | None = None) -> None:
        self.record = kept if kept is not None else record()
        self.endpoints: dict[str, EndpointFact] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.models: dict[str, ModelFact] = {}
        self.scaler: ScalerFact | None = None
        self.clock = 100.0
        self.made: list[str] = []
        self.reverts = False

    def facts(self) -> Facts:
        """What is found there."""
        found = [read_config_fact(each, self.tags[each["EndpointConfigArn"]]) for each in self.configs.values()]
        return Facts(
            name="iris", target="aws", owner="team", record=self.record, endpoint=self._seen("iris"),
            verify=self._seen("iris--verify"), configs=tuple(each for each in found if isinstance(each, ConfigFact)),
            models=tuple(self.models.values()), scaler=self.scaler, now=self.clock,
        )  # fmt: skip

    def _seen(self, name: str) -> EndpointFact | None:
        found = self.endpoints.get(name)
        return replace(found, marks=read_marks(self.tags[found.arn])) if found is not None else None

    # Verbs, as the target drives them.

    def ask(self, due: Callable[[Facts], Due], *, most: int | None = None) -> bool:
        """Make the calls that are due now; with ``most`` a process that is killed after so many. Whether it is done."""
        found = due(self.facts())
        for number, call in enumerate(found.calls):
            if most is not None and number >= most:
                return False
            self.take(call)
        return found.is_last and most is None

    def drive(self, due: Callable[[Facts], Due]) -> None:
        """Until nothing is left to do, and AWS has done it."""
        for _ in range(12):
            done = self.ask(due)
            self.settle()
            if done:
                return
        raise AssertionError(f"it does not come to an end: {due(self.facts())}")

    # AWS.

    def take(self, call: Call) -> None:
        """One call, refused as AWS would."""
        self.clock += 1
        assert faults(call.operation, call.request, call.service) == []
        do: Callable[[Any, Call], None] = getattr(self, f"_{call.operation}")
        do(call.request, call)
        self.made.append(call.operation)

    def settle(self) -> None:
        """AWS does what it was asked."""
        self.clock += 10
        for name, found in list(self.endpoints.items()):
            if found.status == "Deleting":
                del self.endpoints[name]
            elif found.status in BUSY:
                back = self.reverts and found.status == "Updating" and bool(found.pending)
                gone = found.config if back or not found.pending else found.pending
                variants = found.variants if back or not found.pending else found.coming
                whole = tuple(replace(each, ready=each.wanted, weight=each.weighed) for each in variants)
                reason = "The primary container did not pass the ping health check." if back else ""
                self.endpoints[name] = replace(
                    found, status="InService", config=gone, pending="", coming=(), variants=whole, reason=reason,
                    modified=self.clock,
                )  # fmt: skip
        self.reverts = False

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:eu-west-1:123456789012:{kind}/{name}"

    def _CreateModel(self, asked: Any, call: Call) -> None:  # noqa: N802
        name = asked["ModelName"]
        if name in self.models:
            assert "there" in call.fine
            return
        self.models[name] = ModelFact(name, self._arn("model", name), self.clock, revisions_of(name, "iris")[0])

    def _CreateEndpointConfig(self, asked: Any, call: Call) -> None:  # noqa: N802
        name = asked["EndpointConfigName"]
        if name in self.configs:
            assert "there" in call.fine
            return
        for variant in asked["ProductionVariants"]:
            assert variant["ModelName"] in self.models, variant
        arn = self._arn("endpoint-config", name)
        self.configs[name] = {**asked, "EndpointConfigArn": arn, "CreationTime": at(self.clock)}
        self.tags[arn] = tags_of(asked["Tags"])

    def _variants(self, config: str) -> tuple[VariantFact, ...]:
        return tuple(
            VariantFact(
                each["VariantName"], each["InitialVariantWeight"], each["InitialVariantWeight"], 0,
                each.get("InitialInstanceCount", 0), "ServerlessConfig" in each,
            )
            for each in self.configs[config]["ProductionVariants"]
        )  # fmt: skip

    def _CreateEndpoint(self, asked: Any, call: Call) -> None:  # noqa: N802
        name, config = asked["EndpointName"], asked["EndpointConfigName"]
        if name in self.endpoints:
            assert "there" in call.fine
            return
        arn = self._arn("endpoint", name)
        self.tags[arn] = tags_of(asked["Tags"])
        self.endpoints[name] = EndpointFact(
            name, arn, "Creating", config, self.clock, self.clock, pending=config, coming=self._variants(config),
        )  # fmt: skip

    def _UpdateEndpoint(self, asked: Any, call: Call) -> None:  # noqa: N802
        found = self.endpoints[asked["EndpointName"]]
        assert found.status == "InService", found
        coming = self._variants(asked["EndpointConfigName"])
        if asked.get("RetainAllVariantProperties"):
            kept = {each.name: each.wanted for each in found.variants}
            coming = tuple(replace(each, wanted=kept.get(each.name, each.wanted)) for each in coming)
        if asked.get("DeploymentConfig"):
            assert {each.name for each in coming} == {each.name for each in found.variants}
        self.endpoints[found.name] = replace(
            found, status="Updating", pending=asked["EndpointConfigName"], coming=coming, modified=self.clock
        )

    def _UpdateEndpointWeightsAndCapacities(self, asked: Any, call: Call) -> None:  # noqa: N802
        found = self.endpoints[asked["EndpointName"]]
        assert found.status == "InService"
        wished = {each["VariantName"]: each for each in asked["DesiredWeightsAndCapacities"]}
        variants = tuple(
            replace(
                each,
                wanted=wished.get(each.name, {}).get("DesiredInstanceCount", each.wanted),
                weighed=wished.get(each.name, {}).get("DesiredWeight", each.weighed),
            )
            for each in found.variants
        )
        self.endpoints[found.name] = replace(found, status="Updating", variants=variants, modified=self.clock)

    def _DeleteEndpoint(self, asked: Any, call: Call) -> None:  # noqa: N802
        found = self.endpoints.get(asked["EndpointName"])
        if found is None:
            assert "gone" in call.fine
            return
        if found.status in BUSY:
            assert "busy" in call.fine
            return
        self.endpoints[found.name] = replace(found, status="Deleting", modified=self.clock)

    def _DeleteEndpointConfig(self, asked: Any, call: Call) -> None:  # noqa: N802
        name = asked["EndpointConfigName"]
        used = [each for each in self.endpoints.values() if name in (each.config, each.pending)]
        assert not used, used
        self.configs.pop(name, None)

    def _DeleteModel(self, asked: Any, call: Call) -> None:  # noqa: N802
        self.models.pop(asked["ModelName"], None)

    def _AddTags(self, asked: Any, call: Call) -> None:  # noqa: N802
        self.tags[asked["ResourceArn"]].update(tags_of(asked["Tags"]))

    def _RegisterScalableTarget(self, asked: Any, call: Call) -> None:  # noqa: N802
        assert self.endpoints["iris"].status == "InService"
        self.scaler = ScalerFact(asked["MinCapacity"], asked["MaxCapacity"])

    def _PutScalingPolicy(self, asked: Any, call: Call) -> None:  # noqa: N802
        assert self.scaler is not None

    def _DeleteScalingPolicy(self, asked: Any, call: Call) -> None:  # noqa: N802
        assert "gone" in call.fine

    def _DeregisterScalableTarget(self, asked: Any, call: Call) -> None:  # noqa: N802
        self.scaler = None
