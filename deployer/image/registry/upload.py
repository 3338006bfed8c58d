"""Blobs into a registry: mounted from another repository, or sent, taken up again where a connection broke.

Docker sends each blob in one PATCH, which every registry takes. A large one is sent in pieces here, since a registry
keeps whole pieces: after a break it is asked how far it is. One that does not take pieces (Google's) gets the blob in
one; one that has lost count (distribution 2.8 answers 404 when a connection broke within a piece) gets it anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.reference import name_of
from deployer.image.registry.client import RegistryClient
from deployer.image.registry.refusals import Asked
from deployer.image.values import ImageReference

if TYPE_CHECKING:
    import requests

__all__ = ["Started", "Upload", "mount_or_start", "received"]

_PIECE = 64 << 20
_TRIES = 5


@dataclass(frozen=True)
class Started:
    """An upload that the registry awaits.

    Attributes:
        location: Where to send it.
        least: Bytes that a piece must have, unless it is the last.
    """

    location: str
    least: int = 0


def mount_or_start(
    client: RegistryClient, reference: ImageReference, digest: str, sources: tuple[str, ...]
) -> Started | None:
    """Has the registry take a blob from another of its repositories; else starts an upload.

    Args:
        client: Of the registry.
        reference: The repository to write to.
        digest: The blob's.
        sources: Repositories of the same registry that should have it, the best first.

    Returns:
        None when it was mounted.

    Raises:
        TargetUnavailable: It is refused, or there is no answer.
    """
    asked = _asked(client, reference)
    path = f"/v2/{reference.repository}/blobs/uploads/"
    for source in sources:
        params = (("mount", digest), ("from", source))
        try:
            answer = client.request(
                asked, "POST", path, push=reference.repository, pull=(source,), params=params, ok=(201, 202)
            )
        except TargetUnavailable as error:
            if error.transient:
                raise
            continue  # it may not be read; the blob is sent then
        answer.close()
        if answer.status_code == 201:
            return None
        return _started(answer)
    answer = client.request(asked, "POST", path, push=reference.repository, ok=(202,))
    answer.close()
    return _started(answer)


@dataclass
class Upload:
    """One blob on its way.

    Args:
        client: Of the registry.
        reference: The repository.
        digest: The blob's.
        size: Its bytes.
        open_blob: Opens it from its beginning; must be able to seek.
        told: Is given bytes as they leave; less than none when they must be sent again.
        piece: Bytes in one request.

    Attributes:
        sent: Bytes that went out, repetitions included.
    """

    client: RegistryClient
    reference: ImageReference
    digest: str
    size: int
    open_blob: Callable[[], AbstractContextManager[BinaryIO]]
    told: Callable[[int], None]
    piece: int = _PIECE
    sent: int = 0
    _shown: int = field(default=0, repr=False)

    def run(self, started: Started) -> None:
        """Sends it.

        Raises:
            BuildError: The registry says that it is not what its digest says.
            TargetUnavailable: It is refused, or the connection breaks too often.
        """
        whole = self.size <= max(self.piece, started.least)
        for left in reversed(range(_TRIES)):
            try:
                self._send(started, whole=whole)
            except (_Broken, TargetUnavailable) as error:
                if left == 0 or (isinstance(error, TargetUnavailable) and not error.transient and whole):
                    raise error.cause if isinstance(error, _Broken) else error from None
                self._show(0)
                self._wait(_TRIES - left)
                whole = whole or isinstance(error, TargetUnavailable) or error.refused
                again = mount_or_start(self.client, self.reference, self.digest, ())
                if again is None:
                    return
                started = again
            else:
                return

    def _send(self, started: Started, *, whole: bool) -> None:
        location, at, stuck = started.location, 0, 0
        piece = self.size if whole else max(self.piece, started.least)
        with self.open_blob() as blob:
            while at < self.size:
                count = min(piece, self.size - at)
                headers = {"Content-Type": "application/octet-stream"}
                if not whole:
                    headers["Content-Range"] = f"{at}-{at + count - 1}"
                body = _Slice(blob, at, count, self._moved)
                try:
                    answer = self._request("PATCH", location, data=body, headers=headers, ok=(202, 201, 204))
                except TargetUnavailable as error:
                    if not error.transient:
                        raise _Broken(error, refused=True) from None
                    location, has = self._where(location, error)
                    stuck = stuck + 1 if has <= at else 0
                    if stuck == _TRIES:
                        raise _Broken(error) from None
                    at = has
                    self._show(at)
                    self._wait(stuck)
                    continue
                location, at, stuck = answer.headers.get("Location", location), at + count, 0
        self._finish(location)

    def _where(self, location: str, cause: TargetUnavailable) -> tuple[str, int]:
        """Where to go on after a break, as the registry says."""
        try:
            answer = self._request("GET", location, ok=(204, 202, 200))
        except (TargetUnavailable, BuildError):
            raise _Broken(cause) from None
        has = received(answer.headers.get("Range", ""))
        if not 0 < has <= self.size:
            raise _Broken(cause)
        return answer.headers.get("Location", location), has

    def _finish(self, location: str) -> None:
        try:
            self._request("PUT", location, params=(("digest", self.digest),), ok=(201, 204, 202, 200))
        except TargetUnavailable as error:
            if error.transient:  # it may have come to its end without our hearing of it
                if self.client.has_blob(self.reference, self.digest):
                    return
                raise _Broken(error) from None
            raise

    def _request(self, method: str, location: str, **more: object) -> requests.Response:
        answer = self.client.request(
            _asked(self.client, self.reference),
            method,
            location,
            push=self.reference.repository,
            attempts=1,
            **more,  # type: ignore[arg-type]
        )
        answer.close()
        return answer

    def _wait(self, times: int) -> None:
        self.client.transport.sleep(min(0.25 * 2**times, 8.0))

    def _moved(self, count: int) -> None:
        self.sent += max(0, count)
        self._shown += count
        self.told(count)

    def _show(self, at: int) -> None:
        self.told(at - self._shown)
        self._shown = at


class _Broken(Exception):
    """This try of an upload is over."""

    def __init__(self, cause: TargetUnavailable, *, refused: bool = False) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.refused = refused


class _Slice:
    """A part of a file as the body of a request, with its length."""

    def __init__(self, file: BinaryIO, start: int, count: int, told: Callable[[int], None]) -> None:
        self._file = file
        self._start = start
        self._count = count
        self._told = told
        self._left = count
        file.seek(start)

    def __len__(self) -> int:
        return self._count

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset or whence:
            raise ValueError("only to its beginning")
        self._told(self._left - self._count)
        self._left = self._count
        self._file.seek(self._start)
        return 0

    def tell(self) -> int:
        return self._count - self._left

    def read(self, count: int = -1) -> bytes:
        wanted = self._left if count < 0 else min(count, self._left)
        piece = self._file.read(wanted)
        self._left -= len(piece)
        if piece:
            self._told(len(piece))
        return piece


def received(header: str) -> int:
    """How many bytes a registry has of an upload, from its ``Range: 0-1023``; 0 when it has none or does not say."""
    found = re.fullmatch(r"(?:bytes=)?0-(\d+)", header.strip())
    return int(found[1]) + 1 if found and found[1] != "0" else 0


def _started(answer: requests.Response) -> Started:
    least = answer.headers.get("OCI-Chunk-Min-Length", "")
    return Started(answer.headers.get("Location", ""), int(least) if least.isdigit() else 0)


def _asked(client: RegistryClient, reference: ImageReference) -> Asked:
    return Asked(name_of(reference), client.registry, "write")
