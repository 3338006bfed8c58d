"""The templates of ``manifests/docker``, filled, and the context that an engine is sent."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deployer.errors import BuildError
from deployer.image.tar import Entry, file_entry, tar_chunks
from deployer.manifests import read_manifest

__all__ = ["context", "file_of", "rendered"]

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~=/ -]*|/[A-Za-z0-9._+/-]+|sha256:[0-9a-f]{64}")
_CHUNK = 1 << 20


def rendered(name: str, **values: str) -> str:
    """A template with its places filled; a value can be an id, a path, or words of Debian packages.

    Args:
        name: ``packages.Dockerfile``.
        values: By place.

    Raises:
        BuildError: A value is none of these, and so must not reach a Dockerfile.
    """
    for place, value in values.items():
        if not _SAFE.fullmatch(value):
            raise BuildError(f"{value[:80]!r} cannot stand in a Dockerfile", where=place)
    text = _commentless(read_manifest(f"docker/{name}"))
    return _PLACE.sub(lambda found: values[found[1]], text)


def file_of(path: Path, name: str) -> Entry:
    """A file of this machine, for a context."""

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece

    return Entry(name, "file", path.stat().st_size, chunks=chunks)


def context(dockerfile: str, files: Mapping[str, bytes], more: Iterable[Entry] = ()) -> Iterator[bytes]:
    """A context: the Dockerfile, and what it copies, in the folder ``build``.

    No two are equal, so that an engine never takes yesterday's answer of an archive for today's, and builds that run
    at once share no step that one of them removes. So a Dockerfile copies before all else.

    Args:
        dockerfile: Its text.
        files: By name.
        more: Files that are not in memory, their names in the context.
    """
    entries = [file_entry(f"build/{name}", content) for name, content in files.items()]
    once = file_entry("build/once", secrets.token_hex(8).encode())
    return tar_chunks([file_entry("Dockerfile", dockerfile.encode()), once, *entries, *more])


def _commentless(text: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if line and not line.startswith("#"))
