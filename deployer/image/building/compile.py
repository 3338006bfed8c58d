"""A source that must be compiled, to a wheel: in a container that has the base's Python, a compiler and no network.

What its build needs is locked and fetched here, where indexes and logins are, and sent along. The wheel comes back, is
kept beside those that are built without an engine (`environment.building`), and is locked by its hash like them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import deployer.environment
from deployer.environment import EnvironmentRequest, Lock, LockedSource, LockedWheel, glibc_platform, lock_environment
from deployer.environment.lock import BuiltWheel
from deployer.environment.sdist import BuildSystem, read_build_system, unpack_source
from deployer.environment.simple_index import IndexFile, SimpleIndex
from deployer.errors import BuildError
from deployer.image.building.derive import base_in_engine, derive_base
from deployer.image.building.dockerfile import context, file_of, rendered
from deployer.image.building.failures import compile_failed
from deployer.image.building.keeping import CompiledWheels, taken_out
from deployer.image.building.packages import Package
from deployer.image.building.running import BuildPlace, FailedBuild, built
from deployer.image.engine_source import PLAIN_LAYER, EngineSource
from deployer.image.values import BaseImage, BaseLayer
from deployer.image.wheels import WheelFiles, hash_of
from deployer.manifests import read_manifest
from deployer.model.partial import passing
from deployer.model.requirements import parse_requirements

if TYPE_CHECKING:
    from deployer.environment import PackageSources, Uv
    from deployer.environment.sdist import SourceDistribution

__all__ = ["SourceCompiler", "is_compiled"]

_HOOKS = Path(deployer.environment.__file__).with_name("hooks.py")
_TOOLS = ("g++", "gcc", "make", "pkg-config")
_DEBIAN = "/usr/bin/"
"""Where Debian's own Python lies, whose headers are a package; any other python image has them beside it."""


def is_compiled(wheel: LockedWheel) -> bool:
    """Whether a locked wheel was compiled from source, so that an engine is needed to make it again."""
    return wheel.source is not None and not wheel.filename.endswith("-any.whl")


