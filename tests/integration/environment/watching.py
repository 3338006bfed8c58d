"""A uv that is watched: what it is told on its command line, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment import EnvironmentRequest, Lock, Uv, build_environment, find_python, lock_environment

if TYPE_CHECKING:
    import pytest

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Watched:
    """A uv whose every command line is written down, and what it leaves behind."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.log = folder, folder / "argv"
        real = Uv.found(folder).binary
        program = folder / "uv-watched"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {self.log}\nexec {real} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setattr("uv.find_uv_bin", lambda: str(program))
        self.cache = folder / "cache"
        self.uv = Uv.found(self.cache / "uv")

    def make(self, request: EnvironmentRequest, name: str = "made") -> Lock:
        """Locks and installs; the packages' versions are then what the lock says."""
        lock = lock_environment(request, self.uv)
        place = self.folder / name
        build_environment(lock, find_python(MINOR), place, cache=self.cache, sources=request.sources)
        for found in lock.wheels:
            said = f"import {found.name.replace('-', '_')} as it; print(it.__version__)"
            answer = subprocess.run([place / "bin" / "python", "-c", said], capture_output=True, text=True, check=True)
            assert answer.stdout.strip() == found.version
        return lock

    def leftovers(self) -> Iterator[str]:
        """Names and contents of everything in the cache, and the command lines."""
        yield self.log.read_text()
        for path in self.cache.rglob("*"):
            yield str(path)
            if path.is_file():
                yield path.read_bytes().decode("latin-1")
