"""A writer in a process of its own, which stops itself (SIGSTOP) before the n-th effect of a verb.

``python -m deployer.testing.puppet`` reads one job from standard input, a JSON object, and writes how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from deployer.endpoint import Claim, Release, Traffic
from deployer.errors import DeployerError
from deployer.spec import DeploymentSpec
from deployer.target import Site, Target
from deployer.testing.effects import audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("a process can be stopped by a signal on Unix only")

__all__ = ["Puppet"]


class Puppet:
    """The other process, as a context manager: it is gone when the block ends.

    Args:
        address: Where the target's kind is, ``deployer.testing.memory:kind``.
        options: The target's options, as JSON.
        site: The target's name.
    """

    def __init__(self, address: str, options: JSON, site: str) -> None:
        self._job = {"address": address, "options": options, "site": site}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Puppet:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with self._process:
                self._process.kill()

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("a puppet is used in a with block")
        return self._process

    def begin(self, verb: str, *, stop_at: int, **arguments: JSON) -> None:
        """Let it do one verb, and stop before the effect of that number; at 0 before the verb itself."""
        pipe = self._running.stdin
        if pipe is not None:
            pipe.write(json.dumps({**self._job, "verb": verb, "arguments": arguments, "stop_at": stop_at}))
            pipe.close()

    def await_stop(self, seconds: float) -> bool:
        """Wait until it is stopped; False when it ended without having been.

        Raises:
            TimeoutError: Neither within those seconds.
        """
        process = self._running

        def stopped() -> bool | None:
            pid, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)
            if pid and not os.WIFSTOPPED(status):
                process.returncode = os.waitstatus_to_exitcode(status)
            return os.WIFSTOPPED(status) if pid else None

        return _until(seconds, stopped)

    def go_on(self, seconds: float) -> str:
        """Continue it, and say how the verb ended: ``done``, or the name of its error.

        Raises:
            TimeoutError: It does not end within those seconds.
        """
        os.kill(self._running.pid, signal.SIGCONT)
        try:
            self._running.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError("the stopped writer did not end") from error
        said = self._running.stdout.read() if self._running.stdout else ""
        return said.strip()


Seen = TypeVar("Seen")


def _until(seconds: float, look: Callable[[], Seen | None]) -> Seen:
    end = time.monotonic() + seconds
    while (seen := look()) is None:
        if time.monotonic() > end:
            raise TimeoutError("the other process neither stopped nor ended")
        time.sleep(0.005)
    return seen


_READ: dict[str, Callable[[Any], Any]] = {
    "spec": lambda value: DeploymentSpec(**value),
    "release": Release.model_validate,
    "traffic": Traffic.model_validate,
    "claim": Claim.model_validate,
}


def _main(job: dict[str, Any]) -> str:
    module, _, name = job["address"].partition(":")
    kind = getattr(import_module(module), name)
    target: Target = kind.connect(kind.options.model_validate(job["options"]), Site(job["site"]))
    arguments = {key: _READ.get(key, lambda value: value)(value) for key, value in job["arguments"].items()}
    method = getattr(target, job["verb"])
    count = 0

    def stop(_: str) -> None:
        nonlocal count
        count += 1
        if count == job["stop_at"]:
            os.kill(os.getpid(), signal.SIGSTOP)

    if job["stop_at"] == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    audit(kind.name, stop)
    try:
        method(**arguments)
    except DeployerError as error:
        return type(error).__name__
    return "done"


if __name__ == "__main__":
    sys.stdout.write(_main(json.load(sys.stdin)))
