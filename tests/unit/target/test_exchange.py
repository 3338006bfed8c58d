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


def _streaming(*pieces: bytes, gate: threading.Event, ending: bytes = b"0\r\n\r\n") -> socket.socket:
    """As `_answering`, in chunks, of which each waits for the one before to be heard."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with theirs:
            theirs.recv(65536)
            theirs.sendall(b"HTTP/1.1 200 yes\r\nTransfer-Encoding: chunked\r\n\r\n")
            for each in pieces:
                theirs.sendall(b"%x\r\n%s\r\n" % (len(each), each))
                assert gate.wait(10)
                gate.clear()
            theirs.sendall(ending)

    threading.Thread(target=answer, daemon=True).start()
    return ours


def test_an_answer_is_passed_on_as_it_comes() -> None:
    gate, heard = threading.Event(), list[bytes]()

    def passed(piece: bytes) -> None:
        heard.append(piece)
        gate.set()  # only now does the other end go on

    found = exchange(_over(_streaming(b"one ", b"two ", gate=gate)), Request(passed=passed), "here")
    assert heard == [b"one ", b"two "]
    assert (found.status, found.body) == (200, b"")


def test_an_error_is_not_passed_on() -> None:
    heard: list[bytes] = []
    way = _answering(b"HTTP/1.1 503 no\r\nContent-Length: 4\r\n\r\nwait")
    assert exchange(_over(way), Request(passed=heard.append), "here").body == b"wait"
    assert heard == []


@pytest.mark.parametrize("chunked", [True, False])
def test_what_breaks_off_after_a_part_is_not_asked_again(chunked: bool) -> None:
    gate, heard = threading.Event(), list[bytes]()
    gate.set()
    if chunked:
        way = _streaming(b"short", gate=gate, ending=b"")
    else:
        way = _answering(b"HTTP/1.1 200 yes\r\nContent-Length: 400\r\n\r\nshort")
    with pytest.raises(TargetUnavailable, match="broke off after 5 bytes") as caught:
        exchange(_over(way), Request(passed=heard.append), "here")
    assert not caught.value.transient
    assert heard == [b"short"]


def test_what_breaks_off_before_any_part_may_be_asked_again() -> None:
    way = _answering(b"HTTP/1.1 200 yes\r\nContent-Length: 400\r\n\r\n")
    with pytest.raises(TargetUnavailable, match="nothing answers") as caught:
        exchange(_over(way), Request(passed=list[bytes]().append), "here")
    assert caught.value.transient


def test_whoever_does_not_want_more_is_no_failure_of_the_endpoint() -> None:
    def passed(piece: bytes) -> None:
        raise BrokenPipeError

    way = _answering(b"HTTP/1.1 200 yes\r\nContent-Length: 4\r\n\r\nyes!")
    with pytest.raises(BrokenPipeError):
        exchange(_over(way), Request(passed=passed), "here")
    assert way.fileno() == -1
