"""The crash matrix on Azure ML's double: the double is a process of its own, and images are really pushed to its ACR.

A package index must be there, and what `BASE` and `REGISTRY` name in the environment. Containers are threads of the
double, or real ones on an engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError
from deployer.registry import Registry
from deployer.target import Site
from deployer.testing.azureml.credential import DoubleCredential
from deployer.testing.azureml.spawned import Spawned
from deployer.testing.cloud.trust import trusting
from deployer.testing.crash.bench import CrashBench, CrashLot
from deployer.testing.crash.hosted import LOT
from deployer.testing.crash.local import write_served_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.target import Target
    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["BASE", "REGISTRY", "AzureMLBench"]

BASE = "DEPLOYER_TEST_BASE_IMAGE"
"""An image with this Python's minor version, which the models' images stand on."""
REGISTRY = "DEPLOYER_TEST_REGISTRY"
"""``HOST:PORT`` of a registry that anybody may push to, without a log-in; it stands in for ACR."""
LOTS: tuple[CrashLot, ...] = ("first", "second", "failing")
_MANAGER, _STORE = "https://management.azure.com/.default", "https://storage.azure.com/.default"
_API, _BLOBS = "2025-12-01", "2021-12-02"
_SCALERS = "providers/microsoft.insights/autoscalesettings"
_GOING = "Deleting"
_PROBES = "0.05"
"""Nominal seconds for one of a probe's: a container is a thread, which answers at once."""


