"""All that one double has: its resources, its clock, what goes wrong, what was asked; no state is kept elsewhere."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.acr_catalog import Catalog
from deployer.testing.azureml.answers import Refusal
from deployer.testing.azureml.behaviours import guesses
from deployer.testing.azureml.blobs import Blobs
from deployer.testing.azureml.echo import echo
from deployer.testing.azureml.faults import Fault
from deployer.testing.azureml.figures import Figures
from deployer.testing.azureml.journal import Recorded
from deployer.testing.azureml.operations import Operations
from deployer.testing.azureml.rights import Rights
from deployer.testing.azureml.sizes import SIZES, reserved
from deployer.testing.azureml.state import PROVIDER, Endpoint, Workspace
from deployer.testing.azureml.tokens import Tokens
from deployer.testing.azureml.wire import ACR, Call
from deployer.testing.cloud.clock import Clock
from deployer.testing.cloud.faults import Faults
from deployer.testing.cloud.in_process import InProcess
from deployer.testing.cloud.journal import Journal

if TYPE_CHECKING:
    from deployer.testing.azureml.instance import Instance
    from deployer.testing.azureml.options import Options
    from deployer.testing.cloud.containers import Containers

__all__ = ["World"]


class World:
    """The state of a double.

    Args:
        options: Its options.

    Attributes:
        lock: Held while resources are read or changed; never while a container is waited for.
        autoscale: Autoscale settings of Azure Monitor, by name in lower case.
        lingering: Endpoint names that are deleted and cannot be used yet, to when they can.
        unregistered: Resource providers, in lower case, that the subscription is not registered with.
        trouble: What a thread of it raised that was no part of the play; told by the admin route.
        authority: ``HOST:PORT`` that it listens at.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock(options.scale)
        self.guesses = guesses(options.guesses)
        self.faults: Faults[Fault] = Faults()
        self.journal: Journal[Recorded] = Journal()
        self.operations = Operations()
        self.tokens = Tokens()
        self.rights = Rights(options.rights)
        self.figures = Figures()
        self.catalog = Catalog()
        self.blobs = Blobs(options.account)
        self.containers: Containers = options.containers or InProcess({"": echo})
        self.lock = threading.RLock()
        self.workspaces: dict[str, Workspace] = {}
        self.quotas = dict(options.quotas)
        self.taken = {each.lower() for each in options.taken}
        self.autoscale: dict[str, dict[str, Any]] = {}
        self.lingering: dict[str, float] = {}
        self.unregistered: set[str] = set()
        self._added = 0.0
        self.closing = self.clock.signal()
        self.trouble: list[str] = []
        self.authority = ""
        self.folder = Path(tempfile.mkdtemp(prefix="azureml-double-"))
        self.folder.chmod(0o755)  # a container may run as anybody
        self._threads: list[threading.Thread] = []
        for name in options.workspaces:
            self.add_workspace(name)

    def now(self) -> float:
        """The moment that stamps, tokens and signatures go by, seconds since the epoch.

        It is the real one, however fast the double's own clock runs, since a client compares it with its own; what a
        test has moved the clock forward by counts.
        """
        return time.time() + self._added

    def advance(self, seconds: float) -> None:
        """Let so many nominal seconds have passed; tokens grow older by them."""
        self.clock.advance(seconds)
        self._added += seconds

    def add_workspace(self, name: str) -> Workspace:
        """A new, empty workspace, with its container in the storage account."""
        options = self.options
        where = f"/subscriptions/{options.subscription}/resourceGroups/{options.group}"
        guid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{where}/{name}"))
        made = Workspace(
            name,
            f"{where}/providers/{PROVIDER}/workspaces/{name}",
            guid,
            options.location,
            f"azureml-blobstore-{guid}",
        )
        self.workspaces[name.lower()] = made
        self.blobs.make(made.container)
        return made

    def workspace(self, group: str, name: str) -> Workspace:
        """A workspace.

        Raises:
            Refusal: 404, in ARM's words (recorded in many public issues).
        """
        found = self.workspaces.get(name.lower())
        if group.lower() != self.options.group.lower():
            raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        if found is None:
            raise Refusal(
                404,
                "ResourceNotFound",
                f"The Resource '{PROVIDER}/workspaces/{name}' under resource group '{group}' "
                "was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return found

    def endpoint(self, name: str) -> tuple[Workspace, Endpoint] | None:
        """The endpoint of a name in the region."""
        with self.lock:
            for workspace in self.workspaces.values():
                if name.lower() in workspace.endpoints:
                    return workspace, workspace.endpoints[name.lower()]
        return None

    def login_server(self, call: Call) -> str:
        """The registry's host, as whoever asks can reach it."""
        return f"{self.options.registry_name}{ACR}" if call.real else self.authority

    def quota(self, family: str) -> int:
        """The vCPUs that there may be of a family."""
        return self.quotas.get(family, self.options.quota)

    def cores(self, family: str, *, without: str = "") -> int:
        """The vCPUs of a family that deployments count for.

        Args:
            family: The family.
            without: The id of a deployment that is left out.
        """
        with self.lock:
            deployments = [
                each
                for workspace in self.workspaces.values()
                for endpoint in workspace.endpoints.values()
                for each in endpoint.deployments.values()
            ]
        counted = 0
        for each in deployments:
            size = SIZES.get(str(each.properties.get("instanceType", "")).lower())
            if each.managed and each.id != without and size is not None and size.family == family:
                counted += reserved(size, each.count)
        return counted

    def spawn(self, work: Callable[[], None], name: str) -> None:
        """Do something beside; what it raises is kept as trouble."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                self.trouble.append(f"{name}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self.lock:
            self._threads = [each for each in self._threads if each.is_alive()]
            self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """End everything that runs."""
        self.closing.set()
        with self.lock:
            endpoints = [each for workspace in self.workspaces.values() for each in workspace.endpoints.values()]
            deployments = [each for endpoint in endpoints for each in endpoint.deployments.values()]
            for signal in [*(each.stopped for each in endpoints), *(each.stopped for each in deployments)]:
                signal.set()
        for thread in self._threads:
            thread.join(60)
        instances: list[Instance] = [each for one in deployments for each in (*one.instances, *one.coming)]
        for instance in instances:
            instance.stop(0)
        self.containers.close()
        shutil.rmtree(self.folder, ignore_errors=True)
