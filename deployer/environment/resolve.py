"""From requirements to a lock: uv decides, in a scrubbed environment, and never builds a source.

Sources that the spec names are built before, apart (`building`), and uv is given the wheels.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deployer.environment.failures import explain_lock
from deployer.environment.indexes import check_indexes
from deployer.environment.lock import BuiltWheel, Lock, LockedWheel
from deployer.environment.pins import mentioned, pinned, pins_project, pins_settings
from deployer.environment.platforms import wheel_tags
from deployer.environment.torch import torch_backend, used_backend
from deployer.errors import BuildError, SpecError
from deployer.model.filenames import check_name
from deployer.model.partial import passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deployer.environment.request import EnvironmentRequest, PackageSources
    from deployer.environment.uv import Answer, Uv
    from deployer.model.requirements import Requirement

__all__ = ["lock_wheels"]


def lock_wheels(
    request: EnvironmentRequest, uv: Uv, build: Callable[[EnvironmentRequest, Uv], tuple[BuiltWheel, ...]] | None = None
) -> Lock:
    """Decides exactly which wheels an environment holds.

    Args:
        request: What is asked.
        uv: Asked.
        build: Builds what has no wheel and may be built; asked only when the requirements cannot be met without.

    Raises:
        SpecError, BuildError: As `locking.lock_environment`.
    """
    _check_sources(request.sources)
    for requirement in (*request.requirements, *request.extra):
        _check_wheel(requirement, request.sources)
    try:
        with passing(uv.cache.parent / "lock") as place:
            resolver = _Resolver(request, uv, place)
            answer, lock = resolver.resolve()
            if lock is None and build is not None and (built := build(request, uv)):
                resolver = replace(resolver, built=built)
                answer, lock = resolver.resolve()
            if lock is None:
                alone = replace(resolver, with_runtime=False).resolve()[1] if request.runtime else None
                raise explain_lock(request, answer.lines, alone)
    except OSError as error:
        raise BuildError(
            f"the lock cannot be made: {(error.strerror or str(error)).lower()}",
            where=str(error.filename or uv.cache.parent), hint="deployer doctor",
        ) from None  # fmt: skip
    _check_hashes(request, lock)
    return lock


def _check_sources(sources: PackageSources) -> None:
    if sources.wheelhouse and not sources.wheelhouse.is_dir():
        raise SpecError(
            "the wheelhouse is no folder", where=str(sources.wheelhouse), hint="fill one: pip download -d DIR"
        )
    if sources.ca_bundle and not sources.ca_bundle.is_file():
        raise SpecError(
            "the ca_bundle is no file", where=str(sources.ca_bundle), hint="name a file of PEM certificates"
        )
    check_indexes(sources)


def _check_wheel(requirement: Requirement, sources: PackageSources) -> None:
    if requirement.wheel is None:
        return
    root = sources.model_root
    place = root / requirement.wheel if root else None
    if place is None or place.is_symlink() or not place.is_file():
        raise SpecError(
            f"the model has no file {requirement.wheel}, which its requirements name",
            where=requirement.where,
            hint="put the wheel into the model's folder, or name a version instead",
        )


@dataclass(frozen=True)
class _Resolver:
    """What uv makes of a request.

    Args:
        request: What is asked.
        uv: Asked.
        place: A passing folder for what uv reads and writes.
        built: Wheels that were built here, to be taken for their names.
        with_runtime: Whether the serving runtime's needs count.
    """

    request: EnvironmentRequest
    uv: Uv
    place: Path
    built: tuple[BuiltWheel, ...] = ()
    with_runtime: bool = True

    def resolve(self) -> tuple[Answer, Lock | None]:
        """Uv's answer, and the lock if there is one."""
        sources = self.request.sources
        if not sources.pins or sources.wheelhouse:
            return self._compile(frozenset())
        known = self._pinned(one.name for part in self._parts().values() for one in part)
        # The pinned indexes first, so that no other is asked for their names while we learn which names turn up.
        first = tuple(dict.fromkeys([*(pin.url for pin in sources.pins), *sources.indexes]))
        known |= self._turned_up(*self._compile(known, first))
        while True:
            answer, lock = self._compile(known)
            found = self._turned_up(answer, lock) - known
            if not found:
                return answer, lock
            known |= found

    def _turned_up(self, answer: Answer, lock: Lock | None) -> frozenset[str]:
        if lock is None:
            return self._pinned(mentioned(answer.lines, self.request.sources))
        return self._pinned(wheel.name for wheel in lock.wheels)

    def _pinned(self, names: Iterable[str]) -> frozenset[str]:
        return pinned(names, self.request.sources) - {one.locked.name for one in self.built}

    def _parts(self) -> dict[str, tuple[Requirement, ...]]:
        runtime = self.request.runtime if self.with_runtime else ()
        return {"model": self.request.requirements, "extra": self.request.extra, "runtime": runtime}

    def _compile(self, pins: frozenset[str], indexes: tuple[str, ...] | None = None) -> tuple[Answer, Lock | None]:
        request, sources, place = self.request, self.request.sources, self.place
        output = place / "pylock.toml"
        output.unlink(missing_ok=True)
        inputs = [_written(place / f"{name}.in", part, sources) for name, part in self._parts().items()]
        if self.built:
            inputs.append(place / "built.in")
            lines = (f"{one.locked.name} @ {one.path.absolute().as_uri()}\n" for one in self.built)
            inputs[-1].write_text("".join(lines), "utf-8")
        if pins:
            inputs.append(place / "pyproject.toml")
            inputs[-1].write_text(pins_project(pins, sources), "utf-8")
        links = ["--find-links", str(sources.wheelhouse)] if sources.wheelhouse else []
        backend = torch_backend(request)
        answer = self.uv.run(
            [
                *("pip", "compile", *map(str, inputs), "--output-file", str(output), "--format", "pylock.toml"),
                *("--only-binary", ":all:", "--python-version", request.python, "--python-platform", request.platform),
                *("--python", sys.executable, "--no-python-downloads", "--no-header", "--no-annotate", "--quiet"),
                *(("--torch-backend", backend) if backend else ()),
                *links,
            ],
            sources=sources,
            indexes=indexes,
            settings=pins_settings(sources) if pins else None,
        )
        if answer.code != 0:
            return answer, None
        wheels = tuple(_wheels(tomllib.loads(output.read_text("utf-8")), request, self.built))
        torch = used_backend(frozenset(wheel.name for wheel in wheels), backend)
        return answer, Lock(request.python, request.platform, wheels, torch)


