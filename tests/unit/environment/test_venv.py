"""Copies of folders: what cp cannot, Python does; a full disk is said as one."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from deployer.environment.venv import copy_tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "source"
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "file").write_text("x")
    (place / "link").symlink_to("sub")
    (tmp_path / "target").mkdir()
    return place


def said_by_cp(folder: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "cp").write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    (folder / "bin" / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))


def copied(target: Path) -> bool:
    return (target / "sub" / "file").read_text() == "x" and (target / "link").readlink() == Path("sub")


def test_copies_links_as_links_and_shares_no_inode(source: Path, tmp_path: Path) -> None:
    copy_tree(source, tmp_path / "target")
    assert copied(tmp_path / "target")
    assert (source / "sub" / "file").stat().st_ino != (tmp_path / "target" / "sub" / "file").stat().st_ino


def test_a_cp_without_these_options(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said_by_cp(tmp_path, monkeypatch, "cp: unrecognized option: reflink=auto")
    copy_tree(source, tmp_path / "target")
    assert copied(tmp_path / "target")


def test_no_cp_at_all(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nothing-here")
    copy_tree(source, tmp_path / "target")
    assert copied(tmp_path / "target")


@pytest.mark.parametrize(
    ("words", "code"), [("No space left on device", errno.ENOSPC), ("Disk quota exceeded", errno.EDQUOT)]
)
def test_a_full_disk(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, code: int) -> None:
    said_by_cp(tmp_path, monkeypatch, f"cp: error writing file: {words}")
    with pytest.raises(OSError, match=words) as caught:
        copy_tree(source, tmp_path / "target")
    assert caught.value.errno == code


def test_what_python_cannot_copy_either_is_one_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nothing-here")

    def failing(_source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr("shutil.copytree.__defaults__", (True, None, failing, False, False))
    with pytest.raises(OSError, match="No space left") as caught:
        copy_tree(source, tmp_path / "target")
    assert caught.value.errno == errno.ENOSPC
