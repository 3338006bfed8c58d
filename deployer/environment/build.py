"""From a lock to a folder that runs: installed once for each lock, then copied."""

from __future__ import annotations

import errno
import re
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from deployer.environment.cache import CachedEnvironments, sync_everything
from deployer.environment.failures import explain_install
from deployer.environment.indexes import by_index
from deployer.environment.interpreter import Interpreter, inspect_python
from deployer.environment.request import PackageSources
from deployer.environment.torch import torch_arguments
from deployer.environment.uv import Uv
from deployer.environment.venv import copy_tree, lay_out, point_at
from deployer.errors import BuildError
from deployer.model.partial import appearing, passing
from deployer.model.progress import OnProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployer.environment.lock import Lock, LockedWheel

__all__ = ["BuildReport", "build_environment"]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What making an environment took.

    Args:
        packages: How many packages it has.
        downloaded: How many of them came over the network now.
        downloaded_bytes: Their size, as far as the lock knows sizes.
        seconds: Wall-clock time.
        reused: Whether it was ready in the cache.
    """

    packages: int
    downloaded: int
    downloaded_bytes: int
    seconds: float
    reused: bool


def build_environment(
    lock: Lock,
    python: Path,
    into: Path,
    *,
    cache: Path,
    sources: PackageSources | None = None,
    progress: OnProgress | None = None,
) -> BuildReport:
    """Makes the environment of a lock in ``into``, whole or not at all.

    It is installed once, with every hash checked and no source built but those that the lock names, into
    ``cache/environments``, and copied
    from there: it shares no inode with the cache or another environment, and runs with the cache gone. Two builders
    of one lock do not disturb each other: one installs, the other waits.

    Args:
        lock: From `lock_environment`.
        python: A base interpreter of the lock's minor version, from `find_python`.
        into: A folder that does not exist yet, or an empty one.
        cache: Where ready environments and uv's downloads are kept.
        sources: Where wheels come from; PyPI by default.
        progress: Told packages.

    Raises:
        BuildError: A wheel cannot be had or is not the one that was locked, the interpreter does not fit, or the disk
            is full.
        Conflict: ``into`` has something in it.
    """
    started = time.perf_counter()
    interpreter = _fitting(lock, python)
    environments = CachedEnvironments(cache / "environments")
    installation = _Installation(lock, interpreter, Uv.found(cache / "uv"), sources or PackageSources(), progress)
    try:
        with environments.locked(lock.digest):
            reused = environments.is_whole(lock.digest)
            if not reused:
                environments.make(lock.digest, installation.fill)
            with appearing(into) as partial:
                copy_tree(environments.entry(lock.digest), partial)
                point_at(partial, interpreter)
    except OSError as error:
        raise _unwritable(error, into) from None
    # In the background: the folder is usable now, and what follows takes longer than the disk.
    threading.Thread(target=sync_everything, args=(into.parent,), name="environment-sync").start()
    if progress:
        progress(Progress(len(lock.wheels), len(lock.wheels), "packages"))
    fetched = [wheel for wheel in lock.wheels if wheel.name in installation.fetched]
    return BuildReport(
        packages=len(lock.wheels),
        downloaded=len(fetched),
        downloaded_bytes=sum(wheel.size or 0 for wheel in fetched),
        seconds=time.perf_counter() - started,
        reused=reused,
    )


def _fitting(lock: Lock, python: Path) -> Interpreter:
    if sys.platform == "win32":
        raise BuildError(
            "environments are made on Linux and macOS only", hint="use a remote target, or run deployer in WSL"
        )
    interpreter = inspect_python(python)
    if interpreter is None or interpreter.minor != lock.python:
        found = f"Python {interpreter.version}" if interpreter else "no working CPython"
        raise BuildError(
            f"the environment needs Python {lock.python}, and this is {found}",
            where=str(python),
            hint=f"install Python {lock.python}: uv python install {lock.python}",
        )
    return interpreter


class _Installation:
    """One installation of a lock's wheels by uv."""

    _CACHED = re.compile(r"requirement already cached: ([a-z0-9-]+)==", re.IGNORECASE)
    _FETCHED = re.compile(r"GET request for: \S+\.whl")

    def __init__(
        self, lock: Lock, interpreter: Interpreter, uv: Uv, sources: PackageSources, progress: OnProgress | None
    ) -> None:
        self._lock = lock
        self._interpreter = interpreter
        self._uv = uv
        self._sources = sources
        self._progress = progress
        self._cached: set[str] = set()
        self._done = 0
        self.fetched: frozenset[str] = frozenset()

    def fill(self, root: Path) -> None:
        """Makes the environment in an empty folder."""
        lay_out(root, self._interpreter)
        if not self._lock.wheels:
            return
        with passing(self._uv.cache.parent / "install") as place:
            for number, (indexes, wheels) in enumerate(by_index(self._lock.wheels, self._sources)):
                wanted = place / f"requirements-{number}.txt"
                wanted.write_text("".join(f"{self._line(wheel)}\n" for wheel in wheels), "utf-8")
                self._install(root, wanted, indexes)
        local = {wheel.name for wheel in self._lock.wheels if wheel.path or wheel.source}
        offline = self._sources.wheelhouse is not None
        self.fetched = frozenset() if offline else frozenset(w.name for w in self._lock.wheels) - self._cached - local

    def _install(self, root: Path, wanted: Path, indexes: tuple[str, ...]) -> None:
        answer = self._uv.run(
            self._arguments(root, wanted),
            sources=self._sources,
            indexes=indexes,
            settings={"PYC_INVALIDATION_MODE": "UNCHECKED_HASH"},
            on_line=self._watch,
        )
        if answer.code != 0:
            raise explain_install(_spoken(answer.lines), str(root.parent.parent))

    def _line(self, wheel: LockedWheel) -> str:
        for url in self._sources.trust:
            if unquote(urlsplit(url).path).rpartition("/")[2] == wheel.filename:
                return f"{wheel.name} @ {url} --hash=sha256:{wheel.sha256}"
        if wheel.source:
            from deployer.environment.building import built_wheel

            path = built_wheel(wheel, self._lock.python, self._sources, self._uv)
            return f"{wheel.name} @ {path.absolute().as_uri()} --hash=sha256:{wheel.sha256}"
        return wheel.requirement

    def _arguments(self, root: Path, wanted: Path) -> list[str]:
        folders = {str(self._sources.wheelhouse)} if self._sources.wheelhouse else set()
        if self._sources.model_root:
            inside = (wheel.path for wheel in self._lock.wheels if wheel.path)
            folders |= {str((self._sources.model_root.absolute() / path).parent) for path in inside}
        return [
            *("pip", "install", "--verbose", "--requirement", str(wanted), "--python", str(root / "bin" / "python")),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-python-downloads"),
            *("--link-mode", "copy", "--compile-bytecode", *torch_arguments(self._lock, self._sources)),
            *(part for folder in sorted(folders) for part in ("--find-links", folder)),
        ]

    def _watch(self, line: str) -> None:
        found = self._CACHED.search(line)
        if found:
            self._cached.add(found[1].lower())
        if self._progress and (found or self._FETCHED.search(line)):
            total = len(self._lock.wheels)
            self._done = min(self._done + 1, total)
            self._progress(Progress(self._done, total, "packages"))


def _spoken(lines: Sequence[str]) -> list[str]:
    """The answer of uv without its debug messages, which `--verbose` mixes in for the cached names."""
    start = next((number for number, line in enumerate(lines) if re.match(r"\s*(error|×)", line)), 0)
    return [line for line in lines[start:] if not re.match(r"\s*(DEBUG|TRACE|INFO|WARN)\b", line)]


def _unwritable(error: OSError, into: Path) -> BuildError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BuildError("the disk is full", where=str(error.filename or into), hint="free some space: deployer gc")
    return BuildError(
        f"the environment cannot be written: {(error.strerror or str(error)).lower()}",
        where=str(error.filename or into),
        hint="check that the folder can be written",
    )
