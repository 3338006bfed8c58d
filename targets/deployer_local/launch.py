"""Starting a supervisor: its code is copied beside the endpoint, and the interpreter under our own runs it."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deployer.errors import TargetUnavailable
from deployer_local.store import Store, told
from deployer_local.supervisor import control, journal
from deployer_local.supervisor.files import make_folder, write_whole
from deployer_local.supervisor.main import SOCKET
from deployer_local.supervisor.worker import allowed

__all__ = ["ask_supervisor", "ensure_supervisor", "supervisor_code"]

ANSWER = 2.0
PATIENCE = 10.0
PACKAGE = "deployer_supervisor"
_START = f"from {PACKAGE}.main import main\n\nraise SystemExit(main())\n"


@functools.cache
def supervisor_code() -> tuple[str, dict[str, bytes]]:
    """The digest of the supervisor's code, 16 digits, and its files by name."""
    folder = Path(__file__).parent / "supervisor"
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    whole = hashlib.sha256()
    for name, data in files.items():
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()[:16], files


def ask_supervisor(store: Store, message: dict[str, Any], timeout: float = ANSWER) -> dict[str, Any]:
    """Its answer. Raises OSError: nobody listens, or no answer came (TimeoutError)."""
    return control.ask_now(store.path / SOCKET, message, timeout)


def ensure_supervisor(store: Store, boot: str) -> None:
    """Have a supervisor look at what is wished; start one if none lives.

    Raises:
        TargetUnavailable: It cannot be started.
    """
    until = time.monotonic() + PATIENCE
    while True:
        if _pokes(store):
            return
        if time.monotonic() > until:
            raise TargetUnavailable(
                f"the supervisor of {store.name} does not start", transient=True,
                where=str(store.path / "logs" / "supervisor.log"),
            )  # fmt: skip
        _start(store, boot)
        _await_socket(store, min(until, time.monotonic() + 1.0))


def _pokes(store: Store) -> bool:
    """Whether a supervisor is there and was told to look, or nothing is left to be supervised."""
    try:
        ask_supervisor(store, {"do": "reload"})
    except TimeoutError:
        return True  # it lives, and looks every second
    except OSError:
        return not store.path.is_dir()
    return True


def _await_socket(store: Store, until: float) -> None:
    while time.monotonic() < until:
        if _pokes(store):
            return
        time.sleep(0.01)


def _start(store: Store, boot: str) -> None:
    with told("start a supervisor", store.path):
        try:
            started = _spawn(store, boot)
        except FileNotFoundError:
            if store.path.is_dir():
                raise
            return  # the endpoint is gone
    try:
        started.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def _spawn(store: Store, boot: str) -> subprocess.Popen[bytes]:
    code = _install(store)
    for name in ("run", "logs"):
        make_folder(store.path / name, inside=store.path)
    log = journal.open_log(store.path / "logs" / "supervisor.log")
    try:
        return subprocess.Popen(
            [_interpreter(), "-I", "-S", "-B", f"supervisor/{code}", "--boot", boot, "--code", code],
            cwd=store.path, env=allowed(os.environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(log)


def _interpreter() -> str:
    """The interpreter under a virtual environment's, so that the environment may be removed."""
    found = getattr(sys, "_base_executable", None) or sys.executable
    return found if Path(found).exists() else sys.executable


def _install(store: Store) -> str:
    code, files = supervisor_code()
    folder = store.path / "supervisor" / code
    if not (folder / "__main__.py").exists():
        make_folder(folder / PACKAGE, inside=store.path)
        for name, data in files.items():
            write_whole(folder / PACKAGE / name, data, sync=False)
        write_whole(folder / "__main__.py", _START.encode(), sync=False)
    return code
