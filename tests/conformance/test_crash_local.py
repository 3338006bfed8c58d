"""The crash matrix on the local target: a few fixed kill points; all of them with DEPLOYER_TEST_CRASH_MATRIX=all."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from deployer.testing.crash import COMMANDS, run_matrix

if sys.platform == "win32":
    pytest.skip("the local target works on Linux and macOS", allow_module_level=True)

from deployer.testing.crash.local import LocalBench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERY = os.environ.get("DEPLOYER_TEST_CRASH_MATRIX") == "all"
FEW = {"create": 1, "update": 1}
"""How many points of each, spread evenly."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all of them, so that the environment is downloaded once."""
    return tmp_path_factory.mktemp("crash")


@pytest.mark.index
@pytest.mark.slow
@pytest.mark.crash_matrix
@pytest.mark.xdist_group("crash-local")
@pytest.mark.timeout(3 * 3600 if EVERY else 600)
@pytest.mark.parametrize("word", COMMANDS if EVERY else FEW)
def test_the_same_command_converges_wherever_the_first_was_killed(
    word: str, place: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def bench(_own: Path, _shared: Path) -> LocalBench:
        return LocalBench(place / "own", place / "models")

    report = run_matrix(bench, tmp_path, commands=[word], points=None if EVERY else FEW[word])
    found = report.commands[word]
    record_property("kill points", found.kill_points)
    record_property("killed", found.killed)
    record_property("converged", found.converged)
    assert report.failures == []
    assert found.killed == found.converged == (found.kill_points if EVERY else FEW[word])
