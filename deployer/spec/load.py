"""Spec files: one file, a folder of them, or standard input, each with one or many documents."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import BinaryIO

from deployer.errors import NotFound, SpecError
from deployer.nearest import closest
from deployer.spec.yaml_text import LARGEST, Path, Place, parse_documents
from deployer.value import JSON

__all__ = ["Document", "load_documents", "parse_yaml"]

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Document:
    """One spec as it is written, before anything is laid over it.

    Attributes:
        data: The mapping, as JSON values.
        source: The file as the user named it, or ``standard input``.
        places: Of each key and list item.
    """

    data: dict[str, JSON]
    source: str
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False)

    def line_of(self, path: Path = ()) -> int:
        """The line, from 1, of a key; of the nearest one around it when it is not written itself."""
        return next((self.places[path[:n]].line for n in range(len(path), -1, -1) if path[:n] in self.places), 1)

    def where(self, path: Path = ()) -> str:
        """``deployer.yaml:7``."""
        return f"{self.source}:{self.line_of(path)}"

    def text_of(self, path: Path) -> str | None:
        """A number or truth value as it is written (``1.10``); None for all else."""
        place = self.places.get(path)
        return place.text if place else None


def load_documents(path: str | FilePath, *, stdin: BinaryIO | None = None) -> tuple[Document, ...]:
    """All documents of a file, of a folder's ``*.yaml`` and ``*.yml`` in the order of their names, or of ``-``.

    Args:
        path: A file, a folder, or ``-`` for standard input.
        stdin: What ``-`` reads; by default the process's.

    Raises:
        NotFound: There is no such file or folder, or the folder holds no YAML.
        SpecError: It is not readable as YAML, or a document is not a mapping; with file and line.
    """
    if str(path) == "-":
        return _nonempty(parse_yaml((stdin or sys.stdin.buffer).read(LARGEST + 1), "standard input"), "standard input")
    found = FilePath(path)
    if not found.is_dir():
        return _nonempty(parse_yaml(_read(found), str(path)), str(path))
    files = sorted(each for each in found.iterdir() if each.suffix in _ENDINGS and not each.name.startswith("."))
    if not files:
        raise NotFound("no *.yaml or *.yml in this folder", where=str(path))
    return _nonempty(tuple(each for file in files for each in parse_yaml(_read(file), str(file))), str(path))


def parse_yaml(raw: bytes, source: str) -> tuple[Document, ...]:
    """The documents of a YAML text; empty ones are left out.

    Raises:
        SpecError: Not UTF-8, not YAML, too large, or a document that is not a mapping.
    """
    if len(raw) > LARGEST:
        raise SpecError(f"larger than {LARGEST // 1_000_000} MB: this is no spec", where=source)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"not UTF-8: {error.reason}", where=f"{source}:{line}") from None
    documents = []
    for parsed in parse_documents(text, source):
        if not isinstance(parsed.data, dict):
            place = parsed.places[()]
            raise SpecError(
                "a spec is a mapping of fields, such as 'name: iris'", where=f"{source}:{place.line}:{place.column}"
            )
        documents.append(Document(parsed.data, source, parsed.places))
    return tuple(documents)


def _nonempty(documents: tuple[Document, ...], source: str) -> tuple[Document, ...]:
    if not documents:
        raise SpecError("there is no spec in it", where=source, hint="deployer init")
    return documents


def _read(path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except FileNotFoundError:
        near = closest(path.name, [each.name for each in path.parent.glob("*") if each.suffix in _ENDINGS])
        raise NotFound(
            "no such file", where=str(path), hint=f"did you mean {path.parent / near}?" if near else None
        ) from None
    except OSError as error:
        raise SpecError(f"cannot be read: {(error.strerror or 'unknown reason').lower()}", where=str(path)) from None
