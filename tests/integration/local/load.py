"""Clients that ask an endpoint's port all the while, over connections that they keep, and count what fails."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from types import TracebackType
from urllib.parse import urlsplit


class Load:
    """Eight connections, each in a thread; ``pause`` seconds between two requests of one."""

    def __init__(self, url: str, *, pause: float = 0.0, clients: int = 8, body: bytes = b'{"inputs": [[1.0]]}') -> None:
        self._host, self._port = str(urlsplit(url).hostname), int(urlsplit(url).port or 0)
        self._pause = pause
        self._body = body
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(clients)]
        self.answered: Counter[str | None] = Counter()
        self.failed: list[str] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=20)
        while not self._end.is_set():
            try:
                connection.request("POST", "/invocations", self._body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
                connection.close()
                time.sleep(0.01)
                continue
            self.answered[answer.headers["deployer-revision"]] += 1
            if answer.status != 200:
                self.failed.append(
                    f"{answer.status} at {time.strftime('%H:%M:%S')}: {said[:200].decode(errors='replace')}"
                )
            if self._pause:
                time.sleep(self._pause)
        connection.close()
