from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from deployer.serving.log import KEPT_LINES, Log, take_over_logging

PATIENCE = 120.0


class Written:
    """A log that writes into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)

    def log(self, level: str = "info", secrets: tuple[str, ...] = ()) -> Log:
        return Log(self.descriptor, level, secrets)

    def records(self, log: Log) -> list[dict[str, Any]]:
        log.flush(PATIENCE)
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def written(tmp_path: Path) -> Generator[Written, None, None]:
    found = Written(tmp_path / "log")
    yield found
    os.close(found.descriptor)


def test_a_line(written: Written) -> None:
    log = written.log()
    log.event("x", a=1, b=Path("/p"), c=["\n"])
    log.event("quiet", "debug")
    (record,) = written.records(log)
    assert record.pop("time").endswith("Z")
    assert record == {"level": "info", "event": "x", "a": 1, "b": "/p", "c": ["\n"]}


def test_secrets_are_replaced_wherever_they_are(written: Written) -> None:
    log = written.log(secrets=("hunter2hunter2\n", "abc", "first-line\nsecond-line"))
    log.event("x", a="is hunter2hunter2!", b=[{"c": "hunter2hunter2"}], d=("first-line",), e="abc")
    (record,) = written.records(log)
    assert (record["a"], record["b"], record["d"], record["e"]) == ("is ***!", [{"c": "***"}], ["***"], "abc")


def test_closing_the_descriptor_does_not_end_the_log(written: Written, tmp_path: Path) -> None:
    log = written.log()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    os.dup2(other, written.descriptor)
    os.close(other)
    log.event("x")
    assert [record["event"] for record in written.records(log)] == ["x"]


def test_a_reader_that_stands_still_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    log = Log(writing)
    try:
        for number in range(KEPT_LINES * 3):
            log.event("x", number=number, filler="x" * 100)
        log.flush(0.05)
        assert len(log._lines) <= KEPT_LINES
    finally:
        os.close(reading)
        os.close(writing)


def test_a_reader_that_went_away(written: Written) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = Log(writing)
    log.event("x")
    log.flush(PATIENCE)
    log.event("y")
    log.flush(PATIENCE)
    os.close(writing)


def test_python_logging_is_forwarded(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log = written.log()
    try:
        take_over_logging(log, "info")
        logging.getLogger("a.b").warning("it %s", "works")
        logging.getLogger("a.b").warning("it %d", "does not")
        try:
            raise ValueError("no")
        except ValueError:
            logging.getLogger("a").exception("failed")
        warnings.warn("careful", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before
        root.setLevel(level)
    first, second, *_ = written.records(log)
    assert (first["event"], first["logger"], first["message"]) == ("log", "a.b", "it works")
    assert (second["level"], second["traceback"][-1]) == ("error", "ValueError: no")


def test_secrets_that_come_later_are_hidden_from_then_on(written: Written) -> None:
    log = written.log(secrets=("hunter2hunter2",))
    log.hide(["late-secret\n", "x"])
    log.event("x", a="hunter2hunter2 late-secret x")
    (record,) = written.records(log)
    assert record["a"] == "*** *** x"
