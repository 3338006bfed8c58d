"""Docker's store of images, over docker-py. Its errors, and what it says in its streams, become ours here.

Sources: the Docker Engine API 1.41 to 1.50 (images, build); moby's ``image/tarexport/load.go`` for what `load` needs:
each layer is looked up by the chain of layers below it before its file is opened, so files of layers that are there
may be left out of the archive. containerd's store keeps what comes by its digests, so that there files may be left out
of an OCI layout that it has already.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from deployer.errors import BuildError, DeployerError, TargetUnavailable
from deployer.target import Engine, HeldImage

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["DockerEngine"]

_TAIL = 20
"""Lines of a failed build that are shown."""

_ID = re.compile(r"sha256:[0-9a-f]{64}")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

_ABSENT = re.compile(
    r"manifest unknown|not found|no such image|repository .* does not exist|invalid ref", re.IGNORECASE
)
_REFUSED = re.compile(r"denied|unauthorized|authentication required|no basic auth credentials", re.IGNORECASE)
_ELSEWHERE = re.compile(r"no matching manifest|does not match the specified platform|platform", re.IGNORECASE)
_SLOW_DOWN = re.compile(r"toomanyrequests|rate limit", re.IGNORECASE)


class DockerEngine(Engine):
    """The images of one Docker engine.

    Args:
        client: docker-py's, connected; its time limit is between two signs of life.
        notes: A folder on this host, in which is kept what containerd's store tells only with the whole image; None:
            it is kept for as long as this lives.
    """

    def __init__(self, client: APIClient, notes: Path | None = None) -> None:
        self._client = client
        self._notes = notes
        self._config_digests: dict[str, str] = {}

    @cached_property
    def identity(self) -> str:  # type: ignore[override]
        """The engine's own id, which stays with its store."""
        return str(self._info.get("ID") or self._info.get("Name") or "docker")

    @cached_property
    def platform(self) -> str:  # type: ignore[override]
        """What it runs."""
        machine = str(self._info.get("Architecture", ""))
        return f"{self._info.get('OSType') or 'linux'}/{_MACHINES.get(machine, machine)}"

    @cached_property
    def partial_loads(self) -> bool:  # type: ignore[override]
        """Of Docker's own layer store and of containerd's it is known."""
        return bool(self._info.get("Driver"))

    @cached_property
    def by_manifest(self) -> bool:  # type: ignore[override]
        """Whether it has containerd's store."""
        status = self._info.get("DriverStatus") or []
        return any("io.containerd.snapshotter" in str(value) for pair in status for value in pair)

    def find(self, reference: str) -> HeldImage | None:
        """As the contract says."""
        found = self._inspect(reference)
        if found is None:
            return None
        return HeldImage(
            id=self._config_digest(found["Id"]),
            diff_ids=tuple((found.get("RootFS") or {}).get("Layers") or ()),
            platform=f"{found.get('Os') or 'linux'}/{found.get('Architecture')}",
            config=found.get("Config") or {},
            references=tuple(found.get("RepoTags") or ()),
            size=found.get("Size"),
            handle=found["Id"],
        )

    def learn(self, handle: str, digest: str) -> None:
        """As the contract says; kept in a file for each image, since what a manifest names never changes."""
        if self._config_digests.get(handle) == digest:
            return
        self._config_digests[handle] = digest
        if self._notes is not None and handle != digest:
            with contextlib.suppress(OSError):
                self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._note_of(handle).write_text(digest)

    def load(self, archive: Iterable[bytes]) -> None:
        """As the contract says.

        Raises:
            BuildError: The engine refuses the archive.
            TargetUnavailable: It does not answer.
        """
        with self._mapped("load an image"):
            for event in self._client.load_image(iter(archive), quiet=False):
                wrong = str(event.get("error") or _not_unpacked(str(event.get("stream") or "")))
                if wrong:
                    raise _engine_refused("load the image", wrong)

    @contextlib.contextmanager
    def save(self, reference: str) -> Iterator[BinaryIO]:
        """As the contract says.

        Raises:
            BuildError: There is no such image.
            TargetUnavailable: The engine does not answer.
        """
        with self._mapped(f"give image {reference}"):
            pieces = self._client.get_image(reference)
            first = next(pieces, b"")  # where it says that there is no such image
        stream = io.BufferedReader(
            _Pieces(itertools.chain([first], pieces), lambda: self._mapped(f"give image {reference}")), 1 << 20
        )
        try:
            yield cast("BinaryIO", stream)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def tag(self, image: str, reference: str) -> None:
        """As the contract says."""
        repository, tag = _repository_and_tag(reference)
        with self._mapped(f"name an image {reference}"):
            self._client.tag(image, repository, tag, force=True)

    def pull(self, reference: str, platform: str, told: Callable[[int, int | None], None]) -> HeldImage:
        """As the contract says."""
        done: dict[str, tuple[int, int]] = {}
        with self._mapped(f"pull {reference}", lambda text: _pull_refused(reference, platform, text)):
            for event in self._client.pull(reference, stream=True, decode=True, platform=platform):
                if "error" in event:
                    raise _pull_refused(reference, platform, str(event["error"]))
                detail = event.get("progressDetail") or {}
                if event.get("status") == "Downloading" and detail.get("total"):
                    done[str(event.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
                    told(sum(each for each, _ in done.values()), sum(total for _, total in done.values()))
        held = self.find(reference)
        if held is None:
            raise BuildError("the engine pulled the image and does not have it", where=reference, hint="try again")
        if held.platform != platform:
            raise BuildError(
                f"the image is for {held.platform}, not for {platform}", where=reference, hint="choose another image"
            )
        return held

    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """As the contract says."""
        lines: list[str] = []
        image = ""
        with self._mapped("build an image"):
            events = self._client.build(
                fileobj=iter(context),
                custom_context=True,
                platform=platform,
                network_mode=network,
                buildargs=dict(arguments or {}),
                decode=True,
                rm=True,
                forcerm=True,
            )
            for event in events:
                if "error" in event:
                    raise _step_failed(str(event["error"]), lines)
                image = str((event.get("aux") or {}).get("ID") or image)
                for line in str(event.get("stream") or "").splitlines():
                    if line.strip():
                        lines.append(line)
                        yield line
        if not image:
            raise _step_failed("the engine gave no image", lines)
        yield image

    def remove(self, reference: str) -> None:
        """As the contract says."""
        import docker

        with self._mapped(f"forget image {reference}"):
            try:
                self._client.remove_image(reference)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        with self._mapped("say what it is"):
            found: Mapping[str, Any] = self._client.info()
            return found

    def _inspect(self, reference: str) -> Mapping[str, Any] | None:
        import docker

        with self._mapped(f"look for image {reference}"):
            try:
                found: Mapping[str, Any] = self._client.inspect_image(reference)
            except docker.errors.NotFound:
                return None
            return found

    def _config_digest(self, image: str) -> str:
        """An image's id by configuration; in containerd's store its id there is its manifest's digest."""
        if not self.by_manifest:
            return image
        known = self._config_digests.get(image) or self._noted(image)
        if known is None:
            known = _config_digest_in_archive(self.save(image), image)
        self.learn(image, known)
        return known

    def _noted(self, image: str) -> str | None:
        if self._notes is None:
            return None
        with contextlib.suppress(OSError):
            text = self._note_of(image).read_text()
            return text if _ID.fullmatch(text) else None
        return None

    def _note_of(self, image: str) -> Path:
        return cast("Path", self._notes) / f"image-{image.partition(':')[2]}"

    @contextlib.contextmanager
    def _mapped(self, what: str, refused: Callable[[str], DeployerError] | None = None) -> Iterator[None]:
        import docker
        import requests

        try:
            yield
        except docker.errors.APIError as error:
            text = str(error.explanation or error)
            if refused is not None and error.status_code is not None:
                raise refused(text) from None
            if error.status_code == 404:
                raise BuildError(
                    f"the engine cannot {what}: {text}", hint="has it been pruned away? try again"
                ) from None
            raise _engine_refused(what, text) from None
        except (docker.errors.DockerException, requests.RequestException) as error:
            reason = "timed out" if isinstance(error, requests.Timeout) else "the connection failed"
            raise TargetUnavailable(
                f"the Docker engine did not {what}: {reason}",
                transient=True,
                where=str(self._client.base_url),
                hint="is it running? docker info",
            ) from None


class _Pieces(io.RawIOBase):
    """A stream over pieces of bytes."""

    def __init__(self, pieces: Iterator[bytes], guard: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._pieces = pieces
        self._guard = guard
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        while not self._rest:
            with self._guard():
                piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _not_unpacked(line: str) -> str:
    """What was wrong with an image that newer engines take in all the same, and say so among the good news.

    So does moby's ``daemon/containerd/image_exporter.go`` after Docker 26 where a file lacks, or the disk is full.
    """
    return line if line.startswith("Error unpacking image") else ""


def _config_digest_in_archive(saved: AbstractContextManager[BinaryIO], image: str) -> str:
    with saved as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if member.name == "manifest.json" and (content := archive.extractfile(member)):
                named = str(json.load(content)[0]["Config"])
                return f"sha256:{named.rpartition('/')[2].removesuffix('.json')}"
    raise BuildError("the engine's archive does not say what is in it", where=image, hint="update the engine")


def _repository_and_tag(reference: str) -> tuple[str, str | None]:
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, None)


def _engine_refused(what: str, text: str) -> DeployerError:
    if "no space left" in text:
        return TargetUnavailable(
            f"the engine cannot {what}: its disk is full", hint="make room: deployer gc, docker system df"
        )
    return BuildError(f"the engine cannot {what}: {text.strip()}", hint="see the engine's own log")


def _pull_refused(reference: str, platform: str, text: str) -> DeployerError:
    said = text.strip()
    if _SLOW_DOWN.search(said):
        return TargetUnavailable(
            f"the registry wants fewer requests: {said}", transient=True, where=reference, hint="wait, or docker login"
        )
    if _REFUSED.search(said):
        return BuildError(
            f"the image is not there, or needs a login: {said}", where=reference, hint="check its name, or docker login"
        )
    if _ABSENT.search(said):
        return BuildError(f"there is no such image: {said}", where=reference, hint="check its name and tag")
    if _ELSEWHERE.search(said):
        return BuildError(f"the image is not for {platform}: {said}", where=reference, hint="choose another image")
    if "no space left" in said:
        return _engine_refused(f"pull {reference}", said)
    return TargetUnavailable(
        f"the engine cannot pull the image: {said}",
        transient=True,
        where=reference,
        hint="can the engine reach the registry?",
    )


def _step_failed(error: str, lines: list[str]) -> BuildError:
    tail = "\n".join(lines[-_TAIL:])
    return BuildError(
        f"a step of the image's build failed: {error.strip()}" + (f"\n{tail}" if tail else ""),
        hint="the lines above are the step's last output",
    )
