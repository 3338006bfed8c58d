"""What Azure makes of our calls, as documents alone: for tests of what is due. The double has the real life cycle."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from deployer.endpoint import Record
from deployer_azureml.calls import Call, Due
from deployer_azureml.documents import read_deployment, read_endpoint, read_environment, read_scaler
from deployer_azureml.facts import Facts
from tests.unit.azureml.values import WORKSPACE, record

__all__ = ["Busy", "Cloud"]

GROUP = WORKSPACE.partition("/providers")[0]
BUSY = ("Creating", "Updating", "Scaling", "Deleting")


class Busy(Exception):
    """Azure takes no change of that now."""


class Cloud:
    """A workspace with one endpoint name.

    Attributes:
        made: Every call that was taken, by its operation.
        fails: Deployments whose next operation fails, with what is told.
        serial: Whether, while a deployment is changed, the endpoint takes no change (Azure documents it nowhere).
        history: The live traffic after each thing that happened.
    """

    def __init__(self, kept: Record | None = None, *, serial: bool = False) -> None:
        self.record = kept if kept is not None else record()
        self.endpoint: dict[str, Any] | None = None
        self.deployments: dict[str, dict[str, Any]] = {}
        self.environments: dict[str, dict[str, Any]] = {}
        self.scalers: dict[str, dict[str, Any]] = {}
        self.served: set[str] = set()
        self.fails: dict[str, str] = {}
        self.troubles: dict[str, str] = {}
        self.serial = serial
        self.clock = 1000.0
        self.made: list[str] = []
        self.history: list[dict[str, int]] = []

    def facts(self) -> Facts:
        """What is found there."""
        environments = [read_environment(each) for each in copy.deepcopy([*self.environments.values()])]
        scalers = [read_scaler(each) for each in self.scalers.values()]
        return Facts(
            name="iris", target="azure", owner="team", record=self.record,
            endpoint=read_endpoint(copy.deepcopy(self.endpoint)) if self.endpoint is not None else None,
            deployments=tuple(
                read_deployment(copy.deepcopy(each), self.troubles.get(name, ""))
                for name, each in self.deployments.items()
            ),
            environments=tuple(each for each in environments if each is not None),
            scalers=tuple(each for each in scalers if each is not None), now=self.clock,
        )  # fmt: skip

    # Verbs, as the target drives them.

    def ask(self, due: Callable[[Facts], Due], *, most: int | None = None) -> bool:
        """Make the calls that are due now; with ``most`` a process that is killed after so many. Whether it is done."""
        found = due(self.facts())
        for number, call in enumerate(found.calls):
            if most is not None and number >= most:
                return False
            try:
                self.take(call)
            except Busy:
                assert "busy" in call.fine, call
                return False
        return found.is_last and most is None

    def drive(self, due: Callable[[Facts], Due]) -> None:
        """Until nothing is left to do, and Azure has done it."""
        for _ in range(12):
            done = self.ask(due)
            self.settle()
            if done:
                return
        raise AssertionError(f"it does not come to an end: {due(self.facts())}")

    # Azure.

    def take(self, call: Call) -> None:
        """One call, refused as Azure would."""
        self.clock += 1
        do: Callable[[Call], None] = getattr(self, f"_{call.operation}")
        do(call)
        self.made.append(call.operation)
        self._note()

    def settle(self) -> None:
        """Azure does what it was asked."""
        self.clock += 10
        for name, each in list(self.deployments.items()):
            state = each["properties"]["provisioningState"]
            if state == "Deleting":
                del self.deployments[name]
                self.served.discard(name)
            elif state in BUSY:
                trouble = self.fails.pop(name, "")
                self.troubles[name] = trouble
                each["properties"]["provisioningState"] = "Failed" if trouble else "Succeeded"
                if not trouble:
                    self.served.add(name)
                    assert self.endpoint is not None
                    self.endpoint["properties"]["scoringUri"] = "https://iris.example/invocations"
        if self.endpoint is not None:
            state = self.endpoint["properties"]["provisioningState"]
            if state == "Deleting":
                self.endpoint = None
                self.deployments.clear()
                self.served.clear()
            elif state in BUSY:
                self.endpoint["properties"]["provisioningState"] = (
                    "Failed" if self.fails.pop("iris", "") else "Succeeded"
                )
        self._note()

    def traffic(self) -> dict[str, int]:
        """Whom clients reach."""
        if self.endpoint is None or self.endpoint["properties"]["provisioningState"] == "Deleting":
            return {}
        return {name: share for name, share in self.endpoint["properties"]["traffic"].items() if share}

    def _note(self) -> None:
        self.history.append(self.traffic())

    def _free(self, *, deployments: bool = False) -> dict[str, Any]:
        assert self.endpoint is not None
        if self.endpoint["properties"]["provisioningState"] in BUSY:
            raise Busy("endpoint")
        if deployments and any(each["properties"]["provisioningState"] in BUSY for each in self.deployments.values()):
            raise Busy("deployment")
        return self.endpoint

    def _PutEndpoint(self, call: Call) -> None:  # noqa: N802
        body = copy.deepcopy(call.body)
        told = body["properties"]
        assert not {"provisioningState", "scoringUri", "swaggerUri"} & set(told)
        now = {"name": "iris", "id": f"{WORKSPACE}/onlineEndpoints/iris", "systemData": self._about()}
        if self.endpoint is None:
            assert told["traffic"] == {}
            self.endpoint = {**body, **now}
            told |= {"provisioningState": "Creating", "scoringUri": None, "mirrorTraffic": {}}
            return
        if not call.basis:
            assert "there" in call.fine
            return
        self._free(deployments=self.serial)
        assert call.basis == read_endpoint(self.endpoint).basis, "somebody else wrote meanwhile"
        shares = {name: share for name, share in told["traffic"].items() if share}
        assert sum(shares.values()) in (0, 100), shares
        assert set(shares) <= set(self.deployments), shares
        for name in shares:
            assert name in self.served, f"{name} does not serve, and clients would find that out"
        mirror = told.get("mirrorTraffic") or {}
        assert len(mirror) <= 1
        assert not set(mirror) & set(shares)
        assert all(0 < share <= 50 for share in mirror.values())
        assert set(mirror) <= set(self.deployments)
        told |= {"provisioningState": "Updating", "scoringUri": self.endpoint["properties"]["scoringUri"]}
        self.endpoint = {**body, **now}

    def _about(self) -> dict[str, str]:
        return {"createdAt": "2026-11-29T06:00:00+00:00", "lastModifiedAt": "2026-11-29T06:00:00+00:00"}

    def _DeleteEndpoint(self, call: Call) -> None:  # noqa: N802
        if self.endpoint is None:
            assert "gone" in call.fine
            return
        self._free(deployments=self.serial)["properties"]["provisioningState"] = "Deleting"

    def _PutEnvironment(self, call: Call) -> None:  # noqa: N802
        version = call.path.rpartition("/")[2]
        if version in self.environments:
            assert "there" in call.fine
            return
        self.environments[version] = {**copy.deepcopy(call.body), "name": version, "id": f"{WORKSPACE}/{call.path}"}

    def _DeleteEnvironment(self, call: Call) -> None:  # noqa: N802
        version = call.path.rpartition("/")[2]
        used = [each for each in self.deployments.values() if each["properties"]["environmentId"].endswith(version)]
        assert not used
        self.environments.pop(version, None)

    def _PutDeployment(self, call: Call) -> None:  # noqa: N802
        name = call.path.rpartition("/")[2]
        main = self._free()
        body = copy.deepcopy(call.body)
        if name in self.deployments and not call.basis:
            assert "there" in call.fine
            return
        assert body["properties"]["environmentId"].rpartition("/")[2] in self.environments
        if name in self.deployments:
            assert name in self.served, "failed during initial provisioning and is in an unrecoverable state"
            assert call.basis == read_deployment(self.deployments[name]).basis
        state = "Updating" if name in self.deployments else "Creating"
        body["properties"] |= {"provisioningState": state}
        body["tags"] = dict(body["tags"])
        assert main["location"] == body["location"]
        about = {"name": name, "id": f"{WORKSPACE}/{call.path}", "systemData": self._about()}
        self.deployments[name] = {**body, **about}

    def _ScaleDeployment(self, call: Call) -> None:  # noqa: N802
        self._free()
        found = self.deployments[call.path.rpartition("/")[2]]
        if found["properties"]["provisioningState"] in BUSY:
            raise Busy("deployment")
        assert found["name"] in self.served
        assert set(call.body) == {"sku"}
        found["sku"]["capacity"] = call.body["sku"]["capacity"]
        found["properties"]["provisioningState"] = "Scaling"

    def _TagDeployment(self, call: Call) -> None:  # noqa: N802
        self._free()
        found = self.deployments[call.path.rpartition("/")[2]]
        if found["properties"]["provisioningState"] in BUSY:
            raise Busy("deployment")
        assert set(call.body) == {"tags"}
        assert call.basis == read_deployment(found).basis
        found["tags"] = dict(call.body["tags"])
        found["properties"]["provisioningState"] = "Scaling"

    def _DeleteDeployment(self, call: Call) -> None:  # noqa: N802
        name = call.path.rpartition("/")[2]
        if name not in self.deployments:
            assert "gone" in call.fine
            return
        main = self._free()
        assert not main["properties"]["traffic"].get(name), f"{name} has traffic"
        assert not (main["properties"].get("mirrorTraffic") or {}).get(name), f"{name} gets copies"
        if self.deployments[name]["properties"]["provisioningState"] in BUSY:
            raise Busy("deployment")
        assert not any(each["properties"]["targetResourceUri"].endswith(name) for each in self.scalers.values())
        self.deployments[name]["properties"]["provisioningState"] = "Deleting"

    def _PutAutoscale(self, call: Call) -> None:  # noqa: N802
        of = call.body["properties"]["targetResourceUri"].rpartition("/")[2]
        assert self.deployments[of]["properties"]["provisioningState"] == "Succeeded"
        name = call.path.rpartition("/")[2]
        self.scalers[name] = {**copy.deepcopy(call.body), "name": name, "id": f"{GROUP}/{call.path}"}

    def _DeleteAutoscale(self, call: Call) -> None:  # noqa: N802
        self.scalers.pop(call.path.rpartition("/")[2], None)
