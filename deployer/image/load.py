"""An image into an engine: only the layers that it lacks, where it allows that, and without compression.

Docker's own store looks a layer up by the chain of those below it before it opens the layer's file in the archive, so
the files of a chain that it has may be missing. Which it has is told by images that it holds: the base, and those that
were loaded into it before, which are remembered here and asked for again. If it refuses, everything is carried.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deployer.errors import BuildError
from deployer.image.archive import Member, archive, members_of
from deployer.image.load_layout import LayoutLoad
from deployer.image.loaded import QUESTIONS, Count, Loaded, Memory, named, other_image
from deployer.image.values import Image
from deployer.target import Engine, HeldImage

__all__ = ["Loaded", "common_length", "layers_there", "load"]


def load(
    image: Image,
    engine: Engine,
    *,
    cache: Path,
    names: tuple[str, ...] = (),
    told: Callable[[int], None] | None = None,
) -> Loaded:
    """Puts an image into an engine; does nothing but name it when it is there.

    Args:
        image: What to load.
        engine: Where to.
        cache: Folder on this host.
        names: What it is to be called, with tags; an image without one is taken by ``docker image prune``.
        told: Is told the bytes of each piece as it is sent.

    Raises:
        BuildError: The engine refuses it, or has something else afterwards.
        TargetUnavailable: The engine does not answer.
    """
    memory = Memory(cache / "engines", engine.identity)
    if engine.by_manifest:
        return LayoutLoad(image, engine, memory, names, Count(told)).load()
    held = _find(engine, image.digest, names)
    if held is not None and (kept := named(engine, held, names)):
        memory.add(image)
        return Loaded(kept)
    members = members_of(image)
    there = layers_there(image, engine, memory) if engine.partial_loads else 0
    sent = Count(told)
    try:
        engine.load(sent.counted(archive(image.config, image.digest, members, names=names, there=there)))
    except BuildError:
        if not there:
            raise
        there = 0  # what it had was removed meanwhile, or it wants it all
        engine.load(sent.counted(archive(image.config, image.digest, members, names=names)))
    loaded = _find(engine, image.digest, names)
    if loaded is None or loaded.diff_ids != image.diff_ids:
        raise other_image(image, names)
    memory.add(image)
    return Loaded(loaded, _files(members) - _files(members[:there]), sent.bytes)


def common_length(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many of the lowest layers two images share."""
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _find(engine: Engine, digest: str, names: tuple[str, ...]) -> HeldImage | None:
    """By id; an engine that names images otherwise has it under its name."""
    for reference in (digest, *names):
        held = engine.find(reference)
        if held is not None and held.id == digest:
            return held
    return None


def layers_there(image: Image, engine: Engine, memory: Memory) -> int:
    """How many of the lowest layers the engine has, as far as its images tell that are known."""
    wanted = image.diff_ids
    base = tuple(each.diff_id for each in image.base.layers)
    candidates = [(common_length(wanted, layers), digest) for digest, layers in memory.images()]
    candidates.append((len(base), image.base.digest))
    best = 0
    for length, digest in sorted(candidates, reverse=True)[:QUESTIONS]:
        if length <= best:
            break
        held = engine.find(digest)
        if held is not None:
            best = max(best, common_length(wanted, held.diff_ids))
    return best


def _files(members: tuple[Member, ...]) -> int:
    return len({each.diff_id for each in members})
