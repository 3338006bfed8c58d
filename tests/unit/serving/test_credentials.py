from __future__ import annotations

from pathlib import Path

import pytest

from deployer.serving.credentials import read_secrets


def test_files_become_variables(tmp_path: Path) -> None:
    (tmp_path / "A_KEY").write_text("line\n")
    (tmp_path / "B2").write_bytes(b"\xff\xfe")
    (tmp_path / "..data").mkdir()
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "..data" / "C").write_text("linked")
    (tmp_path / "C").symlink_to(tmp_path / "..data" / "C")
    assert read_secrets(str(tmp_path)) == {"A_KEY": "line\n", "B2": "\udcff\udcfe", "C": "linked"}


@pytest.mark.parametrize(("name", "value"), [("a-b", b"hush"), ("1A", b"hush"), ("A", b"hush\0"), ("A=B", b"hush")])
def test_what_cannot_be_a_variable(tmp_path: Path, name: str, value: bytes) -> None:
    (tmp_path / name).write_bytes(value)
    with pytest.raises(ValueError, match=name) as raised:
        read_secrets(str(tmp_path))
    assert "hush" not in str(raised.value)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        read_secrets(str(tmp_path / "missing"))
