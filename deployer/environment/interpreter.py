"""A Python interpreter of exactly the minor version that a model needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment.uv import Uv, scrubbed_environment
from deployer.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Interpreter", "find_python", "inspect_python"]

_PROBE = (
    "import json, sys, sysconfig; print(json.dumps([sys.implementation.name, list(sys.version_info[:3]), "
    "getattr(sys, '_base_executable', sys.executable), bool(sysconfig.get_config_var('Py_GIL_DISABLED'))]))"
)
_PROBE_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that works.

    Args:
        path: Its program, outside any virtual environment.
        version: In full, such as ``3.11.7``.
    """

    path: Path
    version: str

    @property
    def minor(self) -> str:
        """Such as ``3.11``."""
        return ".".join(self.version.split(".")[:2])


@lru_cache(maxsize=16)
def find_python(minor: str, *, uv: Uv | None = None) -> Path:
    """A CPython of exactly this minor version; asked again in the same process, the same answer without looking.

    The Python that runs us comes first, then what uv finds (its own, PATH), pyenv's, PATH's one by one; then uv is
    asked to install one.

    Args:
        minor: Such as ``3.11``.
        uv: The uv to ask; by default the one beside us, with a cache of its own.

    Raises:
        BuildError: There is none, and none can be had: what to do.
    """
    running = _running(minor)
    if running:
        return running.path
    asked = uv or Uv.found(Path("~/.cache/deployer/uv").expanduser())
    for candidate in _candidates(minor, asked):
        found = inspect_python(candidate)
        if found and found.minor == minor:
            return found.path
    reason = _install(minor, asked)
    for candidate in _asked_uv(minor, asked):
        found = inspect_python(candidate)
        if found and found.minor == minor:
            return found.path
    raise BuildError(
        f"the model needs Python {minor}, which is not on this machine and could not be fetched: {reason}",
        hint=f"install it (uv python install {minor}, pyenv install {minor}, or your system's python{minor}), "
        f"or log the model with Python {sys.version_info[0]}.{sys.version_info[1]}",
    )


def inspect_python(path: Path) -> Interpreter | None:
    """What a Python program is, by running it; None if it does not work or is none that wheels are made for."""
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", _PROBE],
            env=scrubbed_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT,
            check=True,
        )
        kind, version, base, free_threaded = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if kind != "cpython" or free_threaded:
        return None
    return Interpreter(Path(base), ".".join(map(str, version)))


def _running(minor: str) -> Interpreter | None:
    version = sys.version_info
    base = Path(getattr(sys, "_base_executable", sys.executable) or sys.executable)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if sys.implementation.name != "cpython" or f"{version[0]}.{version[1]}" != minor or not gil or not base.exists():
        return None
    return Interpreter(base, ".".join(map(str, version[:3])))


def _candidates(minor: str, uv: Uv) -> Iterator[Path]:
    yield from _asked_uv(minor, uv)
    yield from _pyenv(minor)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{minor}", path=folder) if folder else None
        if found:
            yield Path(found)


def _asked_uv(minor: str, uv: Uv) -> Iterator[Path]:
    # pyenv's shims answer to every version's name, whether they have it or not, and uv gives up at the first.
    path = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part).name != "shims")
    command = ["python", "find", "--no-project", "--system", "--no-python-downloads", minor]
    answer = uv.run(command, settings={"PATH": path})
    if answer.code == 0 and answer.lines:
        yield Path(answer.lines[-1])


def _pyenv(minor: str) -> Iterator[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    pattern = re.compile(rf"{re.escape(minor)}\.(\d+)")
    found = [(int(match[1]), place) for place in _folders(root) if (match := pattern.fullmatch(place.name))]
    for _, place in sorted(found, reverse=True):
        yield place / "bin" / f"python{minor}"


def _folders(root: Path) -> list[Path]:
    try:
        return list(root.iterdir())
    except OSError:
        return []


def _install(minor: str, uv: Uv) -> str:
    answer = uv.run(["python", "install", minor], settings={"UV_PYTHON_INSTALL_BIN": "0"})
    if answer.code == 0:
        return "uv installed it, but it does not run here"
    causes = [line.strip() for line in answer.lines if re.search(r"error|cause", line, re.IGNORECASE)]
    reason = re.sub(r"^(error|cause)\s*:\s*", "", causes[-1], flags=re.IGNORECASE) if causes else "uv gave no reason"
    return reason[:200]
