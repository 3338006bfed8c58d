"""The parts of the cluster that tests/cluster/up started, for a test that wants to see what happens without one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

API_SERVER = "kube-apiserver"
ASKING = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "metrics-server")
PATIENCE = 60.0
"""Seconds that the API server may take to answer again."""


@dataclass(frozen=True)
class Parts:
    """What runs of the cluster, as ``kube-apiserver``; only root can touch it.

    While the API server is away, the parts that ask it are frozen. They would ask it before its rules are loaded,
    be refused, back off, and stand still for one to three minutes (measured), since they have no other one to go to.

    Args:
        folder: Where the cluster is: ``DEPLOYER_TEST_CLUSTER``.
        answers: Whether the API server does.
    """

    folder: Path
    answers: Callable[[], bool]

    def restart(self, part: str) -> None:
        """End a part in its own way and start it again; the API server answers then, others need not."""
        with self._asked_by_nobody(part):
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
        with self._asked_by_nobody(part):
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

    @contextlib.contextmanager
    def _asked_by_nobody(self, part: str) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if part == API_SERVER:
                for each in ASKING:
                    stack.enter_context(self.frozen(each))
                stack.callback(self._await_answer)
            yield

    def _await_answer(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self.answers():
            assert time.monotonic() < until, f"{API_SERVER} does not answer"
            time.sleep(0.05)

    def _do(self, verb: str, part: str) -> None:
        words = [str(Path(__file__).with_name("part")), verb, part]
        given = {**os.environ, "DEPLOYER_TEST_CLUSTER": str(self.folder)}
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=given)
        if done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stderr.strip()}")
