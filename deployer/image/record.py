"""A wheel's RECORD: what it says that the wheel holds, and what is written in its place once the wheel is laid out.

Source: the specifications "Recording installed projects" and "Binary distribution format" (packaging.python.org).
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.errors import BuildError

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["RecordRow", "installed_record", "read_record", "verified"]

_STRONG: Mapping[str, Callable[[], _Hash]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What RECORD says of one file.

    Attributes:
        path: In the wheel.
        algorithm: ``sha256`` or stronger.
        digest: Bytes, or None for a file that signs or lists the others.
        size: Bytes, or None when it does not say.
    """

    path: str
    algorithm: str
    digest: bytes | None
    size: int | None


def read_record(content: bytes, info: str, wheel: str) -> dict[str, RecordRow]:
    """The rows by path.

    Args:
        content: The file's.
        info: The folder that it lies in, whose own files may have no hash.
        wheel: What the wheel is called in errors.

    Raises:
        BuildError: It is no RECORD, a file has no hash or a weak one, or is listed twice.
    """
    rows: dict[str, RecordRow] = {}
    unhashed = {f"{info}/RECORD", f"{info}/RECORD.jws", f"{info}/RECORD.p7s"}
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise _refused(wheel, "its RECORD is no list of files") from None
    for line in lines:
        if not line:
            continue
        if len(line) != 3:
            raise _refused(wheel, f"its RECORD has a line that is none of path, hash and size: {','.join(line)[:80]!a}")
        path, hashed, size = line
        if path in rows:
            raise _refused(wheel, f"its RECORD lists {path!a} twice")
        if size and not (size.isascii() and size.isdigit()):
            raise _refused(wheel, f"its RECORD gives {path!a} the size {size[:20]!a}")
        if path in unhashed:
            rows[path] = RecordRow(path, "", None, None)
            continue
        algorithm, _, text = hashed.partition("=")
        if algorithm not in _STRONG:
            raise _refused(wheel, f"its RECORD gives {path!a} {f'a weak hash, {algorithm!a}' if hashed else 'no hash'}")
        rows[path] = RecordRow(path, algorithm, _decoded(text, path, wheel), int(size) if size else None)
    return rows


def verified(chunks: Iterable[bytes], row: RecordRow, wheel: str) -> Iterator[bytes]:
    """The pieces, passed on; at their end their hash and size are what RECORD says.

    Raises:
        BuildError: They are not.
    """
    if row.digest is None:
        yield from chunks
        return
    total, size = _STRONG[row.algorithm](), 0
    for piece in chunks:
        total.update(piece)
        size += len(piece)
        yield piece
    if total.digest() != row.digest or row.size not in (None, size):
        raise _refused(wheel, f"its file {row.path!a} is not the one that its RECORD lists")


def installed_record(files: Iterable[tuple[str, bytes | None, int]]) -> bytes:
    """The RECORD of what was laid out.

    Args:
        files: Path from site-packages, SHA-256 and size; no SHA-256 for what has none (bytecode, RECORD itself).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for path, digest, size in sorted(files):
        if digest is None:
            writer.writerow((path, "", ""))
        else:
            hashed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            writer.writerow((path, f"sha256={hashed}", size))
    return text.getvalue().encode()


def _decoded(text: str, path: str, wheel: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused(wheel, f"its RECORD gives {path!a} a hash that is none") from None


def _refused(wheel: str, reason: str) -> BuildError:
    return BuildError(
        f"the wheel is refused: {reason}", where=wheel, hint="ask its maker, or name another version of the package"
    )
