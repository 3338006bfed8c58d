"""An engine over ssh, by the person's own ``ssh``: its config, agent, known hosts and jump hosts all count.

On the far side ``docker system dial-stdio`` joins the session to the engine's socket, as Docker's own client has it
(docs.docker.com/engine/security/protect-access). Each connection is one ``ssh`` that talks over a pair of real sockets,
so time limits hold and a connection serves one request after the other. docker-py's own way needs paramiko even where
it only calls ``ssh``, knows no time limit, and starts one ``ssh`` for each request.
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from functools import cache
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from deployer.errors import SpecError, TargetUnavailable
from deployer.importing import library

__all__ = ["SSH_PATIENCE", "ssh_adapter", "ssh_command", "ssh_error"]

SSH_PATIENCE = 30
"""Seconds that a host may take to accept the connection."""
_GOODBYE = 2.0
"""Seconds that an ``ssh`` may take to end."""
_OWN_FAULT = 255
"""What ``ssh`` ends with when the matter is its own, not the command's."""
_SHIELDED = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""Ctrl-C is ours to hear, so that what was begun can be tidied up over the same connection."""


def ssh_command(url: str) -> list[str]:
    """The command that a connection is. Pure.

    Args:
        url: ``ssh://[USER@]HOST[:PORT][/PATH]``, PATH being that of the engine's socket there.

    Raises:
        SpecError: It is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("ssh:"), None
    host = parts.hostname or ""
    if not host or host.startswith("-") or parts.password is not None or parts.query or parts.fragment:
        raise SpecError(f"{url!r} is no engine's address", where="host", hint="ssh://[USER@]HOST[:PORT]")
    words = ["ssh", "-T", "-o", f"ConnectTimeout={SSH_PATIENCE}"]
    if parts.username:
        words += ["-l", parts.username]
    if port is not None:
        words += ["-p", str(port)]
    path = parts.path.rstrip("/")
    there = f"docker --host {shlex.quote(f'unix://{path}')}" if path else "docker"
    # ssh's own config may tell hosts apart by the case of their names, and `hostname` is in lower case.
    named = parts.netloc.rpartition("@")[2]
    named = host if named.startswith("[") else named.partition(":")[0]
    return [*words, "--", named, f"{there} system dial-stdio"]


_LATER = re.compile(r"timed out|refused|reset|closed by|broken pipe|no route|unreachable|try again", re.IGNORECASE)
"""What may pass, of all that ``ssh`` can say."""


def ssh_error(url: str, written: str, code: int | None) -> TargetUnavailable:
    """What is the matter, out of what ``ssh`` wrote to stderr and ended with. Pure."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    said = lines[-1][:300] if lines else f"ssh ended with {code}"
    name = urlsplit(url).hostname
    if code == 127:
        return TargetUnavailable(
            f"cannot reach the engine: there is no docker on that host ({said})",
            where=url,
            hint=f"ssh {name} docker info",
        )
    later = code is None or (code == _OWN_FAULT and _LATER.search(said) is not None)
    return TargetUnavailable(
        f"cannot reach the engine: {said}", transient=later, where=url, hint=f"try: ssh {name} docker info"
    )


@cache
def _adapter_class() -> Any:
    """The class is made when it is needed, since docker-py and what it stands on take half a second to import."""
    transport: Any = library("docker.transport.unixconn")

    class Connection(transport.UnixHTTPConnection):  # type: ignore[misc]
        """One ``ssh``."""

        _process: subprocess.Popen[bytes] | None = None
        _written: IO[bytes] | None = None
        begun: list[subprocess.Popen[bytes]]
        """Every ``ssh`` of the pool that may run still; each ends when its socket does."""

        def connect(self) -> None:
            ours, theirs = socket.socketpair()
            if self._written is not None:
                self._written.close()
            self._written = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the connection
            with theirs:
                end = theirs.fileno()
                command = [*_SHIELDED, *ssh_command(self.base_url)]
                self._process = subprocess.Popen(command, stdin=end, stdout=end, stderr=self._written)
            self.begun[:] = [*(each for each in self.begun if each.poll() is None), self._process]
            ours.settimeout(self.timeout)
            self.sock = ours

        def getresponse(self, *words: Any, **more: Any) -> Any:
            try:
                return super().getresponse(*words, **more)
            except TimeoutError:
                raise
            except (OSError, HTTPException) as error:
                raise self._error() from error

        # `close` lets ssh be: http.client closes before an answer that ends with its connection has been read.

        def _error(self) -> Exception:
            if self._process is None or self._written is None:
                return ConnectionError("the connection was lost")
            code = _end(self._process)
            with self._written as written:
                written.seek(0)
                return ssh_error(self.base_url, written.read().decode("utf-8", "replace"), code)

    class Pool(transport.UnixHTTPConnectionPool):  # type: ignore[misc]
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            self._begun: list[subprocess.Popen[bytes]] = []

        def _new_conn(self) -> Any:
            made = Connection(self.base_url, self.socket_path, self.timeout)
            made.begun = self._begun
            return made

        def close(self) -> None:
            super().close()
            for each in self._begun:
                _end(each)
            self._begun.clear()

    class Adapter(transport.UnixHTTPAdapter):  # type: ignore[misc]
        """Requests to the engine of one address."""

        def __init__(self, url: str, timeout: float) -> None:
            self._pool = Pool(url, "", timeout)
            super().__init__("http+unix:///", timeout)

        def get_connection(self, *_: object, **__: object) -> Any:
            return self._pool

        def close(self) -> None:
            self._pool.close()
            super().close()

    return Adapter


def ssh_adapter(url: str, timeout: float) -> Any:
    """What carries docker-py's requests to an engine over ssh.

    Args:
        url: The engine's.
        timeout: Seconds between two signs of life.

    Raises:
        SpecError: The address is not usable, or this system has no such sockets.
        TargetUnavailable: There is no ``ssh``.
    """
    if sys.platform == "win32":
        raise SpecError("ssh:// does not work from Windows", where="host", hint="use it from WSL, or tcp:// with TLS")
    ssh_command(url)
    if shutil.which("ssh") is None:
        raise TargetUnavailable("there is no ssh on this machine", where=url, hint="install OpenSSH's client")
    return _adapter_class()(url, timeout)


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """What it ended with; None if it had to be ended."""
    try:
        return process.wait(_GOODBYE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
