"""Tars of files, as an engine takes and gives them. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from deployer.target.container import USER

__all__ = ["archive"]


def archive(content: Mapping[str, bytes], links: Mapping[str, str] | None = None, *, private: bool = False) -> bytes:
    """A tar of files; those that are private are the server's alone to read."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, data in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o400 if private else 0o444
            entry.uid = entry.gid = USER if private else 0
            tar.addfile(entry, io.BytesIO(data))
        for path, to in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)
    return stream.getvalue()
