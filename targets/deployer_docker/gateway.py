"""One endpoint's gateway: its files in its volume, its admin socket, and what it reports."""

from __future__ import annotations

import io
import sys
import tarfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployer.errors import BuildError, DeployerError, TargetUnavailable
from deployer.gateway import (
    GatewaySettings,
    Loaded,
    Routing,
    check_command,
    complaints,
    exchanges,
    files,
    queries,
    read_loaded,
    split_answers,
)
from deployer_docker.archives import archive
from deployer_docker.client import REQUEST, is_missing, told
from deployer_docker.executing import run_in
from deployer_docker.requests import CERTIFICATE, GATEWAY_FOLDER
from deployer_docker.wish import STATE, read_wish, write_wish

__all__ = ["Gateway", "Report"]

_MARK = "\x1e"
_NO_TALKER = 97
_TALK = r"""
sock=$1; state=$2; shift 2
cat "$state"
printf '\036'
if command -v socat >/dev/null 2>&1; then
  talk() { printf '%s\n' "$1" | socat -t 30 - "UNIX-CONNECT:$sock"; }
elif command -v perl >/dev/null 2>&1; then
  talk() { perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n";
    print $s "$ARGV[1]\n"; $s->flush; print while <$s>;' "$sock" "$1"; }
elif command -v python3 >/dev/null 2>&1; then
  talk() { python3 -c 'import socket,sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b"\n")
while d := s.recv(65536): sys.stdout.buffer.write(d)' "$sock" "$1"; }
elif command -v nc >/dev/null 2>&1 && nc -h 2>&1 | grep -q -- -U; then
  talk() { printf '%s\n' "$1" | nc -U "$sock"; }
else
  exit 97
fi
for line; do talk "$line" || exit 1; printf '\036'; done
"""
_SWAP = r"""
cd "$1" && ln -s "$2" current.new && mv -f -T current.new current || exit 1
for each in v-* c-* current.*; do [ "$each" = "$2" ] || rm -rf "$each"; done
"""


@dataclass(frozen=True)
class Report:
    """What is known of a gateway: what is wished, what it says that it has loaded, and why that is not known."""

    wished: Routing | None = None
    loaded: Loaded | None = None
    trouble: str = ""


class Gateway:
    """A gateway's container.

    Args:
        api: docker-py's low-level client.
        container: Its id.
        settings: How it runs.
    """

    def __init__(self, api: Any, container: str, settings: GatewaySettings) -> None:
        self._api = api
        self._id = container
        self._settings = settings

    def report(self, *, running: bool) -> Report:
        """Ask it; when it does not run, what is wished is read all the same."""
        if not running:
            return Report(self._wish_at_rest(), None, "its gateway does not run")
        code, wished, answers, err = self._talk(exchanges(queries(self._settings)))
        if code:
            return Report(wished, None, f"its gateway does not answer: {_said(code, err)}")
        return self._read(wished, answers)

    def send(self, commands: Sequence[str]) -> tuple[list[str], Report]:
        """Have it carry out commands: its complaints, and what it says that it has loaded then.

        Both by one command in the container, since each takes the engine its time.

        Raises:
            TargetUnavailable: It does not answer.
        """
        sys.audit(REQUEST, "gateway commands")
        lines = exchanges(commands)
        code, wished, answers, err = self._talk([*lines, *exchanges(queries(self._settings))])
        if code:
            raise TargetUnavailable(
                f"the gateway does not answer: {_said(code, err)}", transient=True, where=self._id[:12]
            )
        said = [text for part in answers[: len(lines)] for text in complaints(part)]
        return said, self._read(wished, answers[len(lines) :])

    def _read(self, wished: Routing | None, answers: Sequence[str]) -> Report:
        try:
            return Report(
                wished, read_loaded([each for part in answers for each in split_answers(part)], self._settings)
            )
        except DeployerError as error:
            return Report(wished, None, error.message)

    def _talk(self, lines: Sequence[str]) -> tuple[int, Routing | None, list[str], str]:
        """The exit code, what is wished, the answers to each line, and what was complained of on the way."""
        command = ["sh", "-c", _TALK, "sh", self._settings.admin, f"{self._settings.folder}/{STATE}", *lines]
        code, out, err = self.run(command)
        state, _, rest = out.partition(_MARK)
        return code, read_wish(state), rest.split(_MARK), err

    def run(self, command: Sequence[str], user: str | None = None) -> tuple[int, str, str]:
        """Run a command in the container: its exit code, and what it wrote."""
        code, out, err = run_in(self._api, self._id, command, user or "")
        return code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def write(self, routing: Routing, *, running: bool) -> None:
        """Put new files into its volume, check them, and let them be what it starts with from now on.

        Raises:
            BuildError: HAProxy does not take them; those before are kept.
        """
        mark = uuid.uuid4().hex[:8]
        fresh, trial = f"v-{mark}", f"c-{mark}"
        content = {f"{fresh}/{name}": data for name, data in self._files(self._settings, routing).items()}
        content[f"{fresh}/{STATE}"] = write_wish(routing)
        if not running:
            self._put(archive(content, {"current": fresh}))
            return
        settings = replace(self._settings, folder=f"{GATEWAY_FOLDER}/{trial}")
        content |= {f"{trial}/{name}": data for name, data in self._files(settings, routing).items()}
        self._put(archive(content))
        code, out, err = self.run(check_command(settings))
        if code:
            raise BuildError(
                f"the gateway does not take its new configuration: {(err or out).strip()[-600:]}", where=self._id[:12]
            )
        sys.audit(REQUEST, "gateway files")
        code, _, err = self.run(["sh", "-c", _SWAP, "sh", GATEWAY_FOLDER, fresh], user="0:0")
        if code:
            raise TargetUnavailable(f"the gateway's files cannot be swapped: {err.strip()[:300]}", where=self._id[:12])

    def put_certificate(self, pem: bytes) -> None:
        """Put certificate and key where the gateway alone reads them."""
        self._put(archive({CERTIFICATE.removeprefix(f"{GATEWAY_FOLDER}/"): pem}, private=True))

    def _files(self, settings: GatewaySettings, routing: Routing) -> dict[str, bytes]:
        return {path.removeprefix(f"{settings.folder}/"): data for path, data in files(settings, routing).items()}

    def _put(self, data: bytes) -> None:
        with told("write the gateway's files", self._id[:12]):
            self._api.put_archive(self._id, GATEWAY_FOLDER, data)

    def _wish_at_rest(self) -> Routing | None:
        with told("read the gateway's files", self._id[:12]):
            try:
                chunks, _ = self._api.get_archive(self._id, f"{self._settings.folder}/{STATE}")
                data = b"".join(chunks)
            except Exception as error:
                if is_missing(error) or _is_going(error):
                    return None
                raise
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() else None
            return read_wish(file.read()) if file is not None else None


def _is_going(error: Exception) -> bool:
    """Whether the engine is just taking the container apart: its layer is let go first."""
    return "RWLayer" in str(error) and "nil" in str(error)


def _said(code: int, err: str) -> str:
    if code == _NO_TALKER:
        return "its image has neither socat, perl, python3 nor nc -U to reach its admin socket with"
    return err.strip()[:300] or f"exit code {code}"
