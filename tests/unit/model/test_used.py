"""The mark of use: the access time is set, the time of change stays."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from deployer.model.used import last_used, mark_used

SECOND = 10**9
LONG_AGO, LATER = 1_000 * SECOND, 50_000 * SECOND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, ns=(LONG_AGO + 1, LONG_AGO + 7))
    return path


def test_only_the_access_time_is_set(file: Path) -> None:
    mark_used(file, now=LATER)
    status = file.stat()
    assert (status.st_atime_ns, status.st_mtime_ns) == (LATER, LONG_AGO + 7)
    assert last_used(file) == LATER / SECOND


def test_a_fresh_mark_is_not_set_again_and_one_of_the_future_is(file: Path) -> None:
    os.utime(file, ns=(LATER, LONG_AGO))
    mark_used(file, now=LATER + 60 * SECOND)
    assert file.stat().st_atime_ns == LATER
    mark_used(file, now=LATER - 60 * SECOND)
    assert file.stat().st_atime_ns == LATER - 60 * SECOND


def test_what_was_written_counts_as_used(file: Path) -> None:
    os.utime(file, ns=(LONG_AGO, LATER))
    assert last_used(file) == LATER / SECOND


def test_what_is_not_there_or_may_not_be_marked_is_no_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_used(file.with_name("none")) is None
    mark_used(file.with_name("none"))

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    mark_used(file, now=LATER)
    assert file.stat().st_atime_ns == LONG_AGO + 1


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_a_link_is_judged_by_itself(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file.with_name("gone"))
    assert last_used(link) is not None
