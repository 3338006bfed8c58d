"""Fixtures: a place of its own for each test, without a process left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deployer.target import Target
from tests.integration.local.place import LocalPlace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LocalPlace]:
    place = LocalPlace(tmp_path / "local")
    yield place
    _end(place)


@pytest.fixture
def workbench(place: LocalPlace) -> LocalPlace:
    return place


@pytest.fixture
def target(place: LocalPlace) -> Target:
    return place.connect()


def _end(place: LocalPlace) -> None:
    """Kill what still runs from the place, by its id; the supervisors first, so that they start nothing anew."""
    until = time.monotonic() + 10.0
    while left := place.processes():
        for pid, _ in sorted(left, key=lambda each: "--revision" in each[1]):
            if pid != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
        assert time.monotonic() < until, f"they do not end: {left}"
        time.sleep(0.02)
