"""One build of one source by its own backend (PEP 517), run apart, and the check of what came out of it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.environment.indexes import secrets_of
from deployer.environment.isolation import run_apart
from deployer.environment.lock import LockedWheel
from deployer.environment.request import PackageSources
from deployer.environment.uv import redacted
from deployer.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployer.environment.sdist import BuildSystem

__all__ = ["Backend", "checked_wheel", "sha256_of"]

_HOOKS = Path(__file__).with_name("hooks.py")
_TIMEOUT = 900.0
_TOLD = 12
_ELSEWHERE = (
    "a compiled package is built by the Docker builder (a target that runs images; image.packages names what apt must "
    "bring), or put a wheel of it into requirements.wheelhouse"
)


@dataclass(frozen=True)
class Backend:
    """The build backend of an unpacked source.

    Args:
        name: Normalised, of the source.
        source: Its folder.
        system: How it wants to be built.
        place: A passing folder; wheels are written to ``wheels`` in it.
        sources: Their secrets are struck out of what a build says.
    """

    name: str
    source: Path
    system: BuildSystem
    place: Path
    sources: PackageSources

    def requires(self, python: Path) -> tuple[str, ...]:
        """What it needs beyond its build system's requirements.

        Args:
            python: Of an environment that has those.

        Raises:
            BuildError: Its code fails.
        """
        return tuple(map(str, self._call("get_requires_for_build_wheel", python)))

    def wheel(self, python: Path) -> Path:
        """Builds the wheel.

        Raises:
            BuildError: It fails, or takes too long.
        """
        (self.place / "wheels").mkdir()
        return self.place / "wheels" / Path(str(self._call("build_wheel", python))).name

    def _call(self, hook: str, python: Path) -> Any:
        home, result = self.place / "home", self.place / f"{hook}.json"
        home.mkdir(exist_ok=True)
        settings = {"BUILD_BACKEND": self.system.backend, "BUILD_BACKEND_PATH": json.dumps(self.system.path)}
        command = [str(python), "-s", str(_HOOKS), hook, str(self.source), str(result), str(self.place / "wheels")]
        try:
            code, lines = run_apart(command, folder=home, settings=settings, timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise BuildError(f"building {self.name} took longer than {_TIMEOUT:.0f} s", hint=_ELSEWHERE) from None
        if code != 0:
            raise BuildError(f"{self.name} cannot be built from source: {_told(lines, self.sources)}", hint=_ELSEWHERE)
        return json.loads(result.read_text("utf-8"))


def checked_wheel(path: Path, name: str, source: str) -> LockedWheel:
    """A new wheel as a lock names it.

    Args:
        path: The wheel.
        name: Normalised, what it must be.
        source: What it was built from, for errors.

    Raises:
        BuildError: It is no wheel, of another name, or no pure Python.
    """
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        found, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            said = next(one for one in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/WHEEL", one))
            pure = b"root-is-purelib: true" in archive.read(said).lower()
    except (OSError, InvalidWheelFilename, zipfile.BadZipFile, StopIteration):
        raise BuildError(f"the build of {name} made no wheel", where=source, hint="ask for another version") from None
    if found != name:
        raise BuildError(f"the build of {name} made a wheel of {found}", where=source, hint="ask for another version")
    if not pure or any(tag.abi != "none" or tag.platform != "any" for tag in tags):
        raise BuildError(
            f"{name} {version} is no pure Python: its build made {path.name}, which runs on a machine like this alone",
            where=source,
            hint=_ELSEWHERE,
        )
    return LockedWheel(name, str(version), path.name, sha256_of(path), path.stat().st_size)


def sha256_of(path: Path) -> str:
    """SHA-256 in hex of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(lines: Sequence[str], sources: PackageSources) -> str:
    said = [line.strip() for line in lines if line.strip()][-_TOLD:]
    text = redacted(" | ".join(said), secrets_of(sources))
    return "".join(sign if sign.isprintable() else "?" for sign in text)[-1000:] or "it gave no reason"
