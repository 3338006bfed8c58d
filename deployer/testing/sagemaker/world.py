"""All that one double has: its resources, its clock, what goes wrong, what was asked; no state is kept elsewhere."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.testing.cloud.clock import Clock
from deployer.testing.cloud.faults import Faults
from deployer.testing.cloud.in_process import InProcess
from deployer.testing.cloud.journal import Journal
from deployer.testing.sagemaker.behaviours import guesses
from deployer.testing.sagemaker.buckets import Owners
from deployer.testing.sagemaker.echo import echo
from deployer.testing.sagemaker.faults import Fault
from deployer.testing.sagemaker.journal import Ledger, Recorded
from deployer.testing.sagemaker.metrics import Figures
from deployer.testing.sagemaker.percentiles import Points
from deployer.testing.sagemaker.state import Region
from deployer.testing.sagemaker.tokens import Tokens

if TYPE_CHECKING:
    from deployer.testing.cloud.containers import Containers
    from deployer.testing.sagemaker.inside import Inside
    from deployer.testing.sagemaker.options import Options

__all__ = ["World"]


class World:
    """The state of a double.

    Args:
        options: Its options.
        inside: The way to moto's services.

    Attributes:
        lock: Held while resources are read or changed; never while a container is waited for.
        unseen: (region, kind, name) of what other calls do not see yet, to when they will.
        pushed: (repository, digest) of an image to when that was pushed, where it went through the double.
        scaled: Accounts that Application Auto Scaling has its role in, since their first range of an endpoint.
        trouble: What a thread of it raised that was no part of the play; told by the admin route.
    """

    def __init__(self, options: Options, inside: Inside) -> None:
        self.options = options
        self.inside = inside
        self.clock = Clock(options.scale)
        self.guesses = guesses(options.guesses)
        self.faults: Faults[Fault] = Faults()
        self.journal: Journal[Recorded] = Journal()
        self.ledger = Ledger()
        self.owners = Owners(options.account)
        self.pushed: dict[tuple[str, str], float] = {}
        self.scaled: set[str] = set()
        self.tokens = Tokens()
        self.url = ""
        self.figures = Figures()
        self.points = Points()
        self.containers: Containers = options.containers if options.containers is not None else InProcess({"": echo})
        self.lock = threading.RLock()
        self.regions: dict[tuple[str, str], Region] = {}
        self.unseen: dict[tuple[str, str, str, str], float] = {}
        self.quotas = dict(options.quotas)
        self.closing = self.clock.signal()
        self.trouble: list[str] = []
        self.folder = Path(tempfile.mkdtemp(prefix="sagemaker-double-"))
        self.folder.chmod(0o755)  # a container may run as anybody
        self._threads: list[threading.Thread] = []

    def region(self, account: str, name: str) -> Region:
        """The resources of an account in a region."""
        with self.lock:
            return self.regions.setdefault((account, name), Region(account, name))

    @property
    def ecr(self) -> str:
        """``HOST:PORT`` of its own, for images that are pushed through it."""
        return self.url.partition("://")[2]

    def quota(self, instance_type: str) -> int:
        """How many instances of a type there may be for endpoint usage."""
        return self.quotas.get(instance_type, self.options.quota)

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
            endpoints = [each for region in self.regions.values() for each in region.endpoints.values()]
            for endpoint in endpoints:
                endpoint.stopped.set()
        for thread in self._threads:
            thread.join(60)
        for endpoint in endpoints:
            for instance in endpoint.instances:
                instance.stop(0)
        self.containers.close()
        shutil.rmtree(self.folder, ignore_errors=True)
