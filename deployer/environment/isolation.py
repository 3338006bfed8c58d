"""Programs whose code is not ours, run apart.

They see no variable of the caller, have a home of their own, and no network where the kernel can take it away. That
keeps a careless build from using what it finds, and makes it repeatable. It is no sandbox: such a program reads
the files that its user may read.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deployer.environment.children import ending_with_us

__all__ = ["SOURCE_DATE_EPOCH", "run_apart"]

SOURCE_DATE_EPOCH = "1577836800"
"""2020-01-01: the time that every file in a built wheel bears. Source: reproducible-builds.org, SOURCE_DATE_EPOCH."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def run_apart(
    command: Sequence[str], *, folder: Path, settings: Mapping[str, str], timeout: float
) -> tuple[int, list[str]]:
    """Runs a program to its end; returns its exit code and what it said.

    Args:
        command: The program, by its full path, and its arguments.
        folder: An existing folder, its home and temporary folder.
        settings: Variables for it, beside those that every program needs.
        timeout: Seconds.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It did not end in time, and was killed.
    """
    programs = str(Path(command[0]).parent)
    environment = {
        "PATH": os.pathsep.join([programs, *(("/usr/bin", "/bin") if sys.platform != "win32" else ())]),
        "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1",
        "PIP_NO_INDEX": "1", "UV_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        list(command),
        env=environment | dict(settings),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
        preexec_fn=_apart(),
        umask=-1 if sys.platform == "win32" else 0o022,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").splitlines()


def _apart() -> Callable[[], None] | None:
    """For ``preexec_fn``: a network name space of its own, if the kernel gives one. Source: Linux, unshare(2)."""
    tie = ending_with_us()
    if sys.platform != "linux" or tie is None:
        return None
    unshare, user, group = ctypes.CDLL(None).unshare, os.getuid(), os.getgid()

    def start() -> None:
        if unshare(_NEW_NETWORK) != 0 and unshare(_NEW_USER | _NEW_NETWORK) == 0:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                try:
                    descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
                    os.write(descriptor, text.encode())
                    os.close(descriptor)
                except OSError:  # it then runs as nobody, with our files' rights all the same
                    pass
        tie()

    return start
