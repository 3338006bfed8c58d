"""Who is writing, and whether that process still lives on this host."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deployer.endpoint import Holder

__all__ = ["actor", "is_dead_here", "this_process"]


def actor(environ: Mapping[str, str]) -> str:
    """The CI job or the person, for the history: ``ci@release`` or ``ada@laptop``; ``DEPLOYER_BY`` overrides."""
    if environ.get("DEPLOYER_BY"):
        return environ["DEPLOYER_BY"]
    if environ.get("GITHUB_ACTIONS"):
        return f"{environ.get('GITHUB_ACTOR', 'ci')}@{environ.get('GITHUB_WORKFLOW', 'github')}"
    if environ.get("GITLAB_CI"):
        return f"{environ.get('GITLAB_USER_LOGIN', 'ci')}@{environ.get('CI_JOB_NAME', 'gitlab')}"
    if environ.get("CI") and environ.get("CI") != "false":
        return f"ci@{environ.get('BUILD_TAG') or socket.gethostname()}"
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"{os.getuid() if hasattr(os, 'getuid') else 'somebody'}@{socket.gethostname()}"


def this_process(by: str) -> Holder:
    """This process as a holder."""
    return Holder(by=by, host=_host(), pid=os.getpid(), started=_started(os.getpid()) or "")


def is_dead_here(holder: Holder) -> bool:
    """Whether the holder ran on this host and is certainly gone; False when that cannot be told."""
    if not holder.started or holder.host != _host():
        return False
    return _started(holder.pid) != holder.started


@cache
def _host() -> str:
    """This boot of this host, and the process namespace in it: pids mean something only within both."""
    if sys.platform == "linux":
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
        except OSError:
            return f"unknown-{socket.gethostname()}"
    if sys.platform == "darwin":
        return _output(["sysctl", "-n", "kern.bootsessionuuid"]) or f"unknown-{socket.gethostname()}"
    return f"unknown-{socket.gethostname()}"


def _started(pid: int) -> str | None:
    """When a process began, in the system's own form; None when there is none, or it cannot be told."""
    if sys.platform == "linux":
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        except OSError:
            return None
        fields = after_name.split()
        return None if fields[0] in "ZX" else fields[19]
    if sys.platform == "darwin":
        return _output(["ps", "-o", "lstart=", "-p", str(pid)])
    return None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
