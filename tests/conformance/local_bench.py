"""What the suite needs of the local target: models that are served by the real runtime, without an index.

The environment that the engine would build from a lock is a folder that links to the packages of these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.endpoint import ModelRef, Release, revision_id
from deployer.engine.runtime import copy_runtime, runtime_version
from deployer.target import EnvironmentSink
from deployer.testing.conformance import Lot, Workbench
from deployer.testing.writer import Writer
from deployer.value import digest
from deployer_local import kind
from deployer_local.config import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deployer.spec import DeploymentSpec
    from deployer.target import Target, TargetKind

__all__ = ["LocalWorkbench", "write_local_model"]

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

_CODE: Mapping[Lot, str] = {
    "first": "FACTOR = 1\n",
    "second": "FACTOR = 2\n",
    "load-fails": "raise ValueError('these weights are damaged')\n",
    "missing-dependency": "import no_such_module_anywhere\n",
}
_LOADER = """

def _load_pyfunc(path):
    return Model()


class Model:
    def predict(self, data, params=None):
        return [FACTOR * float(sum(row)) for row in getattr(data, "values", data)]
"""


def write_local_model(folder: Path, lot: Lot) -> None:
    """Write a packaged model whose one file of code is all there is to it."""
    (folder / "code").mkdir(parents=True)
    python = ".".join(map(str, sys.version_info[:3]))
    (folder / "MLmodel").write_text(_MLMODEL.format(python=python), encoding="utf-8")
    (folder / "code" / "served.py").write_text(_CODE[lot] + _LOADER, encoding="utf-8")
    (folder / "requirements.txt").write_text("", encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {python}\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )


def write_environment(folder: Path) -> None:
    """Write an environment whose interpreter and packages are those of this process."""
    base = Path(getattr(sys, "_base_executable", sys.executable))
    packages = Path(sysconfig.get_path("purelib"))
    inside = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "bin").mkdir(parents=True)
    inside.mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(base)
    (inside / "site-packages").symlink_to(packages)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )


class LocalWorkbench(Workbench):
    """A root folder of its own; ends what runs there when it is closed."""

    address = "deployer_local:kind"
    patience = 60.0
    pace = 0.05

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> LocalOptions:
        return LocalOptions(root=self.root)

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        plain = super().release(lot, secrets)
        uri = f"models:/conformance-{lot}/1"
        model = ModelRef(uri=uri, resolved=uri, digest=digest([lot, _CODE[lot]]))
        whole = digest([model.digest, plain.lock, runtime_version(), plain.fields])
        return plain.model_copy(
            update={"model": model, "runtime": runtime_version(), "digest": whole, "revision": revision_id(whole)}
        )

    def deliver(self, target: Target, spec: DeploymentSpec, release: Release) -> None:
        sink = target.sink(spec.name)
        assert isinstance(sink, EnvironmentSink)
        lot = next(lot for lot in _CODE if self.release(lot).model == release.model)
        made = {
            sink.folder / "models" / release.model.digest[:16]: lambda place: write_local_model(place, lot),
            sink.folder / "environments" / release.lock[:16]: write_environment,
            sink.folder / "runtimes" / release.runtime[:16]: copy_runtime,
        }
        for place, write in made.items():
            if not place.exists():
                place.parent.mkdir(mode=0o700, exist_ok=True)
                beside = place.with_name(f".{place.name}.partial")
                write(beside)
                beside.rename(place)

    def put_foreign(self, name: str) -> None:
        place = self.root / "endpoints" / name
        place.mkdir(parents=True)
        (place / "notes.txt").write_text("somebody else's", encoding="utf-8")

    def foreign_untouched(self, name: str) -> bool:
        place = self.root / "endpoints" / name
        found = {str(each.relative_to(place)): each.read_text(encoding="utf-8") for each in place.rglob("*")}
        return found == {"notes.txt": "somebody else's"}

    def leftovers(self) -> list[str]:
        """Files of endpoints, but for those that only tell what runs now, and what is wished."""
        endpoints = self.root / "endpoints"
        moving = {"run", "logs", "supervisor", "lock", "site-packages"}
        # What is going while this looks is passed over; `Path.rglob` would stumble over it.
        found = [Path(folder, name) for folder, folders, files in os.walk(endpoints) for name in (*folders, *files)]
        paths = [each.relative_to(endpoints) for each in found]
        told = re.compile(r"(record|desired)\.\d+\.json")
        return sorted(str(each) for each in paths if not moving & set(each.parts) and not told.fullmatch(each.name))

    def close(self) -> None:
        """End everything that is there, as a user would; what does not end is left for the run's own check."""
        target = self.connect()
        for each in list(target.list()):
            if each.managed:
                Writer(target, each.name).begin(self.spec(each.name), "delete").destroy()
                self.await_gone(target, each.name)
        shutil.rmtree(self.root, ignore_errors=True)
