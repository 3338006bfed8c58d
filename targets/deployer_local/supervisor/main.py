"""The command line of a supervisor: ``python -I -S -B supervisor/CODE --boot ID``, in the endpoint's folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .system import lock

__all__ = ["ANOTHER_RUNS", "SOCKET", "main"]

ANOTHER_RUNS = 3
SOCKET = "run/supervisor.sock"
LOCK = Path("run", "supervisor.lock")


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the endpoint's supervisor, detached.

    Returns at once in the process that was started: 0 when a supervisor runs now that holds the lock, 3 when another
    holds it. The supervisor itself is that process's child.
    """
    parser = argparse.ArgumentParser(prog="supervisor")
    parser.add_argument("--boot", required=True)
    parser.add_argument("--code", default="")
    parser.add_argument("--foreground", action="store_true")
    given = parser.parse_args(arguments)
    os.umask(0o077)
    LOCK.parent.mkdir(exist_ok=True)
    held = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if not lock(held):
        return ANOTHER_RUNS
    if not given.foreground:
        sys.stdout.flush()
        if sys.platform != "win32" and os.fork():
            os._exit(0)
    _run(given.boot, given.code)
    return 0


def _run(boot: str, code: str) -> None:
    import asyncio
    from functools import partial

    from .server import serve_client
    from .supervisor import Supervisor
    from .system import serve_unix

    async def live() -> None:
        supervisor = Supervisor(boot, code)
        server = await serve_unix(partial(serve_client, supervisor), SOCKET)
        try:
            await supervisor.run()
        finally:
            server.close()

    asyncio.run(live())
