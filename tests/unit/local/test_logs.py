"""Log lines: merged by time, cut, followed through rotation; and the rotation itself."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from deployer_local.logs import follow_lines, last_lines, read_lines, time_of
from deployer_local.store import Store
from deployer_local.supervisor.journal import KEPT, note, rotate


def _line(second: int, text: str) -> str:
    return f'{{"time": "2026-01-01T00:00:{second:02d}.500Z", "level": "info", "event": "{text}"}}\n'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "iris" / "logs").mkdir(parents=True)
    return Store(tmp_path, "iris")


def _write(store: Store, name: str, *lines: str) -> Path:
    path = store.path / "logs" / name
    with path.open("a") as file:
        file.writelines(lines)
    return path


def test_a_line_tells_its_time_or_not() -> None:
    assert time_of(_line(1, "x").strip()) == 1767225601.5
    for text in ("plain", '{"time": "yesterday"}', '{"time": "', '{"time": 5}'):
        assert time_of(text) is None


def test_lines_of_all_replicas_are_merged_by_time(store: Store) -> None:
    _write(store, "r1.0.log", _line(1, "a"), "  a line without time\n", _line(5, "e"))
    _write(store, "r1.1.log", _line(2, "b"), _line(4, "d"))
    _write(store, "r2.0.log", _line(3, "c"))
    _write(store, "supervisor.log", _line(0, "not a revision's"))
    found = list(read_lines(store, None, None, None))
    assert [(line.revision, line.replica) for line in found] == [
        ("r1", "0"), ("r1", "0"), ("r1", "1"), ("r2", "0"), ("r1", "1"), ("r1", "0"),
    ]  # fmt: skip
    assert found[1].text == "  a line without time"
    assert found[1].at is None
    assert [line.text for line in read_lines(store, "r2", None, None)] == [_line(3, "c").strip()]
    assert [line.at for line in read_lines(store, None, 2, None)] == [1767225604.5, 1767225605.5]
    assert len(list(read_lines(store, None, None, 1767225604.0))) == 2
    assert list(read_lines(Store(store.path.parent, "none"), None, None, None)) == []


def test_rotated_files_are_read_first(store: Store) -> None:
    _write(store, "r1.0.log.2", _line(1, "a"))
    _write(store, "r1.0.log.1", _line(2, "b"))
    _write(store, "r1.0.log", _line(3, "c"))
    assert [line.at for line in read_lines(store, None, None, None)] == [1767225601.5, 1767225602.5, 1767225603.5]


def test_broken_text_is_read_too(store: Store) -> None:
    (store.path / "logs" / "r1.0.log").write_bytes(b"\xff\xfe\r\n" + b"x" * 200_000 + b"\nend")
    texts = [line.text for line in read_lines(store, None, None, None)]
    assert texts[0] == "\ufffd\ufffd"
    assert texts[-1] == "end"
    assert max(map(len, texts)) <= 65536


def test_rotation_keeps_a_few_and_the_writer_goes_on(store: Store) -> None:
    path = store.path / "logs" / "r1.0.log"
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for number in range(5):
            os.write(writer, f"{number}\n".encode() * 10)
            rotate(store.path / "logs", longest=10)
            assert path.stat().st_size == 0
        os.write(writer, b"last\n")
    finally:
        os.close(writer)
    assert path.read_text() == "last\n"
    assert sorted(each.name for each in path.parent.iterdir()) == ["r1.0.log", "r1.0.log.1", "r1.0.log.2"]
    assert path.with_name("r1.0.log.1").read_text().startswith("4")
    assert KEPT == 2


def test_following_goes_on_through_rotation_and_new_files(store: Store) -> None:
    path = _write(store, "r1.0.log", _line(1, "a"))
    lines = follow_lines(store, None, None, None)
    assert next(lines).at == 1767225601.5
    _write(store, "r1.0.log", _line(2, "b"))
    assert next(lines).at == 1767225602.5
    _write(store, "r1.0.log", _line(3, "c"))
    rotate(path.parent, longest=10)
    _write(store, "r1.0.log", _line(4, "d"))
    _write(store, "r2.0.log", _line(5, "e"))
    assert [line.at for line in itertools.islice(lines, 3)] == [1767225603.5, 1767225604.5, 1767225605.5]
    lines.close()  # type: ignore[attr-defined]


def test_following_ends_with_the_endpoint(store: Store) -> None:
    _write(store, "r1.0.log", _line(1, "a"))
    lines = follow_lines(store, None, None, None)
    next(lines)
    store.path.rename(store.path.with_name("gone"))
    assert list(lines) == []


def test_the_supervisor_s_own_lines_have_the_server_s_form(store: Store) -> None:
    note(store.path / "logs" / "r1.0.log", "exited", "error", code=1)
    found = last_lines(store.path / "logs" / "r1.0.log")
    assert len(found) == 1
    assert time_of(found[0]) is not None
    assert last_lines(store.path / "none") == []
