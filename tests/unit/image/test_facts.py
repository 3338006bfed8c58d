"""What a base offers, told from its layers."""

from __future__ import annotations

import io
import tarfile

import pytest

from deployer.errors import BuildError, SpecError
from deployer.image.facts import Facts, default_base, facts_of, require_fit
from deployer.image.listing import Tree, read_listing, stacked
from tests.unit.image.bases import LIBC, Entries, tar_of

DEBIAN: Entries = (
    ("lib", "usr/lib"),
    ("bin", "usr/bin"),
    ("usr/lib/x86_64-linux-gnu/libc.so.6", LIBC),
    ("./usr/bin/python3.11", b"ELF"),
    ("usr/bin/python3", "python3.11"),
)
PATH = ["/usr/local/bin", "/usr/bin"]


def tree(*layers: Entries) -> Tree:
    return stacked(read_listing(io.BytesIO(tar_of(each)), "x") for each in layers)


def test_debian() -> None:
    assert facts_of(tree(DEBIAN), PATH) == Facts({"3.11": "/usr/bin/python3.11"}, "2.36")


def test_the_first_of_the_search_path_wins() -> None:
    official: Entries = [("usr/local/bin/python3.11", b"ELF"), ("opt/conda/bin/python3.12", b"ELF")]
    found = facts_of(tree(DEBIAN, official), PATH)
    assert found.pythons == {"3.11": "/usr/local/bin/python3.11", "3.12": "/opt/conda/bin/python3.12"}
    assert facts_of(tree(DEBIAN, official), ["/usr/bin"]).pythons["3.11"] == "/usr/bin/python3.11"


def test_links_are_followed_within_the_image() -> None:
    linked: Entries = [
        ("opt/py/bin/python3.12", b"ELF"),
        ("usr/local/bin/python3.12", "../../../opt/py/bin/python3.12"),
        ("usr/local/bin/python3.13", "/opt/py/bin/python3.12"),
        ("usr/local/bin/python3.9", "/nowhere"),
        ("usr/local/bin/python3.8", "python3.8"),
        ("usr/local/bin/python3.10", "../../../../../../opt/pypy/bin/pypy3.10"),
        ("opt/pypy/bin/pypy3.10", b"ELF"),
    ]
    found = facts_of(tree(linked), PATH).pythons
    assert found == {"3.12": "/usr/local/bin/python3.12", "3.13": "/usr/local/bin/python3.13"}


def test_what_a_higher_layer_removed_is_not_there() -> None:
    removed: Entries = [("usr/bin/.wh.python3.11", b"")]
    assert facts_of(tree(DEBIAN, removed), PATH).pythons == {}
    opaque: Entries = [("usr/bin/.wh..wh..opq", b""), ("usr/bin/python3.12", b"ELF")]
    assert facts_of(tree(DEBIAN, opaque), PATH).pythons == {"3.12": "/usr/bin/python3.12"}
    folder: Entries = [("usr/.wh.lib", b"")]
    assert facts_of(tree(DEBIAN, folder), PATH).glibc is None
    again: Entries = [("usr/bin/.wh.python3.11", b""), ("usr/bin/python3.11", b"ELF")]
    assert facts_of(tree(DEBIAN, again), PATH).pythons


def test_a_folder_that_became_a_link_takes_its_content_along() -> None:
    before: Entries = [("usr/bin", None), ("usr/bin/python3.11", b"ELF"), ("bin2/x", b"")]
    assert facts_of(tree(before, [("usr/bin", "../bin2")]), PATH).pythons == {}


def test_a_file_that_cannot_be_run_is_no_python() -> None:
    listing = read_listing(io.BytesIO(tar_of([("usr/bin/python3.11", b"ELF")], mode=0o644)), "x")
    assert facts_of(stacked([listing]), PATH).pythons == {}


def test_hard_links() -> None:
    buffer = io.BytesIO(tar_of([("opt/python3.11", b"ELF")]))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        link = tarfile.TarInfo("usr/bin/python3.11")
        link.type, link.linkname = tarfile.LNKTYPE, "opt/python3.11"
        archive.addfile(link)
    buffer.seek(0)
    assert facts_of(stacked([read_listing(buffer, "x")]), PATH).pythons


def test_the_version_of_an_old_glibc_is_in_its_name() -> None:
    old: Entries = [("lib64/libc.so.6", "libc-2.28.so"), ("lib64/libc-2.28.so", b"ELF")]
    assert facts_of(tree(old), PATH).glibc == "2.28"


def test_what_does_not_fit_says_what_would() -> None:
    alpine = facts_of(tree([("lib/ld-musl-x86_64.so.1", b""), ("usr/local/bin/python3.11", b"")]), PATH)
    with pytest.raises(SpecError, match=r"has musl instead of glibc \(Alpine Linux\)") as caught:
        require_fit(alpine, name="python:3.11-alpine", python="3.11")
    assert (caught.value.where, caught.value.hint) == ("python:3.11-alpine", "image.base=python:3.11-slim")
    with pytest.raises(SpecError, match=r"has Python 3.12, and the model needs 3.11"):
        require_fit(Facts({"3.12": "/x"}, "2.36"), name="python:3.12", python="3.11")
    with pytest.raises(SpecError, match="has no Python, and the model needs"):
        require_fit(Facts({}, "2.36"), name="debian", python="3.11")
    with pytest.raises(SpecError, match="has no glibc"):
        require_fit(Facts({}, None), name="scratch", python="3.11")
    assert require_fit(facts_of(tree(DEBIAN), PATH), name="x", python="3.11") == ("/usr/bin/python3.11", "2.36")
    assert default_base("3.13") == "python:3.13-slim"


def test_what_is_no_tar() -> None:
    with pytest.raises(BuildError, match="not a tar"):
        read_listing(io.BytesIO(b"x" * 2000), "x")
