"""An image into containerd's store, as a layout without the files that it has.

The store keeps the files that came, by their digests, and names an image by its manifest. So the image goes there as an
OCI layout of which we know the manifest; whether a file lacks after all, the store says.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from deployer.errors import BuildError
from deployer.image.archive import LaidOut, Member, laid_out, layout_archive, members_of
from deployer.image.loaded import QUESTIONS, Count, Loaded, Memory, named, other_image
from deployer.image.manifest import Blob
from deployer.image.reference import DOCKER_HUB, parse_reference
from deployer.image.values import Image
from deployer.target import Engine, HeldImage

__all__ = ["LayoutLoad"]


@dataclass(frozen=True)
class LayoutLoad:
    """One load.

    Args:
        image: What to load.
        engine: Where to.
        memory: Of what it was given before.
        names: What the image is to be called.
        sent: Counts.
    """

    image: Image
    engine: Engine
    memory: Memory
    names: tuple[str, ...]
    sent: Count

    def load(self) -> Loaded:
        """Do it, as `deployer.image.load.load`."""
        members = members_of(self.image)
        found = laid_out(Blob(self.image.digest, len(self.image.config)), members, self.memory.sizes())
        self.engine.learn(found.digest, self.image.digest)
        held = self.engine.find(found.digest)
        if held is not None and held.diff_ids == self.image.diff_ids and (kept := named(self.engine, held, self.names)):
            self.memory.add(self.image, found, members)
            return Loaded(kept)
        there = self._there(members) if self.engine.partial_loads else frozenset()
        loaded = self._loaded(found, members, there)
        if loaded is None and there:
            self._forget(found)
            there = frozenset()  # what it had was removed meanwhile
            loaded = self._loaded(found, members, there)
        if loaded is None:
            raise other_image(self.image, self.names)
        self.memory.add(self.image, found, members)
        return Loaded(loaded, len({each.digest for each in members} - there), self.sent.bytes)

    def _loaded(self, found: LaidOut, members: tuple[Member, ...], there: frozenset[str]) -> HeldImage | None:
        """Sends it; None where the engine lacks a file then."""
        names = tuple(_full_name(each) for each in self.names)
        sending = layout_archive(self.image.config, found, members, names=names, there=there)
        try:
            self.engine.load(self.sent.counted(sending))
        except BuildError:
            if not there:
                raise
            return None
        held = self.engine.find(found.digest)
        return held if held is not None and held.diff_ids == self.image.diff_ids else None

    def _forget(self, found: LaidOut) -> None:
        """An image that lacks a file may be kept all the same, and would be taken for whole the next time."""
        for each in self.names or (found.digest,):
            with contextlib.suppress(BuildError):
                self.engine.remove(each)

    def _there(self, members: tuple[Member, ...]) -> frozenset[str]:
        """Files that images hold which are still there, asked of those that share the most."""
        wanted = {each.digest for each in members}
        found: set[str] = set()
        sharing = [(len(wanted & files), handle, files) for handle, files in self.memory.laid()]
        for count, handle, files in sorted(sharing, key=lambda each: each[0], reverse=True)[:QUESTIONS]:
            if count and not wanted & files <= found and self.engine.find(handle) is not None:
                found |= files
        return frozenset(found & wanted)


def _full_name(name: str) -> str:
    """With its host, as containerd has it: ``docker.io/library/python:3.11``."""
    found = parse_reference(name)
    host = "docker.io" if found.registry == DOCKER_HUB else found.registry
    return f"{host}/{found.repository}:{found.tag}"
