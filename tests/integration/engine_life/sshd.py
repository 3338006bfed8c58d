"""An OpenSSH server of a test's own on loopback, and an ``ssh`` that knows it; nothing of a person's own is read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.local_home import eventually

__all__ = ["SshHost", "running_sshd", "why_no_sshd"]

SSHD = "/usr/sbin/sshd"
_SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
SetEnv DOCKER_HOST={docker}
"""
_CLIENT = """\
Host far
  HostName 127.0.0.1
  Port {port}
  User {user}
Host stranger
  HostName 127.0.0.1
  Port {port}
  User {user}
  UserKnownHostsFile /dev/null
Host unwelcome
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/host
Host * !unwelcome
  IdentityFile {folder}/person
Host *
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile /dev/null
"""


@dataclass(frozen=True)
class SshHost:
    """A host named ``far``.

    Attributes:
        path: A folder for the PATH, whose ``ssh`` reads the test's configuration.
        log: What the server writes.
    """

    path: Path
    log: Path

    def sessions(self) -> int:
        """How many connections it has accepted so far."""
        return self.log.read_text().count("Accepted publickey")


def why_no_sshd() -> str | None:
    """One line that says why there can be no server; None where there can."""
    missing = [each for each in (SSHD, "ssh", "ssh-keygen") if shutil.which(each) is None]
    return f"no {', '.join(missing)}; run: apt-get install openssh-server openssh-client" if missing else None


@contextmanager
def running_sshd(folder: Path, docker: str) -> Iterator[SshHost]:
    """A server on the network that the calling thread is on.

    Args:
        folder: Where its keys and settings are put.
        docker: ``DOCKER_HOST`` of whoever logs in.
    """
    for name in ("host", "person"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "person.pub", folder / "keys")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    user = os.environ.get("LOGNAME") or "root"
    (folder / "client").write_text(_CLIENT.format(folder=folder, port=port, user=user))
    (folder / "server").write_text(_SERVER.format(folder=folder, port=port, docker=docker))
    path = folder / "bin"
    path.mkdir()
    (path / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/client "$@"\n')
    (path / "ssh").chmod(0o755)
    # It stays: every sshd of the machine looks for it at each connection, another test's too.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "log"
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "server"], stderr=log.open("wb"))
    try:
        eventually(lambda: server.poll() is not None or b"listening" in log.read_bytes(), "sshd listens")
        assert server.poll() is None, log.read_text()
        yield SshHost(path, log)
    finally:
        server.terminate()
        server.wait()
