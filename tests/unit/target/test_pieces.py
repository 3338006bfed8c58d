"""Bytes in pieces as a file, and the last word of whoever gives them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from deployer.errors import SpecError
from deployer.target.pieces import Forwards, Pieces


def test_pieces_are_a_file_that_is_read_forwards() -> None:
    assert io.BufferedReader(Pieces([b"ab", b"", b"c", b"def"])).read() == b"abcdef"
    some = Pieces([b"abc", b"d"])
    assert (some.read(2), some.read(2), some.read(2), some.read(2)) == (b"ab", b"c", b"d", b"")


def test_an_archive_that_is_taken_back_at_its_end_is_not_taken() -> None:
    """An archive's reader stops at two empty blocks, and what is wrong with it is told after them."""

    def archive() -> Iterator[bytes]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("a"))
        yield buffer.getvalue()
        raise SpecError("the model's files changed")

    pieces = Pieces(archive())
    with tarfile.open(fileobj=pieces, mode="r|", bufsize=512) as members:
        assert [each.name for each in members] == ["a"]
    with pytest.raises(SpecError, match="changed"):
        pieces.drain()


def test_a_file_that_cannot_be_wound_back() -> None:
    file = Forwards(io.BytesIO(b"abc"))
    assert (file.read(2), file.read()) == (b"ab", b"c")
    assert not hasattr(file, "seek")
