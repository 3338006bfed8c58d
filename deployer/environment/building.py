"""Sources that the spec names, built here to wheels: in an environment of their own, apart, and kept by content.

A build runs the source's code, so it happens only to names in ``requirements.build`` of which no wheel fits. What it
needs comes from the same indexes as everything else and is locked, and the lock of the model remembers it: on another
machine the same wheel is built again, and is compared.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment.backend import Backend, checked_wheel, sha256_of
from deployer.environment.build import build_environment
from deployer.environment.interpreter import find_python
from deployer.environment.lock import BuiltWheel, Lock, LockedSource, LockedWheel
from deployer.environment.platforms import host_platform
from deployer.environment.request import EnvironmentRequest, PackageSources
from deployer.environment.resolve import lock_wheels
from deployer.environment.sdist import SourceDistribution, chosen_source, read_build_system, unpack_source
from deployer.environment.simple_index import IndexFile, SimpleIndex
from deployer.errors import BuildError, Conflict, SpecError
from deployer.model.partial import appearing, passing
from deployer.model.requirements import parse_requirements
from deployer.model.used import mark_used

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deployer.environment.uv import Uv

__all__ = ["build_missing", "built_wheel"]


def build_missing(request: EnvironmentRequest, uv: Uv) -> tuple[BuiltWheel, ...]:
    """Builds those of ``request.build`` that have no wheel which fits.

    Raises:
        BuildError: One cannot be built, or is no pure Python.
        SpecError: What one needs for its build is refused.
        OSError: The cache cannot be written.
    """
    index = SimpleIndex(request.sources)
    found = []
    for name in sorted(request.build):
        asked = [one for one in (*request.requirements, *request.extra, *request.runtime) if one.name == name]
        if any(one.wheel or one.url for one in asked):
            continue
        specifier = ",".join(one.specifier for one in asked if one.specifier)
        source = chosen_source(name, index.files(name), specifier, request.python, request.platform)
        if source:
            found.append(_made(source, request, uv))
    return tuple(found)


def _made(source: SourceDistribution, request: EnvironmentRequest, uv: Uv) -> BuiltWheel:
    """Built here; if that fails, by what can compile, too: a failed build does not tell which of the two it needs."""
    if request.compile is None:
        return _Workshop(request.python, request.sources, uv).wheel_of(source)
    try:
        return _Workshop(request.python, request.sources, uv).wheel_of(source)
    except BuildError:
        return request.compile(source)


def built_wheel(wheel: LockedWheel, python: str, sources: PackageSources, uv: Uv) -> Path:
    """The file of a locked wheel that has a source: from the cache or the wheelhouse, or built again and compared.

    Args:
        wheel: Of a lock.
        python: The lock's.
        sources: Where the source and what its build needs come from.
        uv: Its cache lies beside ours.

    Raises:
        BuildError: It cannot be built, or the same source does not give the same wheel here.
        OSError: The cache cannot be written.
    """
    if wheel.source is None:
        raise BuildError(f"{wheel.name} is not built from source", where="environment lock")
    return _Workshop(python, sources, uv).again(wheel, wheel.source)


class _Workshop:
    """Builds for one Python, into ``CACHE/built/SOURCE-PYTHON/WHEEL/``."""

    def __init__(self, python: str, sources: PackageSources, uv: Uv) -> None:
        self._python = python
        self._sources = replace(sources, model_root=None, trust=())
        self._uv = uv
        self._cache = uv.cache.parent

    def wheel_of(self, source: SourceDistribution) -> BuiltWheel:
        """The wheel of a source: any that was built of it here, else a new one."""
        if source.file.sha256 and (kept := self._kept(source.file.sha256)):
            return kept
        with passing(self._cache / "building") as place:
            archive = place / "source" / source.file.filename
            archive.parent.mkdir()
            sha256 = SimpleIndex(self._sources).fetch(source.file, archive)
            return self._kept(sha256) or self._keep(self._build(source.name, archive, place))

    def again(self, wheel: LockedWheel, source: LockedSource) -> Path:
        """The very wheel that was locked."""
        kept = self._kept(source.sha256, wheel.sha256)
        if kept:
            return kept.path
        if house := self._sources.wheelhouse:
            ready = house / wheel.filename
            if ready.is_file() and sha256_of(ready) == wheel.sha256:
                return ready
        with passing(self._cache / "building") as place:
            archive = place / "source" / source.filename
            archive.parent.mkdir()
            SimpleIndex(self._sources).fetch(self._listed(wheel, source), archive, sha256=source.sha256)
            made = self._keep(self._build(wheel.name, archive, place, source))
        if made.locked.sha256 != wheel.sha256:
            raise BuildError(
                f"{wheel.name} {wheel.version}, built again from {source.filename}, is not the wheel that was locked: "
                "its build is not reproducible",
                where=str(made.path),
                hint=f"take {wheel.filename} from the machine that made the lock (in its cache, under "
                f"{made.path.parent.parent.relative_to(self._cache)}) and put it into requirements.wheelhouse, "
                "or lock again here with --upgrade",
            )
        return made.path

    def _listed(self, wheel: LockedWheel, source: LockedSource) -> IndexFile:
        files = SimpleIndex(self._sources).files(wheel.name)
        found = next((file for file in files if file.filename == source.filename), None)
        if found is None:
            place = "requirements.wheelhouse" if self._sources.wheelhouse else "the package index"
            raise BuildError(
                f"{source.filename}, which {wheel.name} {wheel.version} is built from, is not in {place}",
                hint=f"put it or {wheel.filename} there, or lock again with --upgrade",
            )
        return found

    def _kept(self, source: str, sha256: str | None = None) -> BuiltWheel | None:
        """A whole wheel in the cache."""
        for place in sorted(self._folder(source).glob(f"{sha256[:32] if sha256 else '*'}/built.lock")):
            try:
                locked = Lock.parse(place.read_text("utf-8")).wheels[0]
                path = place.with_name(locked.filename)
                pure = locked.filename.endswith("-any.whl")  # a compiled one may be another platform's
                if (pure or sha256) and sha256_of(path) == locked.sha256 and sha256 in (None, locked.sha256):
                    mark_used(place)
                    return BuiltWheel(locked, path)
            except (OSError, IndexError, SpecError):
                continue
        return None

    def _keep(self, made: BuiltWheel) -> BuiltWheel:
        locked = made.locked
        place = self._folder(locked.source.sha256 if locked.source else "") / locked.sha256[:32]
        try:
            with appearing(place) as partial:
                shutil.copyfile(made.path, partial / locked.filename)
                (partial / "built.lock").write_text(Lock(self._python, host_platform(), (locked,)).text, "utf-8")
        except Conflict:  # another command of ours was faster, or the file was damaged
            there = place / locked.filename
            if not there.is_file() or sha256_of(there) != locked.sha256:
                shutil.copyfile(made.path, place / locked.filename)
        return BuiltWheel(locked, place / locked.filename)

    def _folder(self, source: str) -> Path:
        return self._cache / "built" / f"{source[:32]}-{self._python}"

    def _build(self, name: str, archive: Path, place: Path, known: LockedSource | None = None) -> BuiltWheel:
        """One build, in a passing folder; in the environment of an earlier one, if there was one."""
        (place / "unpacked").mkdir()
        source = unpack_source(archive, place / "unpacked")
        system = read_build_system(source, name)
        backend = Backend(name, source, system, place, self._sources)
        needs = known.built_with if known else self._needs(name, system.requires)
        python = self._furnish(needs, place / "environment")
        if not known and (more := backend.requires(python)):
            needs = self._needs(name, (*system.requires, *more))
            python = self._furnish(needs, place / "environment-with-more")
        path = backend.wheel(python)
        locked = checked_wheel(path, name, archive.name)
        return BuiltWheel(replace(locked, source=LockedSource(archive.name, sha256_of(archive), needs)), path)

    def _needs(self, name: str, requires: Iterable[str]) -> tuple[LockedWheel, ...]:
        where = f"the build requirements of {name}"
        wanted = parse_requirements(requires, where=where)
        request = EnvironmentRequest(self._python, host_platform(), wanted, sources=self._sources)
        return lock_wheels(request, self._uv).wheels

    def _furnish(self, needs: tuple[LockedWheel, ...], into: Path) -> Path:
        lock = Lock(self._python, host_platform(), needs)
        build_environment(lock, find_python(self._python), into, cache=self._cache, sources=self._sources)
        mark_used(self._cache / "environments" / lock.digest / "listing.json")
        return into / "bin" / "python"
