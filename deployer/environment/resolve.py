"""From requirements to a lock: uv decides, in a scrubbed environment, and never builds a source."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deployer.environment.failures import explain_lock
from deployer.environment.lock import Lock, LockedWheel
from deployer.environment.platforms import wheel_tags
from deployer.environment.uv import redacted
from deployer.errors import BuildError, SpecError
from deployer.model.filenames import check_name
from deployer.model.partial import passing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deployer.environment.request import EnvironmentRequest, PackageSources
    from deployer.environment.uv import Answer, Uv
    from deployer.model.requirements import Requirement

__all__ = ["lock_environment"]


def lock_environment(request: EnvironmentRequest, uv: Uv) -> Lock:
    """Decides exactly which wheels an environment holds.

    Nothing is built or run: a package that has only a source is refused. The index is asked for metadata, not for
    wheels, where it can give that (PEP 658).

    Raises:
        SpecError: A requirement names a wheel that the model does not have, or a source of packages is none.
        BuildError: The requirements cannot be met: the error names who needs what; or the index cannot be read.
    """
    _check_sources(request.sources)
    for requirement in (*request.requirements, *request.extra):
        _check_wheel(requirement, request.sources)
    try:
        with passing(uv.cache.parent / "lock") as place:
            answer, lock = _compile(request, uv, place, with_runtime=True)
            if lock is None:
                alone = _compile(request, uv, place, with_runtime=False)[1] if request.runtime else None
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
    for url in sources.indexes:
        if not re.match(r"https?://[^\s]+$", url) or "${" in url:
            raise SpecError(
                "an index must be a plain http or https URL",
                where=redacted(url),
                hint="such as https://pypi.org/simple",
            )


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


def _compile(request: EnvironmentRequest, uv: Uv, place: Path, *, with_runtime: bool) -> tuple[Answer, Lock | None]:
    sources = request.sources
    output = place / ("pylock.toml" if with_runtime else "pylock.model.toml")
    parts = {"model": request.requirements, "extra": request.extra, "runtime": request.runtime if with_runtime else ()}
    inputs = [_written(place / f"{name}.in", part, sources) for name, part in parts.items()]
    links = ["--find-links", str(sources.wheelhouse)] if sources.wheelhouse else []
    answer = uv.run(
        [
            *("pip", "compile", *map(str, inputs), "--output-file", str(output), "--format", "pylock.toml"),
            *("--only-binary", ":all:", "--python-version", request.python, "--python-platform", request.platform),
            *("--python", sys.executable, "--no-python-downloads", "--no-header", "--no-annotate", "--quiet", *links),
        ],
        sources=sources,
    )
    if answer.code != 0:
        return answer, None
    document = tomllib.loads(output.read_text("utf-8"))
    return answer, Lock(request.python, request.platform, tuple(_wheels(document, request)))


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


def _wheels(document: dict[str, Any], request: EnvironmentRequest) -> Iterator[LockedWheel]:
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
        path = inside.get(Path(str(chosen.get("path", ""))).as_posix())
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
        if requirement and f"sha256:{wheel.sha256}" not in requirement.hashes:
            raise BuildError(
                f"{wheel.filename} is not the content that {requirement.name}'s --hash asks for",
                where=requirement.where,
                hint="the index has another file of that name: check where it comes from",
            )
