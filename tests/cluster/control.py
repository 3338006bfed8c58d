"""The parts of the cluster that tests/cluster/up started, for a test that wants to see what happens without one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Parts:
    """What runs of the cluster, as ``kube-apiserver``; only root can touch it.

    Args:
        folder: Where the cluster is: ``DEPLOYER_TEST_CLUSTER``.
    """

    folder: Path

    def restart(self, part: str) -> None:
        """End a part in its own way and start it again; it need not answer yet."""
        self._do("restart", part)

    def stop(self, part: str) -> None:
        """End a part in its own way."""
        self._do("stop", part)

    def start(self, part: str) -> None:
        """Start a part; it need not answer yet."""
        self._do("start", part)

    @contextlib.contextmanager
    def without(self, part: str, *, kill: bool = False) -> Iterator[None]:
        """A part does not run meanwhile."""
        self._do("kill" if kill else "stop", part)
        try:
            yield
        finally:
            self._do("start", part)

    @contextlib.contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """A part takes connections meanwhile, and answers none."""
        self._do("freeze", part)
        try:
            yield
        finally:
            self._do("thaw", part)

    def _do(self, verb: str, part: str) -> None:
        words = [str(Path(__file__).with_name("part")), verb, part]
        given = {**os.environ, "DEPLOYER_TEST_CLUSTER": str(self.folder)}
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=given)
        if done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stderr.strip()}")
