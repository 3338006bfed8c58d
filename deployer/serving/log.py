"""JSON lines on stderr, written by a thread of their own so that a reader who stands still never stops the server."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LEVELS", "Log", "take_over_logging"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
KEPT_LINES = 10_000
GATHERED = 0.02
SHORTEST_SECRET = 4


class Log:
    """A structured log: one JSON object per line with ``time``, ``level``, ``event`` and what the event has.

    Args:
        descriptor: Where to write. It is duplicated, so that model code which closes stderr does not end the log.
        level: The least level that is written.
        secrets: Values that are replaced by ``***`` wherever they or a line of them would appear; what is shorter than
            four characters is not, since it would be found in every other word.

    Lines are gathered for 20 ms. When the reader stands still, 10,000 lines are kept and later ones are counted and
    dropped; nothing that goes wrong with writing is ever raised.
    """

    def __init__(self, descriptor: int, level: str = "info", secrets: Iterable[str] = ()) -> None:
        try:
            self._descriptor = os.dup(descriptor)
        except OSError:  # the process was started without it
            self._descriptor = os.open(os.devnull, os.O_WRONLY)
        self._least = LEVELS[level]
        self._secrets: tuple[str, ...] = ()
        self.hide(secrets)
        self._lines: deque[bytes] = deque()
        self._waiting = threading.Event()
        self._written = threading.Condition()
        self._busy = False
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def hide(self, secrets: Iterable[str]) -> None:
        """Replace these values, too, in what is logged from now on."""
        forms = {form for secret in secrets for form in (secret, secret.strip(), *secret.split("\n"))}
        known = {*self._secrets, *(form for form in forms if len(form) >= SHORTEST_SECRET)}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def event(self, event: str, level: str = "info", **fields: Any) -> None:
        """Log an event with its fields; values that JSON does not know are written as their text."""
        if LEVELS[level] < self._least:
            return
        if len(self._lines) >= KEPT_LINES:
            self._dropped += 1
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        record = {"time": stamp, "level": level, "event": event, **self.redacted(fields)}
        self._lines.append(json.dumps(record, default=str).encode() + b"\n")
        if not self._waiting.is_set():
            self._waiting.set()

    def redacted(self, value: Any) -> Any:
        """The value with every known secret in its texts replaced by ``***``."""
        if not self._secrets:
            return value
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "***")
            return value
        if isinstance(value, dict):
            return {key: self.redacted(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.redacted(item) for item in value]
        return value

    def flush(self, seconds: float) -> None:
        """Wait until everything is written, at most so long."""
        self._waiting.set()
        with self._written:
            self._written.wait_for(lambda: not self._lines and not self._busy, timeout=seconds)

    def _write(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(GATHERED)
            self._waiting.clear()
            with self._written:
                self._busy = True
            self._put(self._gathered())
            with self._written:
                self._busy = False
                self._written.notify_all()

    def _gathered(self) -> bytes:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        if self._dropped:
            count, self._dropped = self._dropped, 0
            record = {"level": "warning", "event": "log-lines-dropped", "count": count}
            lines.append(json.dumps(record).encode() + b"\n")
        return b"".join(lines)

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BlockingIOError:
            time.sleep(GATHERED)
        except OSError:
            return


class _Forwarded(logging.Handler):
    """Writes what Python's ``logging`` is told as events of ours."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "info"
        if record.levelno < 20:
            level = "debug"
        try:
            fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
            if record.exc_info and record.exc_info[0] is not None:
                fields["traceback"] = "".join(traceback.format_exception(*record.exc_info)).splitlines()[-60:]
        except Exception:
            return
        self._log.event("log", level, **fields)


def take_over_logging(log: Log, level: str) -> None:
    """Send Python's ``logging`` and warnings through ``log``; MLflow's unless ``MLFLOW_CONFIGURE_LOGGING`` is set."""
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    root = logging.getLogger()
    root.handlers[:] = [_Forwarded(log)]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(True)
