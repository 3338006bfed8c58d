"""What ``doctor`` looks at; changes nothing that lasts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deployer.target import Check
from deployer_local.supervisor.system import LONGEST_SOCKET_PATH, unix_socket

__all__ = ["checks"]

ENOUGH = 2 * 10**9
LONGEST_NAME = 32


def checks(root: Path) -> Iterator[Check]:
    """Each thing that the local target needs."""
    yield _platform()
    yield _folder(root)
    yield _space(root)
    yield _sockets(root)
    yield from _uv()


def _platform() -> Check:
    fine = sys.platform in ("linux", "darwin")
    return Check("Linux or macOS", fine, sys.platform, None if fine else "take another target: deployer targets")


def _existing(root: Path) -> Path:
    while not root.exists() and root != root.parent:
        root = root.parent
    return root


def _folder(root: Path) -> Check:
    found = _existing(root)
    fine = found.is_dir() and os.access(found, os.W_OK | os.X_OK)
    hint = None if fine else "make it yours, or set another root in deployer.toml: [targets.local] root = ..."
    return Check("a folder to write in", fine, str(root), hint)


def _space(root: Path) -> Check:
    try:
        free = shutil.disk_usage(_existing(root)).free
    except OSError as error:
        return Check("room on the disk", None, str(error))
    fine = free >= ENOUGH
    return Check("room on the disk", fine, f"{free / 1e9:.1f} GB free", None if fine else "deployer gc -t local")


def _sockets(root: Path) -> Check:
    longest = len(os.fsencode(root / "endpoints" / ("x" * LONGEST_NAME) / "run" / "supervisor.sock"))
    if sys.platform != "linux" and longest > LONGEST_SOCKET_PATH:
        return Check(
            "Unix sockets", False, f"paths under {root} may have {longest} bytes, {LONGEST_SOCKET_PATH} are allowed",
            "set a shorter root in deployer.toml: [targets.local] root = ...",
        )  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(prefix="dl-") as folder, contextlib.closing(unix_socket()) as probe:
            probe.bind(str(Path(folder, "s")))
    except OSError as error:
        return Check("Unix sockets", False, str(error), "set TMPDIR to a short folder of a local file system")
    return Check("Unix sockets", True)


def _uv() -> Iterator[Check]:
    program = _find_uv()
    if program is None:
        yield Check("uv", False, "not found", "pip install uv")
        return
    yield Check("uv", True, program)
    try:
        done = subprocess.run(
            [program, "python", "list", "--only-installed", "--no-config", "--offline"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        yield Check("Python interpreters", None, str(error))
        return
    names = [name.split("-") for name in done.stdout.split() if name.startswith("cpython-")]
    found = {".".join(name[1].split(".")[:2]) for name in names}
    minors = sorted(found, key=lambda version: [int(part) for part in version.split(".") if part.isdigit()])
    yield Check(
        "Python interpreters", bool(minors), ", ".join(minors) or "none",
        None if minors else "uv python install 3.11",
    )  # fmt: skip


def _find_uv() -> str | None:
    try:
        from uv import find_uv_bin
    except ImportError:
        return shutil.which("uv")
    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        return shutil.which("uv")
