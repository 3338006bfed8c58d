"""A source distribution: which one is to be built, what lies in it, and what its build needs. Nothing of it is run."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment.platforms import wheel_tags
from deployer.errors import BuildError, DeployerError
from deployer.model.filenames import check_names

if TYPE_CHECKING:
    from packaging.version import Version

    from deployer.environment.simple_index import IndexFile

__all__ = ["BuildSystem", "SourceDistribution", "chosen_source", "read_build_system", "unpack_source"]

_LEGACY = ("setuptools>=40.8.0", "wheel")
"""What a source without a pyproject.toml is built with. Source: PEP 517, "Source trees"."""


@dataclass(frozen=True)
class SourceDistribution:
    """A source that an index has.

    Args:
        name: Normalised.
        version: Exact.
        file: Where it is.
    """

    name: str
    version: str
    file: IndexFile


@dataclass(frozen=True)
class BuildSystem:
    """``[build-system]`` of a source.

    Args:
        requires: What must be there, as requirements.
        backend: Module, and object after a colon.
        path: Folders of the source that the backend is looked for in first.
    """

    requires: tuple[str, ...]
    backend: str
    path: tuple[str, ...] = ()


def chosen_source(
    name: str, files: Iterable[IndexFile], specifier: str, python: str, platform: str
) -> SourceDistribution | None:
    """The newest source that is asked for; None when a wheel would do, or there is none.

    Args:
        name: Normalised.
        files: What the index has.
        specifier: Which versions are asked for; empty for any.
        python: A minor version.
        platform: uv's word.
    """
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet(specifier)
    pinned = any(one.operator in ("==", "===") for one in wanted)
    found: list[tuple[Version, IndexFile]] = []
    for file in files:
        version, fits = _described(name, file, python, platform)
        if version is None or not wanted.contains(version, prereleases=True):
            continue
        if not pinned and (file.yanked or (version.is_prerelease and not wanted.prereleases)):
            continue
        if fits:
            return None
        if not file.filename.endswith(".whl"):
            found.append((version, file))
    if not found:
        return None
    version, file = max(found, key=lambda pair: pair[0])
    return SourceDistribution(name, str(version), file)


def _described(name: str, file: IndexFile, python: str, platform: str) -> tuple[Version | None, bool]:
    """A file's version, and whether it is a wheel that runs there; no version when it is not for this Python."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    try:
        if not SpecifierSet(file.requires_python).contains(f"{python}.99"):
            return None, False
        if file.filename.endswith(".whl"):
            found, version, _, tags = parse_wheel_filename(file.filename)
            return (version if found == name else None), bool(tags & wheel_tags(python, platform).keys())
        found, version = parse_sdist_filename(file.filename)
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidSpecifier):
        return None, False
    return (version if found == name else None), False


def _unpack_tar(tarred: tarfile.TarFile, into: Path, where: str) -> None:
    if hasattr(tarfile, "data_filter"):
        tarred.extractall(into, filter="data")
        return
    members = tarred.getmembers()  # Python before 3.11.4 has no filters
    check_names((one.name.rstrip("/") for one in members), where=where)
    if odd := next((one.name for one in members if not (one.isreg() or one.isdir())), None):
        raise BuildError(f"{odd!r} is neither a file nor a folder", where=where)
    for one in members:
        one.mode = 0o755 if one.isdir() or one.mode & 0o100 else 0o644
    tarred.extractall(into, members)  # noqa: S202 - the names and kinds were checked


def unpack_source(archive: Path, into: Path) -> Path:
    """Unpacks a source distribution into an empty folder; returns the one folder in it.

    Raises:
        BuildError: It is no archive, or has names that leave the folder, links out of it, or devices.
        OSError: It cannot be written.
    """
    try:
        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(archive) as zipped:
                check_names((one.rstrip("/") for one in zipped.namelist()), where=archive.name)
                zipped.extractall(into)  # noqa: S202 - the names were checked
        else:
            with tarfile.open(archive) as tarred:
                _unpack_tar(tarred, into, archive.name)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, DeployerError) as error:
        raise BuildError(
            f"the source distribution cannot be unpacked: {error}", where=archive.name, hint="ask for another version"
        ) from None
    inside = list(into.iterdir())
    if len(inside) != 1 or not inside[0].is_dir():
        raise BuildError("a source distribution has one folder in it, this has not", where=archive.name)
    return inside[0]


def read_build_system(source: Path, name: str) -> BuildSystem:
    """How a source wants to be built.

    Raises:
        BuildError: Its pyproject.toml cannot be read.
    """
    try:
        said = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    except FileNotFoundError:
        said = {}
    except (OSError, ValueError) as error:
        raise BuildError(f"the pyproject.toml of {name} cannot be read: {error}") from None
    system = said.get("build-system")
    if not isinstance(system, dict):
        return BuildSystem(_LEGACY, "setuptools.build_meta:__legacy__")
    requires = tuple(str(one) for one in system.get("requires", ()))
    backend = system.get("build-backend")
    if backend is None:
        return BuildSystem(requires or _LEGACY, "setuptools.build_meta:__legacy__")
    paths = tuple(str(one) for one in system.get("backend-path", ()))
    if any(not (source / path).resolve().is_relative_to(source.resolve()) for path in paths):
        raise BuildError(f"the backend-path of {name} leaves its source", hint="ask for another version")
    return BuildSystem(requires, str(backend), paths)