def _written(path: Path, requirements: Iterable[Requirement], sources: PackageSources) -> Path:
    path.write_text("".join(f"{_line(requirement, sources)}\n" for requirement in requirements), "utf-8")
    return path


def _line(requirement: Requirement, sources: PackageSources) -> str:
    """The requirement as uv shall see it: made from its parsed parts, never the model's own text."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    place = requirement.url
    if requirement.wheel and sources.model_root:
        place = (sources.model_root.absolute() / requirement.wheel).as_uri()
    target = f" @ {place} " if place else requirement.specifier
    return f"{requirement.name}{extras}{target}" + (f" ; {requirement.marker}" if requirement.marker else "")


def _wheels(
    document: dict[str, Any], request: EnvironmentRequest, built: tuple[BuiltWheel, ...]
) -> Iterator[LockedWheel]:
    ours = {one.path.absolute().as_posix(): one.locked for one in built}
    inside = {
        (request.sources.model_root.absolute() / found.wheel).as_posix(): found.wheel
        for found in (*request.requirements, *request.extra)
        if found.wheel and request.sources.model_root
    }
    for package in document.get("packages", ()):
        name, version = str(package["name"]), str(package.get("version", ""))
        archive = package.get("archive")
        candidates = [archive] if archive else list(package.get("wheels", ()))
        chosen = _best(candidates, request)
        if chosen is None:
            raise BuildError(
                f"{name} {version} has no wheel for python {request.python} on {request.platform}",
                hint=f"ask for a version of {name} that has one; only requirements.build names sources to build",
            )
        sha256 = chosen.get("hashes", {}).get("sha256")
        if not sha256:
            raise BuildError(
                f"the index gives no SHA-256 for {_filename(chosen)}",
                hint="use an index that lists hashes (PEP 503), or requirements.wheelhouse with a folder of wheels",
            )
        place = Path(str(chosen.get("path", ""))).as_posix()
        if place in ours:
            yield ours[place]
            continue
        path = inside.get(place)
        size = chosen.get("size")
        yield LockedWheel(name, version or _version(chosen), _filename(chosen), sha256, size, path)


def _best(candidates: list[dict[str, Any]], request: EnvironmentRequest) -> dict[str, Any] | None:
    """The best wheel for Python and platform. uv names one already; other resolvers of the format name them all."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    ranks = wheel_tags(request.python, request.platform)
    ranked: list[tuple[int, int, dict[str, Any]]] = []
    for position, wheel in enumerate(candidates):
        try:
            tags = parse_wheel_filename(_filename(wheel))[3]
        except InvalidWheelFilename:
            continue
        fitting = [ranks[tag] for tag in tags if tag in ranks]
        if fitting:
            ranked.append((min(fitting), position, wheel))
    return min(ranked, default=(0, 0, None))[2]


def _filename(wheel: dict[str, Any]) -> str:
    place = str(wheel.get("name") or wheel.get("path") or unquote(urlsplit(str(wheel.get("url", ""))).path))
    filename = place.replace("\\", "/").rpartition("/")[2]
    check_name(filename, where="package index")
    if not filename.endswith(".whl") or any(sign.isspace() or sign == "#" for sign in filename):
        raise BuildError(f"the index names {filename!a}, which is no wheel", hint="only wheels are installed")
    return filename


def _version(wheel: dict[str, Any]) -> str:
    from packaging.utils import parse_wheel_filename

    return str(parse_wheel_filename(_filename(wheel))[1])


def _check_hashes(request: EnvironmentRequest, lock: Lock) -> None:
    """A model may say which content it wants; another one of the same name and version is not it."""
    wanted = {found.name: found for found in (*request.requirements, *request.extra) if found.hashes}
    for wheel in lock.wheels:
        requirement = wanted.get(wheel.name)
        contents = {wheel.sha256, wheel.source.sha256 if wheel.source else wheel.sha256}
        if requirement and not contents & {each.removeprefix("sha256:") for each in requirement.hashes}:
            raise BuildError(
                f"{wheel.filename} is not the content that {requirement.name}'s --hash asks for",
                where=requirement.where,
                hint="the index has another file of that name: check where it comes from",
            )
