"""A data folder of its own for the local target: the commands that run in it, and what lies and runs there."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.commandline import Done, deployer

PATIENCE = 60.0
Found = TypeVar("Found")


@dataclass(frozen=True)
class Running:
    """A process that runs from a home."""

    pid: int
    line: str

    @property
    def revision(self) -> str | None:
        """Of a worker; None for a supervisor and whatever else runs there."""
        found = re.search(r"--revision (r[0-9a-f]{7})\b", self.line)
        return found[1] if found else None


@dataclass(frozen=True)
class LocalHome:
    """One data folder, with the machine's shared package cache in it.

    Args:
        folder: Everything that commands write lies in here.
    """

    folder: Path

    @classmethod
    def made(cls, folder: Path, cache: Path) -> LocalHome:
        """A home in an empty folder; ready environments come from ``cache``."""
        home = cls(folder)
        for path in (home.temporary, home.user, home.cache):
            path.mkdir(parents=True, mode=0o700)
        for part in ("uv", "environments"):
            (cache / part).mkdir(mode=0o700, exist_ok=True)
            (home.cache / part).symlink_to(cache / part)
        return home

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def root(self) -> Path:
        """The target's folder."""
        return self.data / "deployer" / "local"

    @property
    def user(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints"

    @property
    def variables(self) -> dict[str, str]:
        """What a command is given."""
        return {"XDG_DATA_HOME": str(self.data), "TMPDIR": str(self.temporary), "HOME": str(self.user)}

    def run(
        self, *words: str | Path, env: Mapping[str, str] | None = None, stdin: str = "", cwd: Path | None = None
    ) -> Done:
        """Run ``deployer WORDS`` here."""
        return deployer(
            *map(str, words), env={**self.variables, **(env or {})}, stdin=stdin, cwd=cwd or self.folder, timeout=300
        )

    def well(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """As `run`; an exit code other than 0 fails the test with all that was said."""
        done = self.run(*words, env=env)
        assert done.code == 0, f"deployer {' '.join(map(str, words))}: {done.code}\n{done.out}\n{done.err}"
        return done

    def status(self, name: str) -> dict[str, Any]:
        """``deployer status NAME -o json``."""
        found = json.loads(self.well("status", name, "-o", "json").out)
        assert isinstance(found, dict)
        return found

    def python(self, name: str) -> Path:
        """The interpreter of the only environment of an endpoint."""
        (found,) = (self.endpoints / name / "environments").glob("*/bin/python")
        return found

    def running(self) -> list[Running]:
        """All processes that run from here: supervisors, workers, and whatever a command left."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    cwd = (folder / "cwd").readlink()
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if f"{self.folder}/" in line or f"{cwd}/".startswith(f"{self.folder}/"):
                    found.append(Running(int(folder.name), line.strip()))
        return found

    def workers(self, revision: str | None = None) -> list[int]:
        """The processes that serve: of one revision, or of all."""
        return [each.pid for each in self.running() if each.revision and revision in (None, each.revision)]

    def end(self) -> None:
        """Kill what still runs here, by its id, the supervisors first, so that they start nothing anew."""
        until = time.monotonic() + PATIENCE
        while left := self.running():
            for each in sorted(left, key=lambda one: one.revision is not None):
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
            assert time.monotonic() < until, f"they do not end: {left}"
            time.sleep(0.02)


def eventually(said: Callable[[], Found | None], what: str, seconds: float = PATIENCE) -> Found:
    """Ask until the answer is true, and return it."""
    until = time.monotonic() + seconds
    while not (answer := said()):
        assert time.monotonic() < until, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)
    return answer


def ids(document: Mapping[str, Any]) -> list[str]:
    """The revisions that are there, by what ``status -o json`` tells of an endpoint."""
    return [each["id"] for each in document["revisions"]]
