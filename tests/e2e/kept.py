"""What is made once and kept between runs, outside the checkout: ready environments, and models that others saved.

It lies under ``DEPLOYER_TEST_CACHE``, by default ``~/.cache/deployer-tests``, and may be removed at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from uv import find_uv_bin


def kept_folder() -> Path:
    """The folder, made on first use."""
    folder = Path(os.environ.get("DEPLOYER_TEST_CACHE") or _home() / ".cache" / "deployer-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _home() -> Path:
    """The person's own, which ``HOME`` is not while a test runs."""
    if sys.platform == "win32":
        raise NotImplementedError
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir)


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold a file's lock; other processes wait meanwhile."""
    if sys.platform == "win32":
        raise NotImplementedError
    import fcntl

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder below `kept_folder`, filled by ``make`` if it is not there whole."""
    place = kept_folder() / name
    with locked(place.with_name(f"{name}.lock")):
        if not (place / "whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            (place / "whole").touch()
    return place


def python_with(*requirements: str, uv_cache: Path) -> Path:
    """The interpreter of an environment with these requirements, of the Python that runs the tests."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256("\n".join((minor, *sorted(requirements))).encode()).hexdigest()[:12]

    def make(place: Path) -> None:
        uv = [find_uv_bin(), "--no-config", "--quiet", "--cache-dir", str(uv_cache)]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(place)], check=True)
        into = ["--python", str(place / "bin" / "python"), "--only-binary", ":all:", "--compile-bytecode"]
        subprocess.run([*uv, "pip", "install", *into, *requirements], check=True)

    return made_once(f"python-{digest}", make) / "bin" / "python"


def folder_with(*requirements: str, uv_cache: Path) -> Path:
    """A folder for ``PYTHONPATH`` with these distributions and nothing that they require."""
    digest = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()[:12]

    def make(place: Path) -> None:
        uv = [find_uv_bin(), "--no-config", "--quiet", "--cache-dir", str(uv_cache)]
        into = ["--target", str(place), "--python", sys.executable, "--only-binary", ":all:", "--no-deps"]
        subprocess.run([*uv, "pip", "install", *into, *requirements], check=True)

    return made_once(f"folder-{digest}", make)


def saved_by(python: Path, script: Path, arguments: Sequence[str]) -> Path:
    """The folder of the models that a script saves when it is run with ``FOLDER ARGUMENTS``."""
    digest = hashlib.sha256("\n".join((str(python), script.read_text(), *arguments)).encode()).hexdigest()[:12]

    def make(place: Path) -> None:
        place.mkdir()
        done = subprocess.run(
            [str(python), str(script), str(place), *arguments], cwd=place, capture_output=True, text=True, check=False,
            env={**os.environ, "MLFLOW_TRACKING_URI": f"file:{place}/runs", "GIT_PYTHON_REFRESH": "quiet"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once(f"models-{digest}", make)
