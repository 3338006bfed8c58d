"""Commands in a running container, with what they write.

docker-py's own `exec_start` asks for a connection of raw bytes and reads it past the buffer that the answer's headers
were read into: what came with these is lost now and then, and the rest misread ("49 is not a valid stream"). Asked
without the upgrade, the engine answers with a body that ends with the connection, which is read as any other.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from deployer.importing import library
from deployer_docker.client import told

__all__ = ["run_in", "split_streams"]

_HEADER = struct.Struct(">BxxxL")
_STDERR = 2


def run_in(api: Any, container: str, command: Sequence[str], user: str = "") -> tuple[int, bytes, bytes]:
    """Run a command: its exit code, and what it wrote to stdout and stderr.

    Args:
        api: docker-py's low-level client.
        container: Its id.
        command: With its arguments.
        user: As whom; "" for the container's own.

    Raises:
        TargetUnavailable: The engine does not answer, or the container does not run.
    """
    with told("run a command in a container", container[:12]):
        made = api.exec_create(container, list(command), user=user)["Id"]
        answer = api.post(
            f"{api.base_url}/v{api.api_version}/exec/{made}/start",
            json={"Detach": False, "Tty": False}, timeout=api.timeout,
        )  # fmt: skip
        _raise_for_status(answer)
        out, err = split_streams(answer.content)
        code = api.exec_inspect(made)["ExitCode"]
    return int(code or 0), out, err


def _raise_for_status(answer: Any) -> None:
    errors: Any = library("docker.errors")
    http_error: Any = library("requests.exceptions").HTTPError
    try:
        answer.raise_for_status()
    except http_error as error:
        raise errors.create_api_error_from_http_exception(error) from error


def split_streams(data: bytes) -> tuple[bytes, bytes]:
    """What was written to stdout and to stderr, out of the frames that the engine sends. Pure.

    Source: Docker Engine API, "Attach to a container", stream format.
    """
    found: dict[bool, list[bytes]] = {False: [], True: []}
    position = 0
    while position + _HEADER.size <= len(data):
        stream, size = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        found[stream == _STDERR].append(data[position : position + size])
        position += size
    return b"".join(found[False]), b"".join(found[True])
