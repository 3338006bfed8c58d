"""A deployment: from the accepted CreateEndpoint or UpdateEndpoint to the settled endpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from deployer.testing.sagemaker import alarms
from deployer.testing.sagemaker.faults import REASONS, Fault
from deployer.testing.sagemaker.guardrails import Rollout, Step, rollout
from deployer.testing.sagemaker.instance import Broken, Instance
from deployer.testing.sagemaker.state import Endpoint, EndpointConfig, Fleet, Region, Variant

if TYPE_CHECKING:
    from deployer.testing.sagemaker.world import World

__all__ = ["Deployment", "end", "fleet", "launch"]

_GOOD = ("", "InService", "Reverted")
"""Outcomes of which the deployment itself is good."""


def fleet(region: Region, config: EndpointConfig, kept: Mapping[str, tuple[int | None, float | None]]) -> Fleet:
    """The fleet that a configuration asks for, with no instance yet.

    Args:
        region: Where.
        config: The configuration.
        kept: Variant to the count and weight that are kept from the fleet before (RetainAllVariantProperties).
    """
    variants = []
    for wish in config.variants:
        count, weight = kept.get(str(wish["VariantName"]), (None, None))
        wished = 1 if wish.get("ServerlessConfig") else int(wish.get("InitialInstanceCount") or 1)
        model = region.models.get(str(wish.get("ModelName", "")))
        variants.append(
            Variant(
                wish,
                model,
                config.is_shadow(str(wish["VariantName"])),
                wished if count is None else count,
                float(wish.get("InitialVariantWeight", 1.0)) if weight is None else weight,
            )
        )
    return Fleet(config, variants, share=0.0)


def launch(world: World, region: Region, endpoint: Endpoint, variant: Variant, count: int) -> list[Instance]:
    """Start so many instances of a variant, and return when they answer.

    They belong to the variant as soon as they are begun, so that whoever gives up finds them there.

    Raises:
        Broken: One of them cannot serve.
    """
    if variant.model is None:
        name = variant.wish.get("ModelName", "")
        raise Broken(f'Could not find model "{region.arn("model", name)}".')
    started = []
    for _ in range(count):
        instance = Instance(world, region, endpoint.name, variant.wish, variant.model)
        with world.lock:
            variant.instances.append(instance)
        started.append(instance)
        if endpoint.stopped.is_set():
            raise Broken("deleted")
        instance.start()
    for instance in started:
        instance.await_ready(endpoint.stopped)
        if endpoint.stopped.is_set():
            raise Broken("deleted")
    return started


class Deployment:
    """One deployment, in a thread of its own.

    Args:
        world: The double.
        region: Where.
        endpoint: The endpoint, which is Creating or Updating, with ``coming`` set.
        plan: The steps.
        fault: What goes wrong with it.
    """

    def __init__(self, world: World, region: Region, endpoint: Endpoint, plan: Rollout, fault: Fault | None) -> None:
        if endpoint.coming is None:
            raise ValueError("a deployment needs a coming fleet")
        self._world, self._region, self._endpoint = world, region, endpoint
        self._plan, self._fault, self._coming = plan, fault, endpoint.coming
        self._creates = endpoint.status == "Creating"
        self._until = world.clock.monotonic() + plan.limit

    def run(self) -> None:
        """Do it; whatever happens, the endpoint is settled afterwards, unless it was deleted meanwhile."""
        before = self._endpoint.fleet.config if self._endpoint.fleet is not None else None
        try:
            self._prepare()
            if self._plan.rolling and self._endpoint.fleet is not None:
                self._roll(self._endpoint.fleet)
            else:
                self._replace()
            if self._fault is not None and self._fault.outcome == "Reverted":
                self._revert(before)
        except Broken as broken:
            if not self._endpoint.stopped.is_set():
                self._fail(str(broken))
        except Exception as error:
            if not self._endpoint.stopped.is_set():
                self._fail(REASONS["service"])
            raise RuntimeError(f"deployment of {self._endpoint.name}") from error

    def _prepare(self) -> None:
        outcome = self._fault.outcome if self._fault is not None else ""
        self._status(self._coming, "Creating", "Provisioning instances")
        more = self._fault.delay if self._fault is not None and outcome != "Reverted" else 0.0
        self._sleep(self._world.options.durations.provision + more)
        if outcome not in _GOOD and self._reason in (REASONS["capacity"], REASONS["service"]):
            raise Broken(self._reason)  # before a container was started
        for variant in self._coming.variants:
            limit = self._world.quota(variant.type)
            if variant.type and self._world.ledger.count(variant.type) + self._first(variant) > limit:
                raise Broken(REASONS["capacity"])
        if self._plan.alarms and self._world.guesses["alarm-before-deployment"]:
            self._watch()

    def _first(self, variant: Variant) -> int:
        rolls = self._plan.rolling and self._endpoint.fleet is not None
        return min(variant.count, self._plan.steps[0].count) if rolls else variant.count

    @property
    def _reason(self) -> str:
        said = self._fault.reason if self._fault is not None else ""
        text = REASONS.get(said, said) or REASONS["ping"]
        variant = self._coming.variants[0].name
        return text.replace("{variant}", variant)

    def _replace(self) -> None:
        """Start the whole new fleet, move the traffic, end the old one (documented: blue/green is the default)."""
        for variant in self._coming.variants:
            launch(self._world, self._region, self._endpoint, variant, variant.count)
        self._spoil()
        if self._endpoint.fleet is None:
            self._finish()
            return
        for step in self._plan.steps:
            self._shift(step)
        if self._plan.termination:
            self._bake(self._plan.termination)
        self._finish()

    def _roll(self, old: Fleet) -> None:
        """Replace batch by batch; a fleet that rolls has one variant (documented)."""
        coming, leaving = self._coming.variants[0], old.variants[0]
        for step in self._plan.steps:
            launch(self._world, self._region, self._endpoint, coming, step.count - len(coming.instances))
            if step is self._plan.steps[0]:
                self._spoil()
            self._shift(step)
            keep = max(0, round(leaving.count * (1 - step.share)))
            with self._world.lock:
                ending, leaving.instances = leaving.instances[keep:], leaving.instances[:keep]
            for instance in ending:
                instance.stop()
        self._finish()

    def _spoil(self) -> None:
        if self._fault is not None and self._fault.outcome not in _GOOD:
            raise Broken(self._reason)

    def _shift(self, step: Step) -> None:
        self._status(self._coming, "ActivatingTraffic", f"{round(100 * step.share)}% of the traffic")
        with self._world.lock:
            self._coming.share = step.share
            if self._endpoint.fleet is not None:
                self._endpoint.fleet.share = 1 - step.share
        if step.wait:
            self._bake(step.wait)

    def _bake(self, seconds: float) -> None:
        """Wait, and look at the alarms (documented: one in ALARM rolls the deployment back)."""
        self._status(self._coming, "Baking", f"Baking for {seconds:g} seconds")
        clock = self._world.clock
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            self._watch()
            self._sleep(min(left, self._world.options.durations.alarms))
        self._watch()

    def _watch(self) -> None:
        ringing = alarms.ringing(self._world, self._region, self._plan.alarms)
        if ringing:
            raise Broken(REASONS["alarm"].format(alarms=", ".join(ringing)))

    def _sleep(self, seconds: float) -> None:
        left = self._until - self._world.clock.monotonic()
        if self._world.clock.wait(min(seconds, max(0.0, left)), self._endpoint.stopped):
            raise Broken("deleted")
        if not math.isinf(self._plan.limit) and self._world.clock.monotonic() >= self._until:
            raise Broken(REASONS["timeout"].format(seconds=f"{self._plan.limit:g}"))

    def _status(self, about: Fleet, status: str, message: str) -> None:
        now = self._world.clock.now()
        with self._world.lock:
            for variant in about.variants:
                variant.status = status, message, now

    def _finish(self) -> None:
        with self._world.lock:
            if self._endpoint.stopped.is_set():
                raise Broken("deleted")
            # After a failed roll-back there are two old ones.
            old = [each for each in (self._endpoint.fleet, self._endpoint.leaving) if each is not None]
            self._endpoint.fleet, self._endpoint.coming, self._coming.share = self._coming, None, 1.0
            for variant in self._coming.variants:
                variant.status = None
            for each in old:
                each.share = 0.0
        for each in old:
            self._status(each, "Deleting", "Terminating the old fleet")
            self._endpoint.leaving = each
            end(each)
        with self._world.lock:
            if self._endpoint.stopped.is_set():
                return
            self._endpoint.leaving, self._endpoint.reason = None, None
            self._endpoint.serves = self._coming.config.name
            self._endpoint.become("InService", self._world.clock.now())

    def _fail(self, reason: str) -> None:
        """A creation ends as Failed; an update goes back to what served, and tells InService (recorded)."""
        outcome = self._fault.outcome if self._fault is not None else ""
        endpoint, world = self._endpoint, self._world
        with world.lock:
            endpoint.reason = reason
            if outcome == "UpdateRollbackFailed":
                # Documented: some instances are of the old and some of the new configuration, and it serves.
                endpoint.coming, endpoint.leaving = None, self._coming
                endpoint.become("UpdateRollbackFailed", world.clock.now())
                return
            if not self._creates and world.guesses["rolling-back-in-updates"]:
                endpoint.become("RollingBack", world.clock.now())
            self._coming.share = 0.0
            if endpoint.fleet is not None:
                endpoint.fleet.share = 1.0
        if endpoint.fleet is not None and self._plan.rolling:
            self._restore(endpoint.fleet)
        end(self._coming)
        with world.lock:
            if endpoint.stopped.is_set():
                return
            endpoint.coming = None
            failed = self._creates or outcome == "Failed"
            endpoint.become("Failed" if failed else "InService", world.clock.now())

    def _revert(self, before: EndpointConfig | None) -> None:
        """A success that does not last: after a while the service goes back to the configuration before."""
        endpoint, world, delay = self._endpoint, self._world, self._fault.delay if self._fault is not None else 0.0
        if before is None or world.clock.wait(delay, endpoint.stopped):
            return
        with world.lock:
            if endpoint.status != "InService" or endpoint.fleet is not self._coming:
                return
            endpoint.coming, endpoint.pending_since = fleet(self._region, before, {}), world.clock.now()
            endpoint.become("SystemUpdating", world.clock.now())
        Deployment(world, self._region, endpoint, rollout(None, 1), None).run()
        endpoint.reason = self._reason

    def _restore(self, old: Fleet) -> None:
        """Start those again that a rolling deployment had ended."""
        for variant in old.variants:
            if (missing := variant.count - len(variant.instances)) > 0:
                try:
                    launch(self._world, self._region, self._endpoint, variant, missing)
                except Broken as broken:
                    self._world.trouble.append(f"roll-back of {self._endpoint.name}: {broken}")


def end(about: Fleet) -> None:
    """Stop all its instances."""
    for instance in about.instances:
        instance.stop()
