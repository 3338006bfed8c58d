"""What is read: a file or standard input, opened as often as it is gone through, and the form that its content has."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, BinaryIO, cast

from deployer.errors import NotFound, SpecError
from deployer.scoring.json_text import NotJSON, parse

__all__ = ["Form", "Source", "open_source"]

_IN_MEMORY = 32_000_000
_BLOCK = 1_000_000
_SNIFFED = 1_000_000


class Form(StrEnum):
    """What rows are written as."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"


_ENDINGS = {
    ".csv": Form.CSV,
    ".tsv": Form.CSV,
    ".json": Form.JSON,
    ".ndjson": Form.NDJSON,
    ".jsonl": Form.NDJSON,
    ".parquet": Form.PARQUET,
    ".pq": Form.PARQUET,
}


class Source:
    """Rows to predict.

    Attributes:
        name: For messages.
    """

    def __init__(self, name: str, file: Path | BinaryIO) -> None:
        self.name = name
        self._file = file

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes from the beginning."""
        if isinstance(self._file, Path):
            with self._file.open("rb") as file:
                yield file
        else:
            self._file.seek(0)
            yield self._file

    def text(self) -> str:
        """All of it.

        Raises:
            SpecError: It is not UTF-8.
        """
        with self.open() as file:
            raw = file.read()
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise SpecError("not UTF-8", where=f"{self.name}:{line}") from None

    def form(self) -> Form:
        """Told by the file's name, else by its content.

        Raises:
            SpecError: There is nothing in it.
        """
        ending = _ENDINGS.get(Path(self.name).suffix.lower())
        if ending is not None:
            return ending
        with self.open() as file:
            head = file.read(_SNIFFED)
        if head.startswith(b"PAR1"):
            return Form.PARQUET
        text = head.decode("utf-8-sig", "ignore").lstrip()
        if not text:
            raise SpecError("there is nothing in it", where=self.name)
        if text[0] not in "{[":
            return Form.CSV
        first, _, rest = text.partition("\n")
        return Form.NDJSON if rest.strip() and _is_json(first) else Form.JSON


def _is_json(line: str) -> bool:
    try:
        parse(line)
    except NotJSON:
        return False
    return True


@contextlib.contextmanager
def open_source(path: str | Path | BinaryIO, *, stdin: BinaryIO | None = None) -> Iterator[Source]:
    """A file, or ``-`` for standard input, which is kept (beyond 32 MB in a temporary file) so as to be read twice.

    Args:
        path: A path, ``-``, or an open binary file.
        stdin: What ``-`` reads; by default the process's.

    Raises:
        NotFound: There is no such file.
        SpecError: It cannot be read.
    """
    if isinstance(path, str | Path) and str(path) != "-":
        file = Path(path)
        try:
            with file.open("rb"):
                pass
        except FileNotFoundError:
            raise NotFound("no such file", where=str(path)) from None
        except OSError as error:
            reason = "a folder, not a file" if file.is_dir() else (error.strerror or "cannot be read").lower()
            raise SpecError(reason, where=str(path)) from None
        yield Source(str(path), file)
        return
    given = (stdin or sys.stdin.buffer) if isinstance(path, str | Path) else path
    name = "standard input" if isinstance(path, str | Path) else str(getattr(path, "name", "the input"))
    with _kept(given) as kept:
        yield Source(name, kept)


@contextlib.contextmanager
def _kept(file: IO[bytes]) -> Iterator[BinaryIO]:
    if isinstance(file, io.BytesIO):
        yield file
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        while block := file.read(_BLOCK):
            spool.write(block)
        yield cast("BinaryIO", spool)
