"""The crash matrix on this host: the local target, real environments and the real serving runtime.

A package index must be there: the engine resolves and builds the environment itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import DeployerError
from deployer.registry import Registry
from deployer.spec import DeploymentSpec
from deployer.target import Site
from deployer.testing.crash.bench import CrashBench, CrashLot
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deployer.target import Target
    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the local target works on Linux and macOS")

__all__ = ["LocalBench", "write_served_model"]

_MLMODEL = """\
flavors:
  python_function:
    code: code
    env:
      virtualenv: python_env.yaml
    loader_module: served
    python_version: {python}
mlflow_version: 2.20.0
model_uuid: 00000000000000000000000000000000
utc_time_created: '2025-01-01 00:00:00.000000'
"""
_CODE: dict[CrashLot, str] = {
    "first": "FACTOR = 1\n",
    "second": "FACTOR = 2\n",
    "failing": "raise ValueError('these weights are damaged')\n",
}
_LOADER = """

def _load_pyfunc(path):
    return Model()


class Model:
    def predict(self, data, params=None):
        return [FACTOR * float(sum(row)) for row in getattr(data, "values", data)]
"""
_REQUIREMENTS = "mlflow-skinny\npandas\n"


def write_served_model(folder: Path, lot: CrashLot, note: str = "") -> None:
    """Write a packaged model that the serving runtime loads, or fails to.

    Args:
        folder: Where; one that is there is left as it is.
        lot: What it is to do.
        note: What makes its content another's, in one line.
    """
    if folder.exists():
        return
    python = ".".join(map(str, sys.version_info[:3]))
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text(_MLMODEL.format(python=python), encoding="utf-8")
    (folder / "code" / "served.py").write_text(f"# {note}\n" * bool(note) + _CODE[lot] + _LOADER, encoding="utf-8")
    (folder / "requirements.txt").write_text(_REQUIREMENTS, encoding="utf-8")
    environment = f"python: {python}\ndependencies:\n- -r requirements.txt\n"
    (folder / "python_env.yaml").write_text(environment, encoding="utf-8")


class LocalBench(CrashBench):
    """A root folder of its own; what was downloaded and built is kept from run to run, as on a laptop.

    Args:
        folder: For the root.
        models: Shared by all places of a matrix.
    """

    kind = "local"

    def __init__(self, folder: Path, models: Path) -> None:
        self._root = folder / "root"
        self._temporary = folder / "tmp"
        self._models = models
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        for lot in _CODE:
            write_served_model(models / lot, lot)

    @property
    def options(self) -> dict[str, JSON]:
        return {"root": str(self._root)}

    @property
    def own(self) -> Mapping[JSON, str]:
        return {self._port: "its port"}

    def connect(self) -> Target:
        kind = Registry().kind("local")
        return kind.connect(kind.options.model_validate(self.options), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        return {
            "model": str(self._models / lot),
            "config": {"port": self._port, "drain": "5s"},
            "health": {"consecutive": 1, "timeout": "60s"},
        }

    def begin(self, word: str, prepare: Callable[[], None]) -> None:
        self.clear()
        if word == "create":  # the one command that is to build an environment, not only to copy it
            shutil.rmtree(self._root / "cache" / "environments", ignore_errors=True)
        prepare()

    def clear(self) -> None:
        target = self.connect()
        for each in [each for each in target.list() if each.managed]:
            with contextlib.suppress(DeployerError):
                spec = DeploymentSpec(name=each.name, model="unknown", target="crash")
                Writer(target, each.name).begin(spec, "delete").destroy()
                _wait(partial(_is_gone, target, each.name), 20)
        for pid, _ in list(self._processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _wait(lambda: not list(self._processes()), 20)
        shutil.rmtree(self._root / "endpoints", ignore_errors=True)
        for left in (self._root / "cache").glob("environments/*.partial*"):
            shutil.rmtree(left, ignore_errors=True)

    def holdings(self) -> JSON:
        """Files and folders but for logs and numbered versions, and processes by what they are."""
        files: dict[str, int] = {}
        for place in ("endpoints", "cache/environments"):
            for path in _walk(self._root / place):
                word = _stable(str(path.relative_to(self._root)))
                files[word] = files.get(word, 0) + 1
        for word in [each for each in files if each.endswith(_VERSIONS)]:
            files[word] = (
                1 if files[word] <= KEPT + 1 else files[word]
            )  # how many there are says how often it was written
        processes: dict[str, int] = {}
        for _, command in self._processes():
            word = "supervisor" if "/supervisor/" in f"/{command}" else "worker"
            processes[word] = processes.get(word, 0) + 1
        return {"files": files, "processes": processes}

    def _processes(self) -> Iterator[tuple[int, str]]:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                place = str((folder / "cwd").readlink())
                if f"{self._root}/" in command or f"{place}/".startswith(f"{self._root}/"):
                    yield int(folder.name), command


_INSIDE = re.compile(r"(models|environments|runtimes|supervisor)/[^/]+/.+")
"""What is whole or not there at all is named by its folder alone."""


def _walk(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).as_posix()
        if "/logs/" not in f"/{inside}" and not _INSIDE.search(inside):
            yield path


_VERSIONS = ("/record.N.json", "/desired.N.json")
KEPT = 3
"""How many older versions the local target keeps beside the newest."""


def _stable(path: str) -> str:
    """Without what differs from run to run: numbers of versions and processes."""
    return re.sub(r"(?<![0-9a-z])\d+(?![0-9a-z])", "N", path)


def _is_gone(target: Target, name: str) -> bool:
    return target.observe(name) is None


def _wait(there: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not there() and time.monotonic() < until:
        time.sleep(0.05)
