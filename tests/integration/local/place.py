"""A place of the local target for tests: a root of its own, stand-ins for the serving runtime, and what is left."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import deployer_local
from deployer.endpoint import Endpoint, Release, Traffic
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, Target, TargetKind
from deployer.testing.conformance import Lot, Workbench
from deployer.testing.writer import Writer
from deployer_local.config import LocalOptions
from deployer_local.requests import artifacts_of
from deployer_local.supervisor.files import read_object

STAND_IN = Path(__file__).with_name("stand_in.py")
Found = TypeVar("Found")


class LocalPlace(Workbench):
    """One root folder."""

    address = "deployer_local:kind"
    patience = 20.0
    pace = 0.05

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def kind(self) -> TargetKind:
        return deployer_local.kind

    @property
    def options(self) -> LocalOptions:
        return LocalOptions(root=self.root)

    # What the engine's step `deliver` does.

    def deliver(self, target: Target, spec: DeploymentSpec, release: Release) -> None:
        sink = target.sink(spec.name)
        assert isinstance(sink, EnvironmentSink)
        model, environment, runtime = (sink.folder / path for path in artifacts_of(release))
        _whole(model, lambda folder: _model(folder, spec.model))
        _whole(environment, _environment)
        _whole(runtime, lambda folder: shutil.copy(STAND_IN, folder / "__main__.py"))

    # What the suite asks.

    def put_foreign(self, name: str) -> None:
        folder = self.root / "endpoints" / name
        (folder / "models").mkdir(parents=True)
        (folder / "notes.txt").write_text("mine")

    def foreign_untouched(self, name: str) -> bool:
        folder = self.root / "endpoints" / name
        found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return found == ["models", "notes.txt"] and (folder / "notes.txt").read_text() == "mine"

    def leftovers(self) -> list[str]:
        """Files of revisions that no endpoint tells of, secrets, and processes."""
        found = [f"process {pid}: {line}" for pid, line in self.processes() if "--revision" in line]
        for endpoint in (self.root / "endpoints").glob("*"):
            for part in ("models", "environments", "runtimes", "secrets", "work", "trash", "logs"):
                found += [
                    str(path.relative_to(self.root))
                    for path in (endpoint / part).glob("**/*" if part == "secrets" else "*")
                    if path.is_file() or part in ("models", "environments", "runtimes", "work", "trash")
                ]
            found += [str(path.relative_to(self.root)) for path in (endpoint / "run").glob("r*")]
        return sorted(each for each in found if not each.endswith("supervisor.log"))

    # What our own tests ask.

    def processes(self) -> list[tuple[int, str]]:
        """All processes that run from here: pid and command line."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    cwd = (folder / "cwd").readlink()
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if f"{self.root}/" in line or f"{cwd}/".startswith(f"{self.root}/"):
                    found.append((int(folder.name), line))
        return found

    def folder(self, name: str) -> Path:
        return self.root / "endpoints" / name

    def supervisor_pid(self, name: str) -> int:
        pid = (read_object(self.folder(name) / "run" / "state.json") or {})["pid"]
        assert isinstance(pid, int)
        return pid

    def serving(self, target: Target, name: str, lot: Lot = "first", **fields: object) -> Writer:
        """An endpoint that serves one revision."""
        writer = self.staged(target, name, lot, **fields)
        self.give_traffic(writer, lot)
        return writer

    def give_traffic(self, writer: Writer, lot: Lot) -> Endpoint:
        revision = self.release(lot).revision
        writer.route(Traffic.all_to(revision))
        return self.until(writer.target, writer.name, lambda: serves(writer.target, writer.name, revision))


def serves(target: Target, name: str, revision: str) -> Endpoint | None:
    """The endpoint, if it is healthy and all its traffic goes to that revision."""
    seen = target.observe(name)
    one = seen.find(revision) if seen else None
    if seen is None or one is None or not one.settled or seen.phase != "healthy":
        return None
    return seen if seen.traffic.served == (revision,) else None


def eventually(said: Callable[[], Found | None], what: str, seconds: float = 120) -> Found:
    """Ask until the answer is true, and return it."""
    until = time.monotonic() + seconds
    while not (answer := said()):
        assert time.monotonic() < until, f"{what} did not happen in {seconds} s"
        time.sleep(0.01)
    return answer


def _whole(folder: Path, fill: Callable[[Path], object]) -> None:
    if folder.exists():
        return
    beside = folder.with_name(f".partial-{folder.name}")
    assert folder.parent.parent.is_dir()
    folder.parent.mkdir(0o700, exist_ok=True)
    beside.mkdir()
    fill(beside)
    beside.rename(folder)


def _model(folder: Path, uri: str) -> None:
    lot = uri.removeprefix("models:/conformance-").removesuffix("/1")
    (folder / "behaviour").write_text(lot)
    (folder / "MLmodel").write_text("flavors: {}\n")


def _environment(folder: Path) -> None:
    """A virtual environment in the form that PEP 405 gives it, with the packages of the one that runs the tests."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / minor).mkdir(parents=True)
    (folder / "lib" / minor / "site-packages").symlink_to(Path(sys.prefix) / "lib" / minor / "site-packages")
    base = getattr(sys, "_base_executable", sys.executable)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(base).parent}\ninclude-system-site-packages = false\n")
