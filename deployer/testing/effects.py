"""What a process does to the world, as Python's audit events tell it: counted, so that it can be stopped at each.

An *effect* is a request, a spawn, a rename, a folder made, a file written or removed, a bind, a connect, a lock or a
signal. The memory target tells of its own: a request about to be sent, and one that was sent and not yet answered.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["AZUREML", "DOCKER", "EFFECTS", "KUBERNETES", "MEMORY", "SAGEMAKER", "SYSTEM", "audit"]

AZUREML = frozenset({"deployer.azureml.request", "deployer.azureml.sent"})
"""What the Azure ML target tells: each change that it is about to ask Azure for, and each that Azure has answered."""

DOCKER = frozenset({"deployer.docker.request", "socket.connect"})
"""What the Docker target tells: each change that it is about to ask the engine or a gateway for; and connections."""

KUBERNETES = frozenset({"deployer.kubernetes.request", "socket.connect"})
"""What the Kubernetes target tells: each change that it is about to ask the API server for; and connections."""

MEMORY = frozenset({"deployer.memory.request", "deployer.memory.sent"})
"""What the memory target tells."""

SAGEMAKER = frozenset({"deployer.sagemaker.request", "deployer.sagemaker.sent"})
"""What the SageMaker target tells: each change that it is about to ask AWS for, and each that AWS has answered. Its
connections are not counted: questions are asked side by side, and how many it takes for them is a matter of time."""

SYSTEM = frozenset(
    {
        "fcntl.flock",
        "fcntl.lockf",
        "open",
        "os.chmod",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "shutil.copyfile",
        "shutil.move",
        "shutil.rmtree",
        "signal.pthread_kill",
        "socket.bind",
        "socket.connect",
        "subprocess.Popen",
    }
)
"""What changes files, processes and sockets; see "Audit events table" in Python's documentation. Of the files that are
opened (``open``), those for writing count."""

EFFECTS: dict[str, Collection[str]] = {
    "azureml": AZUREML, "docker": DOCKER, "kubernetes": KUBERNETES, "local": SYSTEM, "memory": MEMORY,
    "sagemaker": SAGEMAKER,
}  # fmt: skip
"""Which events count for a back end; all of them for one that is not named here."""

_WRITING = 0o1 | 0o2  # O_WRONLY, O_RDWR
_UNTOLD = ("/dev/", "/proc/")


def audit(kind: str, act: Callable[[str], None]) -> None:
    """Call ``act`` with a word for each effect of this process before it happens, for the rest of its life.

    Args:
        kind: The back end whose effects count (`EFFECTS`).
        act: Called in the thread that is about to do it; what it does itself is not counted.

    Asking the same address again and again, as a loop that waits does, is one effect until something else is done: how
    often it asks is a matter of time, and looking again changes nothing.
    """
    counted = EFFECTS.get(kind, MEMORY | SYSTEM)
    acting = threading.local()
    asked: set[str] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(acting, "now", False):
            return
        if event not in counted or (event == "open" and not _writes(arguments)):
            return
        word = f"{event} {_word(event, arguments)}".strip()
        if event == "socket.connect":
            if word in asked:
                return
            asked.add(word)
        else:
            asked.clear()
        acting.now = True
        try:
            act(word)
        finally:
            acting.now = False

    sys.addaudithook(hook)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return bool(flags & _WRITING) and isinstance(path, str | bytes) and not str(path).startswith(_UNTOLD)


def _word(event: str, arguments: tuple[Any, ...]) -> str:
    """Which thing it is about, without its folder."""
    told = arguments[1] if event == "socket.connect" else arguments[0] if arguments else ""
    if isinstance(told, bytes | os.PathLike):
        told = os.fsdecode(told)
    return told.rpartition("/")[2] if isinstance(told, str) else ""
