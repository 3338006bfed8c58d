"""The library's thread that forwards, when the API server hangs up first."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from deployer_kubernetes.forwarding import _guard


class _Broken:
    """A websocket that can be neither read nor written."""

    connected = True

    def __init__(self) -> None:
        self._mine, self._theirs = socket.socketpair()
        self._theirs.close()
        self.sock = SimpleNamespace(send=self._fail)

    def fileno(self) -> int:
        return self._mine.fileno()

    def _fail(self, *_: Any) -> int:
        raise OSError("EOF occurred in violation of protocol")

    recv_data_frame = _fail

    def close(self) -> None:
        self._mine.close()


def test_whoever_reads_sees_the_end_and_nobody_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    ws_client = pytest.importorskip("kubernetes.stream.ws_client")
    _guard()
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    websocket = _Broken()
    forward = ws_client.PortForward(websocket, [8404])
    way = forward.socket(8404)
    way.settimeout(10)
    assert way.recv(10) == b""
    forward.close()
    websocket.close()
    assert seen == []
