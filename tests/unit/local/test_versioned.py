"""Compare and swap without a lock."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from deployer_local.supervisor.versioned import KEPT, Moved, is_version, read_version, write_version


def test_each_write_is_the_next_version(tmp_path: Path) -> None:
    assert read_version(tmp_path, "record") is None
    assert read_version(tmp_path / "none", "record") is None
    first = write_version(tmp_path, "record", b"1", None)
    second = write_version(tmp_path, "record", b"2", first)
    assert read_version(tmp_path, "record") == second
    assert (second.number, second.data) == (2, b"2")
    assert first.token != second.token
    assert (tmp_path / "record.2.json").stat().st_mode & 0o777 == 0o600
    write_version(tmp_path, "desired", b"x", None)
    assert read_version(tmp_path, "record") == second


def test_a_version_that_holds_no_more_is_refused(tmp_path: Path) -> None:
    first = write_version(tmp_path, "record", b"1", None)
    write_version(tmp_path, "record", b"2", first)
    for before in (first, None):
        with pytest.raises(Moved):
            write_version(tmp_path, "record", b"late", before)
    assert (tmp_path / "record.2.json").read_bytes() == b"2"


def test_few_versions_are_kept_and_nothing_else(tmp_path: Path) -> None:
    version = None
    for number in range(10):
        version = write_version(tmp_path, "record", str(number).encode(), version)
    assert len(list(tmp_path.iterdir())) == KEPT + 1


def test_a_number_that_was_dropped_long_since_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that is stopped right before its link, while others write on and on."""
    first = write_version(tmp_path, "record", b"1", None)
    link = os.link

    def late(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(os, "link", link)
        version = first
        for number in range(2, 9):
            version = write_version(tmp_path, "record", str(number).encode(), version)
        link(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(Moved):
        write_version(tmp_path, "record", b"stale", first)
    found = read_version(tmp_path, "record")
    assert found is not None
    assert found.data == b"8"
    assert len(list(tmp_path.iterdir())) == KEPT + 1


@pytest.mark.parametrize("again", [True, False])
def test_a_folder_that_was_made_anew_takes_nothing_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    folder = tmp_path / "iris"
    folder.mkdir()
    before = write_version(folder, "record", b"1", None)
    link = os.link

    def late(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(os, "link", link)
        shutil.rmtree(folder)
        if again:
            folder.mkdir()
        link(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(Moved):
        write_version(folder, "record", b"stale", before)
    assert read_version(folder, "record") is None
    folder.mkdir(exist_ok=True)
    write_version(folder, "record", b"anew", None)
    with pytest.raises(Moved):
        write_version(folder, "record", b"stale", before)


def test_of_many_writers_each_version_has_one(tmp_path: Path) -> None:
    wrote: list[int] = []

    def race(name: int) -> None:
        for _ in range(40):
            before = read_version(tmp_path, "record")
            try:
                wrote.append(write_version(tmp_path, "record", str(name).encode(), before).number)
            except Moved:
                continue

    threads = [threading.Thread(target=race, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrote) == len(set(wrote))
    found = read_version(tmp_path, "record")
    assert found is not None
    assert found.number == max(wrote)


def test_a_failed_write_leaves_the_old_version_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_version(tmp_path, "record", b"1", None)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_version(tmp_path, "record", b"2", first)
    assert read_version(tmp_path, "record") == first
    assert [path.name for path in tmp_path.iterdir()] == ["record.1.json"]


@pytest.mark.parametrize(
    ("name", "known"),
    [("record.1.json", True), ("desired.22.json", True), ("other.1.json", False), ("record.json", False)],
)
def test_names(name: str, known: bool) -> None:
    assert is_version(name, "record", "desired") is known
