"""The command line: ``serve`` (or nothing) with options; see :mod:`settings`."""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .credentials import read_secrets
from .failure import evidence
from .log import Log, take_over_logging
from .settings import Settings, read_settings
from .sockets import Listeners, listen_tcp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SCRATCH = "/tmp"  # noqa: S108 - need not even be there
LAST_LINES = 2.0
EXIT_FUNCTIONS = 2.0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until told to end, then leave the process.

    Exit codes: 0 after a drain; 1 when the model has another digest than it shall, cannot be loaded or does not answer
    its example, or the server cannot start (a JSON line on stderr with ``event`` ``load-failed``, ``example-failed`` or
    ``start-failed`` says why); 2 for options that are not usable.

    The process ends here, without waiting for threads, since a prediction that never returns would keep it; what model
    code registered with ``atexit`` is given two seconds. So this function never returns.

    Raises:
        SystemExit: 2, for options that are not usable; 0, for ``--help`` and ``--version``.
    """
    settings = read_settings(sys.argv[1:] if arguments is None else arguments, os.environ)
    with suppress(OSError, ValueError, RuntimeError):
        faulthandler.enable()
    try:
        secrets = read_secrets(settings.secrets) if settings.secrets else {}
    except (OSError, ValueError) as error:
        log = Log(2, settings.log_level)
        log.event("start-failed", "error", **evidence(error))
        _leave(1, log)
    os.environ.update(secrets)
    _have_a_home()
    log = Log(2, settings.log_level, secrets.values())
    take_over_logging(log, settings.log_level)
    try:
        signal.signal(signal.SIGTERM, _told_to_end)  # a container's process 1 is deaf to what it has no handler for
        code = _serve(settings, log)
    except _ToldToEnd:
        code = 0
    except Exception as error:
        log.event("start-failed", "error", **evidence(error))
        code = 1
    _leave(code, log)


def _serve(settings: Settings, log: Log) -> int:
    listeners = Listeners()
    try:
        if settings.port is not None:
            listeners.tcp = listen_tcp(settings.host, settings.port)
        if settings.uds:
            listeners.private = listeners.unix(settings.uds)
        if settings.control:
            listeners.control = listeners.unix(settings.control)

        from .server import Server  # importing uvicorn takes longer than binding, and connections wait meanwhile

        return Server(settings, listeners, log, _event_loop()).run()
    finally:
        listeners.remove_files()


def _have_a_home() -> None:
    """Name a home for a user whom nobody knows: MLflow asks for one at its import, and ends without."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = SCRATCH


class _ToldToEnd(BaseException):
    """SIGTERM came before the event loop took it over."""


def _told_to_end(_number: int, _frame: object) -> NoReturn:
    raise _ToldToEnd


def _event_loop() -> asyncio.AbstractEventLoop:
    if find_spec("uvloop"):
        uvloop: Any = import_module("uvloop")
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def _leave(code: int, log: Log) -> NoReturn:
    log.flush(LAST_LINES)
    last = threading.Thread(
        target=atexit._run_exitfuncs,  # noqa: SLF001 - the only way to run them and go on
        name="exit",
        daemon=True,
    )
    last.start()
    last.join(EXIT_FUNCTIONS)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)
