"""Whole commands on the double: the engine, the target and the Python API, in this process, with no image made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deployer.client import Deployer
from deployer.endpoint import ImageRef
from deployer.errors import DeployerError
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings
from deployer.spec import DeploymentSpec
from deployer.target import Pace, Request, Site
from deployer.testing.caller import Caller
from deployer.testing.clock import Hasty
from deployer.testing.crash.bench import write_model
from deployer.testing.crash.hosted import LOT
from deployer_azureml import changing, kind
from deployer_azureml.target import AzureMLTarget
from tests.conformance.azureml_bench import options_of
from tests.unit.azureml.living import new_name, until

if TYPE_CHECKING:
    from pathlib import Path

    from deployer.endpoint import Claim, Diagnosis, Endpoint, Release
    from deployer.target import TargetKind
    from deployer.testing.azureml import Double
    from deployer.testing.crash.bench import CrashLot

__all__ = ["Commands"]


class _Imaged(AzureMLTarget):
    """One whose revisions have an image that nobody made: the double's containers look at their environment alone."""

    def sink(self, endpoint: str) -> None:  # type: ignore[override]  # nothing is delivered
        del endpoint

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        image = ImageRef(id="", reference=f"crash:{release.revision}")
        super().stage(spec, release.model_copy(update={"image": image}), claim)


_KEPT: dict[tuple[str, str], _Imaged] = {}
"""By the double's address and who asks."""


def _connected(double: Double, who: str) -> _Imaged:
    if (double.url, who) not in _KEPT:
        _KEPT[double.url, who] = _Imaged(options_of(double), Site("azure"))
    return _KEPT[double.url, who]


class _Only(Registry):
    def __init__(self, double: Double, pace: Pace | None) -> None:
        super().__init__()
        self._double = double
        self._pace = pace

    def kind(self, name: str) -> TargetKind:
        del name
        made = replace(kind, delivers="nothing", connect=lambda _options, _site: _connected(self._double, "engine"))
        pace = self._pace
        return made if pace is None else replace(made, pace=lambda _spec: pace)


class Commands:
    """One endpoint's, each of which knows nothing of what the one before has left to do.

    Args:
        double: Its Azure.
        folder: For the models.

    Attributes:
        lot: What it serves, or is to serve first, as its user keeps it.
        pace: How long things may take, where that is not the target's own affair.
    """

    pace: Pace | None = None

    def __init__(self, double: Double, folder: Path) -> None:
        self.double = double
        self.name = new_name()
        self.lot: CrashLot = "first"
        self._folder = folder
        for lot in ("first", "second", "failing"):
            write_model(folder / lot, lot)
        (folder / "request.json").write_text(json.dumps({"inputs": [[1.0, 2.0]]}))

    def fields(self, lot: CrashLot, **more: Any) -> dict[str, Any]:
        health = {"consecutive": 1, "request": str(self._folder / "request.json"), "timeout": "120s"}
        return {
            "model": str(self._folder / lot), "env": {LOT: lot}, "health": health,
            "network": {"egress": "internet"}, **more,
        }  # fmt: skip

    def run(self, verb: str, lot: CrashLot = "first", **more: Any) -> Endpoint | None:
        """One command.

        Raises:
            DeployerError: It fails.
        """
        changing._DUTIES.clear()  # another process began them
        named = NamedTarget(name="azure", kind="azureml", options=options_of(self.double).model_dump(mode="json"))
        settings = Settings(targets={"azure": named}, default_target="azure")
        deployer = Deployer(
            settings=settings, registry=_Only(self.double, self.pace), by="test@faults", clock=Hasty(0.05)
        )
        if verb in ("create", "apply"):
            spec = DeploymentSpec(name=self.name, target="azure", **self.fields(lot, **more))
            return deployer.create(spec) if verb == "create" else deployer.apply(spec)
        if verb == "update":
            return deployer.update(self.name, self.fields(lot, **more))
        if verb == "rollback":
            return deployer.rollback(self.name)
        if verb == "delete":
            deployer.delete(self.name, missing_ok=True)
            return None
        return deployer.get(self.name)

    def fails(self, verb: str, lot: CrashLot = "first", **more: Any) -> DeployerError:
        """One command that is to fail."""
        try:
            self.run(verb, lot, **more)
        except DeployerError as error:
            return error
        raise AssertionError(f"{verb} of {lot} went well")

    def told(self, verb: str, lot: CrashLot = "first", **more: Any) -> Diagnosis:
        """The diagnosis of a command that is to fail."""
        error = self.fails(verb, lot, **more)
        found: Diagnosis | None = getattr(error, "diagnosis", None)
        assert found is not None, error
        return found

    @property
    def target(self) -> AzureMLTarget:
        """Another connection, as of whoever asks it."""
        return _connected(self.double, "caller")

    def calling(self) -> Caller:
        """Asks it all the while."""
        body = Request(body=b'{"inputs": [[1]]}', headers={"Content-Type": "application/json"}, timeout=10)
        return Caller(self.target, self.name, body, pause=0.05)

    @property
    def serves(self) -> str:
        """The revision that has the traffic."""
        seen = self.run("get")
        assert seen is not None
        (name,) = seen.traffic.served
        return name

    def left(self) -> Mapping[str, Any]:
        """What Azure has of it, what is on its way out left aside."""
        workspace: Any = next(iter(self.double.world.workspaces.values()))
        with self.double.world.lock:
            found = workspace.endpoints.get(self.name)
            there = found is not None and found.state != "Deleting"
            runs = (
                {each.name: each.count for each in found.deployments.values() if each.state != "Deleting"}
                if (there)
                else {}
            )
            about = f"deployer-{self.name}"
            return {
                "endpoint": (found.state, dict(found.told_traffic[0]), dict(found.tags)) if there else None,
                "deployments": runs,
                "environments": sorted(version for _, name, version in workspace.assets if name == about),
                "scalers": sorted(each for each in self.double.world.autoscale if f"-{self.name}-" in each),
            }

    def until(self, there: Callable[[], bool], seconds: float = 60.0) -> None:
        until(there, seconds)
