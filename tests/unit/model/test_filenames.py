"""Names that may ship, and names that may not."""

from __future__ import annotations

import pytest

from deployer.errors import SpecError
from deployer.model.filenames import check_name, check_names


@pytest.mark.parametrize("name", ["MLmodel", "code/a b.py", "data/ünïcode.bin", "..x", "a/.hidden", "x.wh.y", "日本"])
def test_ordinary_names(name: str) -> None:
    check_name(name, where="model")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("", "empty"),
        ("../x", "leaves"),
        ("a/../../x", "leaves"),
        ("a//b", "plain"),
        ("./a", "plain"),
        ("a/", "plain"),
        ("C:x", "Windows"),
        ("a\\b", "Windows"),
        (".wh.MLmodel", "image layer"),
        ("a/.wh..wh..opq", "image layer"),
        ("a\nb", "control"),
        ("a\x00b", "control"),
        ("a\x7f", "control"),
        ("a\udcff", "not text"),
        ("a\u202egpj.exe", "control"),
        ("x" * 256, "longer"),
    ],
)
def test_unsafe_names(name: str, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        check_name(name, where="model")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.txt", "A.TXT"), ("dir/x", "Dir/y"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE"), ("\u017f", "s")],
)
def test_names_that_collide(one: str, other: str) -> None:
    with pytest.raises(SpecError, match="one file where case or accents do not count"):
        check_names([one, other], where="model")
    check_names([one], where="model")
