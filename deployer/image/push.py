"""An image into a registry: only what it lacks, several blobs at once, the manifest last.

A second push of the same image is one question. What was pushed where is remembered, so that another repository of the
same registry gets a blob by being told of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from deployer.image.base import repository_of
from deployer.image.compress import BlobStore, Outgoing, outgoing
from deployer.image.manifest import Blob, blob_of, index_of, manifest_of, media_types
from deployer.image.registry import RegistryClient
from deployer.image.registry.upload import Started, Upload, mount_or_start
from deployer.image.values import Image, ImageReference
from deployer.model.used import mark_used

__all__ = ["Progress", "Pushed", "push", "push_index"]

Progress = Callable[[int, int], None]
"""Is told bytes that were sent, and bytes that are known to have to be."""

_WORKERS = 4
_REMEMBERED = 3
"""Repositories that are remembered for a blob."""


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        digest: Of the manifest: how a target names the image.
        size: Of the manifest, in bytes.
        sent: Bytes of blobs that went out.
        mounted: Blobs that the registry took from another repository.
        present: Blobs that it had.
    """

    digest: str
    size: int
    sent: int = 0
    mounted: int = 0
    present: int = 0


def push(
    image: Image,
    reference: ImageReference,
    *,
    client: RegistryClient,
    cache: Path,
    oci: bool = False,
    told: Progress | None = None,
) -> Pushed:
    """Pushes an image; doing it again sends nothing.

    Args:
        image: What to push.
        reference: The repository, and the tag that it gets if there is one.
        client: Of the registry.
        cache: Folder on this host.
        oci: Whether the manifest is OCI's; else Docker schema 2.
        told: Progress, from several threads, one at a time.

    Raises:
        TargetUnavailable: The registry refuses or does not answer.
        BuildError: A layer of the base cannot be had, or is damaged.
    """
    store = BlobStore(cache / "blobs")
    layers = outgoing(image, store)
    known = [each.known for each in layers]
    if all(known):
        manifest = manifest_of(blob_of(image.config), [each for each in known if each], oci=oci)
        if done := _there(client, reference, manifest, oci=oci):
            return Pushed(done.digest, done.size, present=len(layers) + 1)
    carrier = _Carrier(client, reference, store, _Memory(cache / "pushed", client.registry), told)
    carrier.base = repository_of(image.base)
    blobs = carrier.carry(layers)
    carrier.send_bytes(image.config)
    manifest = manifest_of(blob_of(image.config), blobs, oci=oci)
    digest = client.put_manifest(reference, manifest, media_types(oci=oci)["manifest"])
    return Pushed(digest, len(manifest), carrier.sent, carrier.mounted, carrier.present)


def push_index(
    images: Mapping[str, Pushed], reference: ImageReference, *, client: RegistryClient, oci: bool = False
) -> str:
    """Several platforms' images, which are in that repository already, as one; gives the index's digest.

    Args:
        images: By platform, ``linux/arm64``.
        reference: The repository, and the tag that the index gets.
        client: Of the registry.
        oci: As they were pushed.

    Raises:
        TargetUnavailable: The registry refuses or does not answer.
    """
    content = index_of({platform: Blob(each.digest, each.size) for platform, each in images.items()}, oci=oci)
    return client.put_manifest(reference, content, media_types(oci=oci)["index"])


def _there(client: RegistryClient, reference: ImageReference, manifest: bytes, *, oci: bool) -> Blob | None:
    """The manifest, if the repository has it; it then gets its tag."""
    blob = blob_of(manifest)
    by_digest = ImageReference(reference.registry, reference.repository, digest=blob.digest)
    if client.find_manifest(by_digest) is None:
        return None
    by_tag = ImageReference(reference.registry, reference.repository, tag=reference.tag)
    if reference.tag and client.find_manifest(by_tag) != blob.digest:
        client.put_manifest(reference, manifest, media_types(oci=oci)["manifest"])
    return blob


@dataclass(frozen=True)
class _Memory:
    """Which repositories of a registry have a blob, as far as we put it there."""

    folder: Path
    registry: str

    def repositories(self, digest: str) -> tuple[str, ...]:
        try:
            found = json.loads(self._note(digest).read_text("utf-8"))
        except (OSError, ValueError):
            return ()
        mark_used(self._note(digest))
        return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()

    def add(self, digest: str, repository: str) -> None:
        before = self.repositories(digest)
        if before[:1] == (repository,):
            return
        after = list(dict.fromkeys([repository, *before]))[:_REMEMBERED]
        path = self._note(digest)
        with BlobStore(path.parent).adding(path) as file:
            file.write(json.dumps(after).encode())

    def _note(self, digest: str) -> Path:
        return self.folder / self.registry.replace(":", "_") / f"{digest.partition(':')[2]}.json"


@dataclass
class _Carrier:
    client: RegistryClient
    reference: ImageReference
    store: BlobStore
    memory: _Memory
    told: Progress | None
    base: ImageReference | None = None
    sent: int = 0
    mounted: int = 0
    present: int = 0
    _done: int = 0
    _due: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, layers: tuple[Outgoing, ...]) -> list[Blob]:
        """Sees to it that the repository has all layers."""
        once = {each.diff_id: each for each in layers}
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="push") as pool:
            running = {diff_id: pool.submit(self._layer, each) for diff_id, each in once.items()}
            done, _ = wait(running.values(), return_when=FIRST_EXCEPTION)
            if any(each.exception() for each in done):
                pool.shutdown(cancel_futures=True)
        for each in done:
            each.result()
        return [running[each.diff_id].result() for each in layers]

    def send_bytes(self, content: bytes) -> None:
        """Sees to it that the repository has a small blob."""
        blob = blob_of(content)
        path = self.store.path(blob.digest)
        if not self.store.takes(blob):
            with self.store.adding(path) as file:
                file.write(content)
        self._blob(blob, lambda: blob, own=True)

    def _layer(self, layer: Outgoing) -> Blob:
        return self._blob(layer.known or layer.make(), layer.make, own=layer.own)

    def _blob(self, blob: Blob, make: Callable[[], Blob], *, own: bool) -> Blob:
        if self.client.has_blob(self.reference, blob.digest):
            self._count("present")
            self.memory.add(blob.digest, self.reference.repository)
            return blob
        started = mount_or_start(self.client, self.reference, blob.digest, self._sources(blob, own=own))
        if started is None:
            self._count("mounted")
        else:
            blob = make()  # another one than was known, when that had to be made again by a newer compressor
            self._upload(blob, started)
        self.memory.add(blob.digest, self.reference.repository)
        return blob

    def _upload(self, blob: Blob, started: Started) -> None:
        path = self.store.path(blob.digest)
        self._move(0, blob.size)
        upload = Upload(self.client, self.reference, blob.digest, blob.size, lambda: path.open("rb"), self._moved)
        try:
            upload.run(started)
        finally:
            with self._lock:
                self.sent += upload.sent

    def _sources(self, blob: Blob, *, own: bool) -> tuple[str, ...]:
        found = [each for each in self.memory.repositories(blob.digest) if each != self.reference.repository]
        if not own and self.base is not None and self.base.registry == self.reference.registry:
            found.insert(0, self.base.repository)
        return tuple(dict.fromkeys(found))[:2]

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)

    def _moved(self, count: int) -> None:
        self._move(count, 0)

    def _move(self, count: int, due: int) -> None:
        with self._lock:
            self._done += count
            self._due += due
            if self.told is not None:
                self.told(self._done, self._due)