class AzureMLBench(CrashBench):
    """One workspace. One worker of a process uses it at a time, since who asks is told by the environment.

    Args:
        folder: For a bundle of authorities: nothing of an endpoint is on this host.
        models: For the models.
        engine: Of a Docker engine for real containers, ``unix:///...``; by default they are threads.
        name: What everything of it on the engine and in the registry begins with; by default one of its own.
        cache: Where wheels and layers are kept from run to run, as on a laptop; by default the user's cache.

    Raises:
        ValueError: The environment names no base image or registry.
    """

    kind = "azureml"
    pause = 0.1
    calls_every = 0.03  # each request is also work of the one process that the double is
    seconds = 300

    def __init__(
        self,
        folder: Path,
        models: Path,
        *,
        engine: str | None = None,
        name: str | None = None,
        cache: Path | None = None,
    ) -> None:
        missing = [each for each in (BASE, REGISTRY) if not os.environ.get(each)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set, for an image and a registry that are there")
        self._cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._threads = engine is None
        name = name or f"crash-{uuid.uuid4().hex[:6]}"
        runner = ["--in-process", "deployer.testing.crash.hosted:plain", "--probes", _PROBES]
        if engine is not None:
            runner = ["--docker", engine, "--name", name]
        registry = ["--registry", os.environ[REGISTRY], "--registry-prefix", f"{name}/"]
        self._double = Spawned([*runner, *registry, "--credentials", "None"])
        self._folder, self._models = folder, models
        for lot in LOTS:
            write_served_model(self._models / lot, lot)
        self._left = contextlib.ExitStack()

    def __enter__(self) -> AzureMLBench:
        with contextlib.ExitStack() as opened:
            opened.enter_context(self._double)
            opened.enter_context(_environment(self._surroundings()))
            self._credential = DoubleCredential(self._double.environment)
            self._context = ssl.create_default_context(cafile=self._double.ca)
            store = self._asked("GET", f"{self._double.workspace}/datastores/workspaceblobstore")["properties"]
            self._container = f"{self._double.url}/{store['accountName']}/{store['containerName']}"
            self._left = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()

    def _surroundings(self) -> dict[str, str]:
        whose = {name: value for name, value in self._double.environment.items() if name.startswith("AZURE_")}
        # The registry is asked by TLS of the double's own, too, and the package index by that of somebody else.
        return {**whose, **trusting(self._double.ca, self._folder)}

    @property
    def options(self) -> dict[str, JSON]:
        about = self._double.workspace.split("/")
        return {
            "subscription": about[2], "resource_group": about[4], "workspace": about[8],
            "cloud": {
                "name": "Double", "manager": self._double.url, "login": self._double.url,
                "blobs": f"{self._double.url}/{{account}}", "ca_bundle": self._double.ca,
            },
        }  # fmt: skip

    def connect(self) -> Target:
        kind = Registry().kind("azureml")
        return kind.connect(kind.options.model_validate(self.options), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        return {
            "model": str(self._models / lot),
            "image": {"base": os.environ[BASE]},
            "env": {LOT: lot} if self._threads else {},
            "health": {"consecutive": 1, "timeout": "120s"},
            "network": {"egress": "internet"},
        }

    def environ(self, lot: CrashLot) -> dict[str, str]:  # noqa: ARG002 - the same for all
        return {**self._surroundings(), "XDG_CACHE_HOME": str(self._cache)}

    def begin(self, word: str, prepare: Callable[[], None]) -> None:
        super().begin(word, prepare)
        if trouble := self._double.tell("GET", "figures")["trouble"]:
            raise RuntimeError(f"the double has had trouble: {trouble}")

    def clear(self) -> None:
        """Let the workspace be empty."""
        for each in self._endpoints():
            with contextlib.suppress(SpecError):  # it was on its way out
                self._double.tell("POST", "vanish", {"name": each["name"]})
        for each in self._environments():
            self._asked("DELETE", each["id"])
        for each in self._scalers():
            self._asked("DELETE", each["id"])
        for name in self._blobs():
            self._asked("DELETE", f"{self._container}/{name}", scope=_STORE)

    def holdings(self) -> JSON:
        """What is there of each kind, but for endpoints that are on their way out."""
        return {
            "endpoints": {
                each["name"]: self._endpoint(each)
                for each in self._endpoints()
                if each["properties"]["provisioningState"] != _GOING
            },
            "environments": sorted(each["id"].rpartition("/environments/")[2] for each in self._environments()),
            "scalers": sorted(each["name"] for each in self._scalers()),
            "blobs": sorted(self._blobs()),
        }

    def _endpoint(self, told: dict[str, Any]) -> JSON:
        about = told["properties"]
        runs = self._asked("GET", f"{told['id']}/deployments")["value"]
        return {
            "state": about["provisioningState"],
            "traffic": {name: share for name, share in about["traffic"].items() if share},
            "mirror": about["mirrorTraffic"],
            "tags": told["tags"],
            "deployments": {each["name"]: _deployment(each) for each in runs},
        }

    def _endpoints(self) -> list[dict[str, Any]]:
        return list(self._asked("GET", f"{self._double.workspace}/onlineEndpoints")["value"])

    def _environments(self) -> list[dict[str, Any]]:
        about = f"{self._double.workspace}/environments/deployer-{self.name}/versions"
        return list(self._asked("GET", about)["value"])

    def _scalers(self) -> list[dict[str, Any]]:
        group = self._double.workspace.partition("/providers/")[0]
        return list(self._asked("GET", f"{group}/{_SCALERS}")["value"])

    def _blobs(self) -> list[str]:
        listed = self._sent("GET", f"{self._container}?restype=container&comp=list", _STORE)
        return re.findall(r"<Name>([^<]+)</Name>", listed.decode())

    def _asked(self, method: str, path: str, *, scope: str = _MANAGER) -> Any:
        url = path if path.startswith("https://") else f"{self._double.url}{path}?api-version={_API}"
        body = self._sent(method, url, scope)
        return json.loads(body) if body.strip() else None

    def _sent(self, method: str, url: str, scope: str) -> bytes:
        token = self._credential.get_token(scope).token
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": _BLOBS}
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )
        try:
            with opener.open(request, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "DELETE":
                return b""
            raise


def _deployment(told: Mapping[str, Any]) -> JSON:
    return {
        "state": told["properties"]["provisioningState"], "count": told["sku"]["capacity"], "tags": told["tags"],
        "environment": str(told["properties"]["environmentId"]).rpartition("/")[2],
    }  # fmt: skip


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """With these variables of Azure's, and no others."""
    before = dict(os.environ)
    for name in [each for each in before if each.startswith(("AZURE_", "AZUREML_"))]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
