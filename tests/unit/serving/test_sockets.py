from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from deployer.serving.sockets import is_listening_tcp, listen_tcp, listen_unix

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")


def test_tcp() -> None:
    with listen_tcp("127.0.0.1", 0) as listener:
        assert is_listening_tcp(listener)
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert listener.proto == socket.IPPROTO_TCP
        with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:\d+"):
            listen_tcp("127.0.0.1", listener.getsockname()[1])
    with socket.socket() as idle:
        assert not is_listening_tcp(idle)
    with pytest.raises(OSError, match="cannot listen on nowhere"):
        listen_tcp("nowhere.invalid.", 0)


def test_unix(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener, file = listen_unix(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert not is_listening_tcp(listener)
    with pytest.raises(OSError, match="another process listens there"):
        listen_unix(str(path))
    listener.close()
    again, _ = listen_unix(str(path))
    file.remove()
    assert path.exists()  # it is the other one's now
    again.close()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(OSError, match="not a socket"):
        listen_unix(str(tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "precious"
    with pytest.raises(OSError, match="cannot listen on"):
        listen_unix(str(tmp_path / ("x" * 200)))
