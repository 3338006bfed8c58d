"""The serving runtime as it is shipped: a folder of its own, named by its content."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache
from pathlib import Path

from deployer.serving.needs import REQUIREMENTS

__all__ = ["RUNTIME_NEEDS", "copy_runtime", "runtime_version"]

RUNTIME_NEEDS = REQUIREMENTS
"""What the runtime needs in the model's environment."""

_MAIN = "from deployer_serving.main import main\n\nraise SystemExit(main())\n"


def _sources() -> list[Path]:
    folder = Path(__file__).resolve().parent.parent / "serving"
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def runtime_version() -> str:
    """SHA-256 over the runtime's files, 64 hexadecimal digits: what a revision is made of."""
    folder = Path(__file__).resolve().parent.parent / "serving"
    total = hashlib.sha256(_MAIN.encode())
    for path in _sources():
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def copy_runtime(into: Path) -> None:
    """Copy it into a new or empty folder, to be started as ``python INTO serve ...``."""
    folder = Path(__file__).resolve().parent.parent / "serving"
    into.mkdir(mode=0o700, exist_ok=True)
    for path in _sources():
        place = into / "deployer_serving" / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    (into / "__main__.py").write_text(_MAIN, encoding="utf-8")
