"""One HTTP exchange, over a socket that is there."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest

from deployer.errors import TargetUnavailable
from deployer.target import Request
from deployer.target.exchange import OverSocket, exchange


def _answering(*answers: bytes) -> socket.socket:
    """Our end of a connection whose other end sends these when it was asked, and hangs up."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with theirs:
            theirs.recv(65536)
            for each in answers:
                theirs.sendall(each)

    threading.Thread(target=answer, daemon=True).start()
    return ours


def _over(way: socket.socket, seconds: float = 5.0) -> OverSocket:
    def opened(patience: float) -> socket.socket:
        way.settimeout(patience)
        return way

    return OverSocket(opened, seconds)


def test_any_answer_is_taken() -> None:
    way = _answering(b"HTTP/1.1 503 no\r\nContent-Length: 4\r\nDeployer-Revision: r1234567\r\n\r\nwait")
    found = exchange(_over(way), Request(), "here")
    assert (found.status, found.body, found.revision) == (503, b"wait", "r1234567")
    assert way.fileno() == -1  # closed


def test_one_that_hangs_up_is_transient() -> None:
    with pytest.raises(TargetUnavailable, match="nothing answers: ") as caught:
        exchange(_over(_answering()), Request(), "here")
    assert caught.value.transient


def test_an_answer_that_breaks_off_is_none() -> None:
    way = _answering(b"HTTP/1.1 200 yes\r\nContent-Length: 400\r\n\r\nshort")
    with pytest.raises(TargetUnavailable, match="nothing answers: ") as caught:
        exchange(_over(way), Request(), "here")
    assert caught.value.transient


def test_silence_is_told_as_that() -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(TargetUnavailable, match=r"no answer within 0\.05 seconds") as caught:
        exchange(_over(ours, 0.05), Request(timeout=0.05), "here")
    assert caught.value.transient


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TargetUnavailable, match="nothing answers: Connection refused"):
        exchange(http.client.HTTPConnection("127.0.0.1", port, timeout=5), Request(), "here")