@dataclass(frozen=True)
class SourceCompiler:
    """Compiles for one base.

    Args:
        base: What the image stands on, without ``packages``.
        packages: What ``image.packages`` asks for: libraries and headers that a source may need.
        place: Where to build; wheels are kept in its cache.
        sources: Where the source, and what its build needs, come from.
        uv: Decides what its build needs.
    """

    base: BaseImage
    packages: Sequence[Package]
    place: BuildPlace
    sources: PackageSources
    uv: Uv

    def wheel_of(self, source: SourceDistribution) -> BuiltWheel:
        """The wheel of a source: one that was compiled of it for this base's platform, else a new one.

        Raises:
            BuildError: It cannot be compiled, or what it needs cannot be had; it has the last lines and a hint.
            SpecError: What it needs is refused.
            TargetUnavailable: The engine does not answer.
        """
        if source.file.sha256 and (kept := self._wheels.find(source.file.sha256)):
            return kept
        with passing(self.place.cache / "compiling") as folder:
            archive = folder / _archive_name(source.file.filename)
            sha256 = SimpleIndex(self._own).fetch(source.file, archive)
            found = LockedSource(source.file.filename, sha256)
            return self._wheels.find(sha256) or self._wheels.keep(self._compiled(source.name, found, archive, folder))

    def again(self, wheel: LockedWheel) -> Path:
        """The file of a wheel that was compiled before: kept, from the wheelhouse, or compiled again and compared.

        Raises:
            BuildError: As `wheel_of`; or the same source makes another wheel here.
            TargetUnavailable: The engine does not answer.
        """
        source = wheel.source
        if source is None:
            raise BuildError(f"{wheel.name} is not built from source", where=wheel.filename)
        if kept := self._wheels.find(source.sha256, wheel.sha256):
            return kept.path
        if house := self.sources.wheelhouse:
            ready = house / wheel.filename
            if ready.is_file() and hash_of(ready) == wheel.sha256:
                return ready
        with passing(self.place.cache / "compiling") as folder:
            archive = folder / _archive_name(source.filename)
            SimpleIndex(self._own).fetch(self._listed(wheel.name, source), archive, sha256=source.sha256)
            made = self._wheels.keep(self._compiled(wheel.name, source, archive, folder))
        if made.locked.sha256 != wheel.sha256:
            raise BuildError(
                f"{wheel.name} {wheel.version}, compiled again from {source.filename}, is not the one that was locked",
                where=str(made.path),
                hint=f"put {wheel.filename} from where the lock was made into requirements.wheelhouse, "
                "or lock again here with --upgrade",
            )
        return made.path

    @property
    def _own(self) -> PackageSources:
        return replace(self.sources, model_root=None, trust=())

    @property
    def _wheels(self) -> CompiledWheels:
        return CompiledWheels(self.uv.cache.parent / "built", self.base.python_version, self._platform)

    @property
    def _platform(self) -> str:
        return glibc_platform(self.base.platform.rpartition("/")[2], self.base.glibc)

    def _listed(self, name: str, source: LockedSource) -> IndexFile:
        files = SimpleIndex(self._own).files(name)
        found = next((file for file in files if file.filename == source.filename), None)
        if found is None:
            raise BuildError(
                f"{source.filename}, which {name} is compiled from, is not in the package index any more",
                hint="lock again with --upgrade",
            )
        return found

    def _compiled(self, name: str, source: LockedSource, archive: Path, folder: Path) -> BuiltWheel:
        """Compiles; a source that says only then what else it needs gets it, once."""
        (folder / "unpacked").mkdir()
        system = read_build_system(unpack_source(archive, folder / "unpacked"), name)
        needs = source.built_with or self._needs(name, system.requires)
        try:
            try:
                path = self._run(name, archive, system, needs, asked=bool(source.built_with))
            except FailedBuild as failed:
                more = _asked_for(failed.lines)
                if not more or source.built_with:
                    raise
                needs = self._needs(name, (*system.requires, *more))
                path = self._run(name, archive, system, needs, asked=True)
        except FailedBuild as failed:
            raise compile_failed(failed, name, source.filename) from None
        return BuiltWheel(
            replace(self._wheels.checked(path, name, source.filename), source=replace(source, built_with=needs)), path
        )

    def _needs(self, name: str, requires: Sequence[str]) -> tuple[LockedWheel, ...]:
        wanted = parse_requirements((*requires, "pip"), where=f"the build requirements of {name}")
        request = EnvironmentRequest(self.base.python_version, self._platform, wanted, sources=self._own)
        return lock_environment(request, self.uv).wheels

    def _run(
        self, name: str, archive: Path, system: BuildSystem, needs: tuple[LockedWheel, ...], *, asked: bool
    ) -> Path:
        under = self._workshop()
        lock = Lock(self.base.python_version, self._platform, needs)
        files = dict(WheelFiles(lock, self._own, self.place.cache / "wheels", self.uv).each(lock.wheels))
        pip = next((path for wheel, path in files.items() if wheel.name == "pip"), None)
        if pip is None:
            raise BuildError(f"the build environment of {name} has no pip", hint="lock again with --upgrade")
        texts = {
            "compile.sh": read_manifest("docker/compile.sh").encode(),
            "hooks.py": _HOOKS.read_bytes(),
            "needs.txt": "".join(f"{wheel.requirement}\n" for wheel in needs).encode(),
            "backend": system.backend.encode(),
            "backend-path": json.dumps(system.path).encode(),
        }
        if asked:
            texts["asked"] = b""
        more = [file_of(path, f"build/wheels/{wheel.filename}") for wheel, path in files.items()]
        more += [file_of(pip, "build/pip.whl"), file_of(archive, f"build/{archive.name}")]
        text = rendered("compile.Dockerfile", base=under, python=self.base.python)
        platform = self.base.platform
        with built(self.place, context(text, texts, more), platform=platform) as made:
            out = context(rendered("wheels.Dockerfile", made=made), {})
            with built(self.place, out, platform=platform) as wheels:
                path, links = self._taken(wheels, archive.parent)
        self._check(links)
        return path

    def _check(self, links: bytes) -> None:
        """A compiler brings libraries along: the image has those of its base and its packages alone."""
        under = base_in_engine(derive_base(self.base, self.packages, self.place).base, self.place)
        texts = {"check.sh": read_manifest("docker/check.sh").encode(), "links": links}
        text = rendered("check.Dockerfile", base=under)
        with built(self.place, context(text, texts), platform=self.base.platform):
            pass

    def _workshop(self) -> str:
        """The id of a base with a compiler, and with what the image itself will have."""
        tools = list(map(Package, _TOOLS))
        if self.base.python.startswith(_DEBIAN):
            tools.append(Package(f"libpython{self.base.python_version}-dev"))
        known = {one.name for one in tools}
        wanted = [*tools, *(one for one in self.packages if one.name not in known)]
        return base_in_engine(derive_base(self.base, wanted, self.place).base, self.place)

    def _taken(self, image: str, folder: Path) -> tuple[Path, bytes]:
        """The wheel, and the libraries that it takes from the system."""
        held = self.place.engine.find(image)
        if held is None or len(held.diff_ids) != 1:
            raise BuildError("the engine built something else", where=image, hint="try again")
        into = folder / "wheels"
        into.mkdir(exist_ok=True)
        with EngineSource(self.place.engine, image).open_layer(BaseLayer(held.diff_ids[0], PLAIN_LAYER)) as stream:
            found, links = taken_out(stream, into)
        if len(found) != 1:
            raise BuildError("the build made no wheel, or several", where=image, hint="ask for another version")
        return found[0], links


def _archive_name(filename: str) -> str:
    """A name that its kind is told by, and nothing else: the index chose the other one."""
    found = re.search(r"\.(zip|tgz|tar(?:\.(?:gz|bz2|xz))?)$", filename)
    if found is None:
        raise BuildError(f"{filename[:120]!r} is no archive that sources come as", hint="ask for another version")
    return f"archive.{found[1]}"


def _asked_for(lines: Sequence[str]) -> tuple[str, ...]:
    for line in lines:
        if line.startswith("deployer: more "):
            try:
                found = json.loads(line.removeprefix("deployer: more "))
            except ValueError:
                return ()
            return tuple(map(str, found)) if isinstance(found, list) else ()
    return ()
