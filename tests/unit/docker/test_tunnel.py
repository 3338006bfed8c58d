"""Requests as they go through an engine, and their answers."""

from __future__ import annotations

import http.client

import pytest

from deployer.target import Request
from deployer_docker.tunnel import message_of, response_of


def test_a_request_is_whole_and_ends_its_connection() -> None:
    asked = Request(path="/invocations", body=b"{}", headers={"Content-Type": "application/json", "host": "x"})
    head, _, body = message_of(asked).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /invocations HTTP/1.1"
    assert set(lines[1:]) == {
        "Host: localhost", "Connection: close", "Content-Length: 2", "Content-Type: application/json",
    }  # fmt: skip
    assert body == b"{}"


@pytest.mark.parametrize(
    "asked", [Request(path="/a\r\nX: y"), Request(headers={"A": "b\nc"}), Request(headers={"A\r\nB": "c"})]
)
def test_nothing_smuggles_a_second_request(asked: Request) -> None:
    with pytest.raises(ValueError, match="line ends"):
        message_of(asked)


def test_answers_are_read_whatever_their_length_is_told_by() -> None:
    told = response_of(b"HTTP/1.1 200 OK\r\nDeployer-Revision: r1a2b3c4\r\nContent-Length: 2\r\n\r\nok rest")
    assert (told.status, told.body, told.revision) == (200, b"ok", "r1a2b3c4")
    chunked = response_of(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n")
    assert (chunked.status, chunked.body) == (404, b"ok!")
    assert response_of(b"HTTP/1.1 204 None\r\n\r\n").body == b""


@pytest.mark.parametrize("data", [b"", b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_what_is_no_answer_is_told(data: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        response_of(data)
