"""The crash matrix on the in-memory target: every kill point of every command."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from deployer.testing.crash import COMMANDS, MemoryBench, run_matrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.crash_matrix
@pytest.mark.parametrize("word", COMMANDS)
def test_the_same_command_converges_wherever_the_first_was_killed(
    word: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = run_matrix(MemoryBench, tmp_path, commands=[word], workers=2)
    found = report.commands[word]
    record_property("kill points", found.kill_points)
    record_property("converged", found.converged)
    assert report.failures == []
    assert found.killed == found.converged == found.kill_points == len(found.effects) > 0


@pytest.mark.crash_matrix
@pytest.mark.parametrize("word", ["create", "update", "failed update"])
def test_it_converges_when_the_values_of_secrets_change(word: str, tmp_path: Path) -> None:
    report = run_matrix(partial(MemoryBench, secrets=True), tmp_path, commands=[word], workers=2)
    found = report.commands[word]
    assert "deployer.memory.request keep_secrets" in found.effects
    assert report.failures == []
    assert found.killed == found.converged == found.kill_points


def test_the_effects_are_each_request_before_and_after_it_is_sent(tmp_path: Path) -> None:
    report = run_matrix(MemoryBench, tmp_path, commands=["create"], points=0)
    effects = report.commands["create"].effects
    assert report.commands["create"].killed == 0
    verbs = [effect.split()[1] for effect in effects]
    assert verbs[::2] == verbs[1::2]
    assert {effect.split()[0] for effect in effects[::2]} == {"deployer.memory.request"}
    assert {effect.split()[0] for effect in effects[1::2]} == {"deployer.memory.sent"}
    assert {"write_record", "configure", "stage", "route", "invoke_revision"} <= set(verbs)
