"""Archives: the same bytes whatever the order, readable by everybody."""

from __future__ import annotations

import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import BuildError
from deployer.image.places import TIME
from deployer.image.tar import (
    Entry,
    digest_of,
    file_entry,
    folder_entry,
    link_entry,
    stream_of,
    tar_chunks,
    tar_size,
)


def written(*entries: Entry) -> bytes:
    return b"".join(tar_chunks(entries))


def members(content: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        return archive.getmembers()


def test_what_is_written_is_plain() -> None:
    content = written(
        file_entry("opt/a/run", b"#!", executable=True), link_entry("opt/a/link", "../b"), folder_entry("opt/empty")
    )
    found = {member.name: member for member in members(content)}
    assert list(found) == ["opt", "opt/a", "opt/a/link", "opt/a/run", "opt/empty"]
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in found.values()} == {
        (0, 0, "", "", TIME)
    }
    assert [oct(found[name].mode) for name in ("opt/a", "opt/a/run", "opt/empty")] == ["0o755"] * 3
    assert found["opt/a/link"].linkname == "../b"
    assert members(written(file_entry("x", b"1")))[0].mode == 0o644
    assert len(content) % 512 == 0


def test_folders_that_layers_share_are_alike() -> None:
    one, two = written(file_entry("opt/x/1", b"1")), written(file_entry("opt/x/2", b"2"))
    assert one[:1024] == two[:1024]


LONG = ["a" * 101, f"{'d' * 90}/{'f' * 90}", f"{'d' * 160}/{'f' * 90}", "ü" * 60, f"{'d/' * 120}ende", "x" * 250]


@pytest.mark.parametrize("path", LONG)
def test_long_and_foreign_names(path: str) -> None:
    content = written(file_entry(path, b"content"))
    assert members(content)[-1].name == path
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        file = archive.extractfile(path)
        assert file is not None
        assert file.read() == b"content"


def test_a_long_link() -> None:
    assert members(written(link_entry("l", "t" * 200)))[0].linkname == "t" * 200


def test_a_file_of_more_than_eight_gigabytes_has_its_size_in_a_pax_header() -> None:
    size = 9 << 30
    chunks = tar_chunks([Entry("large", "file", size, chunks=lambda: iter([b""]))])
    head = next(chunks)
    with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
        member = archive.firstmember  # type: ignore[attr-defined]
    assert (member.name, member.size) == ("large", size)
    assert tar_size([Entry("large", "file", size)]) == len(head) + size + 1024


paths = st.lists(st.text("abcü-_.", min_size=1, max_size=40), min_size=1, max_size=6).map("/".join)


@given(st.dictionaries(paths, st.binary(max_size=1500), max_size=12), st.integers())
def test_the_order_of_entries_does_not_count(files: dict[str, bytes], seed: int) -> None:
    entries = [file_entry(f"top{number}/{path}", content) for number, (path, content) in enumerate(files.items())]
    shuffled = list(entries)
    random.Random(seed).shuffle(shuffled)
    content = written(*entries)
    assert content == written(*shuffled)
    assert len(content) == tar_size(entries) == digest_of(tar_chunks(entries))[1]
    assert {each.name for each in members(content) if each.isfile()} == {entry.path for entry in entries}


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(BuildError, match="same path"):
        written(file_entry("a", b"1"), file_entry("a", b"2"))
    with pytest.raises(BuildError, match="both a file and a folder"):
        written(file_entry("a", b"1"), file_entry("a/b", b"2"))


@pytest.mark.parametrize("pieces", [[b"12"], [b"123", b"4"], [b"1" * 600]])
def test_a_file_that_changed_its_size_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(BuildError, match="not of the size"):
        written(Entry("a", "file", 3, chunks=lambda: pieces))


def test_a_stream_ends_its_maker_when_it_is_closed() -> None:
    ended = []

    def pieces() -> object:
        try:
            yield b"abc"
            yield b"defg"
        finally:
            ended.append(True)

    stream = stream_of(pieces())  # type: ignore[arg-type]
    assert stream.read(2) == b"ab"
    stream.close()
    assert ended == [True]
    with stream_of(iter([b"abc", b"", b"defg"])) as other:
        assert other.read() == b"abcdefg"
