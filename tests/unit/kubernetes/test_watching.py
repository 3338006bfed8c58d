"""A watch that goes on: after its end, after one that is dropped, and after a version that is too old."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer_kubernetes import watching
from deployer_kubernetes.watching import Watcher

SECONDS = 30.0


class Stream:
    """An answer that goes on until it is ended or dropped."""

    def __init__(self) -> None:
        self.pieces: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def read1(self, _size: int) -> bytes:
        piece = self.pieces.get(timeout=SECONDS)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        """Nothing is held."""

    def tell(self, kind: str, version: str) -> None:
        event = {"type": kind, "object": {"metadata": {"resourceVersion": version}}}
        data = json.dumps(event).encode() + b"\n"
        self.pieces.put(data[:7])  # no line need come in one piece
        self.pieces.put(data[7:])


class Api:
    """An API server of Pods alone: tells the versions that it is asked from, and hands out streams."""

    namespace = "ml"

    def __init__(self) -> None:
        self.lists = 0
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.streams: queue.SimpleQueue[Stream] = queue.SimpleQueue()
        self.down = threading.Event()

    def all(self, _kind: str, _labels: str) -> tuple[list[Any], str]:
        if self.down.is_set():
            raise TargetUnavailable("nobody listens there", transient=True)
        self.lists += 1
        return [], f"list{self.lists}"

    def open(self, _method: str, _path: str, *, query: dict[str, str], **_: Any) -> Stream:
        stream = Stream()
        self.asked.put(query["resourceVersion"])
        self.streams.put(stream)
        return stream

    def stream(self) -> tuple[str, Stream]:
        """The next watch that is begun: from which version, and where its events are told."""
        return self.asked.get(timeout=SECONDS), self.streams.get(timeout=SECONDS)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(watching, "KINDS_WATCHED", ("Pod",))
    monkeypatch.setattr(watching, "_PAUSE", 0.01)
    return Api()


def _watcher(api: Any) -> Watcher:
    return Watcher(api, "iris")


def _in_background(watcher: Watcher) -> threading.Thread:
    thread = threading.Thread(target=watcher.wait, args=(SECONDS,), daemon=True)
    thread.start()
    return thread


def test_a_change_ends_the_wait_at_once(api: Api) -> None:
    watcher = _watcher(api)
    watcher.wait(SECONDS)  # the first list is news
    version, stream = api.stream()
    assert version == "list1"
    thread = _in_background(watcher)
    stream.tell("MODIFIED", "7")
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_bookmark_is_no_change_and_is_where_the_next_watch_begins(api: Api) -> None:
    watcher = _watcher(api)
    watcher.wait(SECONDS)
    _, stream = api.stream()
    stream.tell("BOOKMARK", "41")
    stream.pieces.put(b"")  # the server ends each watch after a while
    version, _ = api.stream()
    assert version == "41"
    began = time.monotonic()
    watcher.wait(0.05)
    assert time.monotonic() - began >= 0.05
    assert api.lists == 1


def test_a_watch_that_is_dropped_is_begun_again_and_said(api: Api) -> None:
    watcher = _watcher(api)
    watcher.wait(SECONDS)
    _, stream = api.stream()
    thread = _in_background(watcher)
    stream.pieces.put(ConnectionResetError("reset"))
    thread.join(SECONDS)  # something may have happened meanwhile
    assert not thread.is_alive()
    version, _ = api.stream()
    assert version == "list2"


def test_a_version_that_is_too_old_is_asked_for_anew(api: Api) -> None:
    """410 Gone comes as an event: https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses."""
    watcher = _watcher(api)
    watcher.wait(SECONDS)
    _, stream = api.stream()
    thread = _in_background(watcher)
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "metadata": {}}}
    stream.pieces.put(json.dumps(gone).encode() + b"\n")
    thread.join(SECONDS)
    assert not thread.is_alive()
    version, stream = api.stream()
    assert version == "list2"
    stream.tell("MODIFIED", "9")
    watcher.wait(SECONDS)


def test_it_goes_on_when_the_api_server_comes_back(api: Api) -> None:
    watcher = _watcher(api)
    watcher.wait(SECONDS)
    _, stream = api.stream()
    api.down.set()
    stream.pieces.put(ConnectionResetError("reset"))
    for _ in range(3):
        watcher.wait(SECONDS)  # each try that fails lets whoever waits look for himself
    api.down.clear()
    version, stream = api.stream()
    assert version == "list2"
    stream.tell("ADDED", "5")
    watcher.wait(SECONDS)
