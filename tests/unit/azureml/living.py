"""Endpoints that live on the double, by the target itself."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from deployer.endpoint import Endpoint, ImageRef, Phase, Release, Traffic
from deployer.target import Request, Site
from deployer.testing.writer import Writer
from deployer_azureml.facts import Facts
from deployer_azureml.target import AzureMLTarget
from tests.conformance.azureml_bench import options_of
from tests.unit.azureml.values import OTHER, REVISION
from tests.unit.azureml.values import release as plain_release
from tests.unit.azureml.values import spec as plain_spec

if TYPE_CHECKING:
    from deployer.spec import DeploymentSpec
    from deployer.testing.azureml import Double

__all__ = ["ASKED", "OTHER", "REVISION", "Living", "new_name", "until"]

ASKED = Request(body=b'{"inputs": [1]}', headers={"Content-Type": "application/json"}, timeout=10)
_NUMBERS = itertools.count()
Found = TypeVar("Found")


def new_name() -> str:
    """A name that no other test of the process uses."""
    return f"iris{next(_NUMBERS)}"


def until(found: Callable[[], Found], seconds: float = 60.0) -> Found:
    """Look until something is there."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)
    return value


class Living:
    """One endpoint, and the writer that changes it."""

    def __init__(self, double: Double, **options: Any) -> None:
        self.double = double
        self.target = AzureMLTarget(options_of(double, **options), Site("azure", "team"))
        self.name = new_name()
        self.writer = Writer(self.target, self.name)

    @property
    def workspace(self) -> Any:
        """The double's own."""
        return next(iter(self.double.world.workspaces.values()))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As somebody else would."""
        return vars(self.target)["_azure"].ask(method, path, body)

    def facts(self) -> Facts:
        """All that is found."""
        found: Facts = vars(self.target)["_surveyor"].survey(self.name)
        return found

    def spec(self, **fields: Any) -> DeploymentSpec:
        return plain_spec(**{"name": self.name, "network": {"egress": "internet"}, **fields})

    def release(self, revision: str = REVISION, image: str = "good:1", **fields: Any) -> Release:
        wish: Mapping[str, Any] = self.spec(**fields).wish()
        changed = {"image": ImageRef(id="", reference=image), "spec": wish}
        return plain_release(revision).model_copy(update=changed)

    def begin(self, **fields: Any) -> Living:
        self.writer.begin(self.spec(**fields))
        self.writer.configure(self.spec(**fields))
        return self

    def configure(self, **fields: Any) -> Living:
        self.writer.write(spec=self.spec(**fields).wish())
        self.writer.configure(self.spec(**fields))
        return self.rest()

    def stage(self, revision: str = REVISION, image: str = "good:1", **fields: Any) -> Living:
        self.writer.write(spec=self.spec(**fields).wish())
        self.writer.stage(self.spec(**fields), self.release(revision, image, **fields))
        return self

    def serve(self, revision: str = REVISION, **fields: Any) -> Living:
        """Staged, healthy, and with all traffic."""
        self.stage(revision, **fields)
        self.healthy(revision)
        return self.route({revision: 100})

    def route(self, shares: dict[str, int]) -> Living:
        self.writer.route(Traffic(shares))
        self.until(lambda seen: seen.traffic.root == shares)
        return self.rest()

    def retire(self, revision: str, *, keep: bool = False) -> Living:
        self.writer.retire(revision, keep=keep)
        self.until(lambda seen: seen.find(revision) is None)
        return self

    def destroy(self) -> None:
        self.writer.destroy()
        until(lambda: self.target.observe(self.name) is None)

    def rest(self) -> Living:
        """Look until Azure changes nothing of it."""

        def settled() -> bool:
            self.target.observe(self.name)
            seen = self.facts()
            return (seen.endpoint is None or seen.endpoint.settled) and all(each.settled for each in seen.deployments)

        until(settled)
        return self

    def seen(self) -> Endpoint:
        found = self.target.observe(self.name)
        assert found is not None
        return found

    def until(self, there: Callable[[Endpoint], bool]) -> Endpoint:
        found: list[Endpoint] = []

        def looked() -> bool:
            found.append(self.seen())
            return there(found[-1])

        until(looked)
        return found[-1]

    def phase(self, revision: str, phase: Phase) -> Endpoint:
        return self.until(lambda seen: (found := seen.find(revision)) is not None and found.phase is phase)

    def healthy(self, revision: str = REVISION) -> Endpoint:
        return self.until(
            lambda seen: (found := seen.find(revision)) is not None and found.phase is Phase.HEALTHY and found.settled
        )

    def answer(self, revision: str | None = None) -> str | None:
        """Who answers."""
        if revision is not None:
            return self.target.invoke_revision(self.name, revision, ASKED).revision
        return self.target.invoke(self.name, ASKED).revision

    def calls(self) -> list[str]:
        """The changes of the workspace that Azure was asked for since the last time."""
        journal = self.double.world.journal
        found = [each.operation for each in journal.all() if each.service == "arm"]
        journal.clear()
        return [each for each in found if each.startswith(("Put", "Patch", "Delete"))]
