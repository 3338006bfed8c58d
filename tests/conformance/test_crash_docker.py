"""The crash matrix on a real engine: a few fixed kill points; all of them with DEPLOYER_TEST_CRASH_MATRIX=all."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from deployer.testing.crash import COMMANDS, run_matrix
from tests.e2e.kept import kept_folder

if sys.platform == "win32":
    pytest.skip("the crash matrix kills by signals", allow_module_level=True)

from deployer.testing.crash.docker import DockerBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.plugins.docker import Image, Scope

EVERY = os.environ.get("DEPLOYER_TEST_CRASH_MATRIX") == "all"
FEW = {"create": 1, "update": 1}
"""How many points of each, spread evenly."""


@pytest.fixture(scope="module")
def name(
    docker_host: str,
    base_image: Image,
    gateway_image: Image,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
) -> Iterator[str]:
    """One name for all of them, so that the layers which they share are brought once."""
    with new_docker_scope() as scope:
        yield scope.name


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.mark.index
@pytest.mark.slow
@pytest.mark.crash_matrix
@pytest.mark.real("docker")
@pytest.mark.xdist_group("crash-docker")
@pytest.mark.timeout(4 * 3600 if EVERY else 900)
@pytest.mark.parametrize("word", COMMANDS if EVERY else FEW)
def test_the_same_command_converges_wherever_the_first_was_killed(
    word: str, name: str, models: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def bench(own: Path, _shared: Path) -> DockerBench:
        return DockerBench(own, models, name=name, cache=kept_folder() / "build-cache")

    report = run_matrix(bench, tmp_path, commands=[word], points=None if EVERY else FEW[word])
    found = report.commands[word]
    record_property("kill points", found.kill_points)
    record_property("killed", found.killed)
    record_property("converged", found.converged)
    assert report.failures == []
    assert found.killed == found.converged == (found.kill_points if EVERY else FEW[word])
