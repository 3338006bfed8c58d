"""Whole commands on the double: the engine, the target and the Python API, in this process, with no image made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deployer.client import Deployer
from deployer.endpoint import ImageRef
from deployer.errors import DeployerError
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings
from deployer.spec import DeploymentSpec
from deployer.target import Request, Site
from deployer.testing.caller import Caller
from deployer.testing.clock import Hasty
from deployer.testing.crash.bench import write_model
from deployer.testing.crash.hosted import LOT
from deployer_sagemaker import changing, kind
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.target import SageMakerTarget
from tests.unit.sagemaker.living import ROLE, new_name

if TYPE_CHECKING:
    from pathlib import Path

    from deployer.endpoint import Claim, Diagnosis, Endpoint, Release
    from deployer.target import TargetKind
    from deployer.testing.crash.bench import CrashLot
    from deployer.testing.sagemaker import Double

__all__ = ["Commands"]


class _Imaged(SageMakerTarget):
    """One whose revisions have an image that nobody made: the double's containers look at their environment alone."""

    def sink(self, endpoint: str) -> None:  # type: ignore[override]  # nothing is delivered
        del endpoint

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        image = ImageRef(id="", reference=f"crash:{release.revision}")
        super().stage(spec, release.model_copy(update={"image": image}), claim)


_KEPT: dict[tuple[str, str], _Imaged] = {}
"""By the double's address and who asks: making the clients of a connection takes longer than a command."""


def _connected(url: str, who: str) -> _Imaged:
    if (url, who) not in _KEPT:
        _KEPT[url, who] = _Imaged(SageMakerOptions(role=ROLE), Site("aws"))
    return _KEPT[url, who]


class _Only(Registry):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def kind(self, name: str) -> TargetKind:
        return replace(kind, delivers="nothing", connect=lambda _options, _site: _connected(self._url, "engine"))


class Commands:
    """One endpoint's, each of which knows nothing of what the one before has left to do.

    Args:
        double: Its AWS.
        folder: For the models.
        config: Of each spec.

    Attributes:
        lot: What it serves, or is to serve first, as its user keeps it.
    """

    def __init__(self, double: Double, folder: Path, config: Mapping[str, Any] | None = None) -> None:
        self.double = double
        self.name = new_name()
        self.lot: CrashLot = "first"
        self._folder = folder
        self._config = dict(config or {})
        for lot in ("first", "second", "failing"):
            write_model(folder / lot, lot)
        (folder / "request.json").write_text(json.dumps({"inputs": [[1.0, 2.0]]}))

    def fields(self, lot: CrashLot, **more: Any) -> dict[str, Any]:
        health = {"consecutive": 1, "request": str(self._folder / "request.json"), "timeout": "120s"}
        return {
            "model": str(self._folder / lot), "env": {LOT: lot}, "health": health, "config": self._config, **more,
        }  # fmt: skip

    def run(self, verb: str, lot: CrashLot = "first", **more: Any) -> Endpoint | None:
        """One command.

        Raises:
            DeployerError: It fails.
        """
        changing._DUTIES.clear()  # another process began them
        options = {"role": ROLE}
        named = NamedTarget(name="aws", kind="sagemaker", options=options)
        settings = Settings(targets={"aws": named}, default_target="aws")
        deployer = Deployer(settings=settings, registry=_Only(self.double.url), by="test@faults", clock=Hasty(0.05))
        if verb == "create":
            spec = DeploymentSpec(name=self.name, target="aws", **self.fields(lot, **more))
            return deployer.create(spec)
        if verb == "apply":
            spec = DeploymentSpec(name=self.name, target="aws", **self.fields(lot, **more))
            return deployer.apply(spec)
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
    def target(self) -> SageMakerTarget:
        """Another connection, as of whoever asks it."""
        return _connected(self.double.url, "caller")

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

    def left(self) -> dict[str, Any]:
        """What AWS has of it, endpoints on their way out left aside."""
        region = self.double.world.region("123456789012", self.double.options.region)
        with self.double.world.lock:
            endpoints = {
                each.name: (each.status, each.serves) for each in region.endpoints.values()
                if self._is_mine(each.name) and each.status != "Deleting"
            }  # fmt: skip
            return {
                "endpoints": endpoints,
                "configs": sorted(each for each in region.configs if self._is_mine(each)),
                "models": sorted(each for each in region.models if self._is_mine(each)),
            }

    def _is_mine(self, name: str) -> bool:
        return re.fullmatch(rf"{self.name}(--.*)?", name) is not None

    def until(self, there: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < end, "it does not come"
            time.sleep(0.02)
