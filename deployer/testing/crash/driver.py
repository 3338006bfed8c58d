"""Runs commands of the real engine, each in a process of its own that may kill itself before its n-th effect.

``python -m deployer.testing.crash.driver`` imports the engine once, then reads jobs, one JSON object a line, forks for
each, and writes how that process ended: ``{"status": wait status}``. What the command itself has to tell is in the file
that the job names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.testing.clock import Hasty
from deployer.testing.effects import audit

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["run"]

Job = dict[str, Any]
TARGET = "crash"
"""The name of the one target that a job's settings know."""


def run(job: Job) -> dict[str, Any]:
    """Do one command: ``code`` is the exit code that the command line would end with.

    Args:
        job: ``kind``, ``options``, ``verb``, ``name``, ``fields`` (of the spec), ``to`` (of a rollback), ``kill_at``
            (0: never), ``answer`` (a file's path), ``pause`` (the most seconds between two looks; None: as it is).
    """
    from deployer.client import Deployer
    from deployer.engine.clock import SystemClock
    from deployer.errors import DeployerError
    from deployer.settings import NamedTarget, Settings
    from deployer.spec import DeploymentSpec

    named = NamedTarget(name=TARGET, kind=job["kind"], options=job["options"])
    settings = Settings(targets={TARGET: named}, default_target=TARGET)
    clock = SystemClock() if job["pause"] is None else Hasty(job["pause"])
    deployer = Deployer(settings=settings, by="crash@matrix", clock=clock)
    name, fields = job["name"], job["fields"]
    verbs: dict[str, Callable[[], object]] = {
        "create": lambda: deployer.create(DeploymentSpec(name=name, target=TARGET, **fields)),
        "apply": lambda: deployer.apply(DeploymentSpec(name=name, target=TARGET, **fields)),
        "update": lambda: deployer.update(name, fields, target=TARGET),
        "rollback": lambda: deployer.rollback(name, to=job["to"], target=TARGET),
        "delete": lambda: deployer.delete(name, target=TARGET, missing_ok=True),
    }
    effects: list[str] = []
    audit(job["kind"], lambda word: _count(word, effects, job))
    try:
        verbs[job["verb"]]()
    except DeployerError as error:
        return {"code": error.exit_code, "error": str(error), "effects": list(effects)}
    return {"code": 0, "error": "", "effects": list(effects)}


def _count(word: str, effects: list[str], job: Job) -> None:
    effects.append(word)
    if len(effects) == job["kill_at"]:
        Path(job["answer"]).write_text(json.dumps({"killed": word}), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)


def _child(job: Job) -> None:
    """The command's own process: an empty HOME, nothing of the caller's environment but what the job says."""
    os.setsid()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "DEPLOYER_"))}
    os.environ.clear()
    os.environ.update({**kept, "HOME": job["home"], "TMPDIR": job["home"], **job["environ"]})
    os.chdir(job["home"])
    signal.alarm(job["seconds"])
    silent = os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 0)
    os.dup2(silent, 1)
    told = run(job)
    Path(job["answer"]).write_text(json.dumps(told), encoding="utf-8")


def _serve() -> None:
    import deployer.client
    import deployer.model  # noqa: F401 - imported once, before the forks
    from deployer.engine.runtime import runtime_version

    runtime_version()  # told once for all of them: sources that are edited meanwhile make no other revisions
    for line in sys.stdin:
        job: Job = json.loads(line)
        pid = os.fork()
        if not pid:
            ended = 1
            try:
                _child(job)
                ended = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(ended)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"status": status}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
