"""The counter of bytes counts what clients send, and only that."""

from __future__ import annotations

import socket
import threading

from bench.contest.wire import Wire


def test_what_is_sent_is_counted_and_arrives() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(server.getsockname()[1])
        got: list[bytes] = []

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(1 << 16):
                    got.append(data)
                peer.sendall(b"thanks, and much more than was sent")

        thread = threading.Thread(target=answer)
        thread.start()
        host, _, port = wire.address.partition(":")
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)
            told = b"".join(iter(lambda: client.recv(1 << 16), b""))
        thread.join()
        wire.close()
    assert (len(b"".join(got)), wire.sent) == (100_000, 100_000)
    assert told == b"thanks, and much more than was sent"
