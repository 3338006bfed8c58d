"""The crash matrix on Azure ML's double: a few fixed kill points; all of them with DEPLOYER_TEST_CRASH_MATRIX=all.

Containers are threads of the double where each command is killed, and real ones where a few are.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("azure.identity", reason="azure-identity is not installed: pip install azure-core azure-identity")
pytest.importorskip("cryptography", reason="cryptography is not installed")

from deployer.testing.crash import COMMANDS, run_matrix
from tests.e2e.kept import kept_folder

if sys.platform == "win32":
    pytest.skip("the crash matrix kills by signals", allow_module_level=True)

from deployer.testing.crash.azureml import AzureMLBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.plugins.docker import Image, Scope

EVERY = os.environ.get("DEPLOYER_TEST_CRASH_MATRIX") == "all"
FEW = {"create": 1, "update": 1}
"""How many points of each, spread evenly."""
REAL = {"update": 1}
"""The same with real containers."""


@pytest.fixture(scope="module")
def name(
    docker_host: str, base_image: Image, new_docker_scope: Callable[[], AbstractContextManager[Scope]]
) -> Iterator[str]:
    """One name for all of them, so that the layers which they share are pushed once."""
    with new_docker_scope() as scope:
        yield scope.name


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.mark.index
@pytest.mark.slow
@pytest.mark.crash_matrix
@pytest.mark.real("docker")
@pytest.mark.xdist_group("crash-azureml")
@pytest.mark.timeout(4 * 3600 if EVERY else 600)
@pytest.mark.parametrize(
    ("word", "real"),
    [
        *((word, False) for word in (COMMANDS if EVERY else FEW)),
        *(pytest.param(word, True, marks=() if EVERY else pytest.mark.exhaustive) for word in REAL),
    ],
)
def test_the_same_command_converges_wherever_the_first_was_killed(
    *, word: str, real: bool, name: str, docker_host: str, models: Path, tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    def bench(own: Path, _shared: Path) -> AzureMLBench:
        engine = docker_host if real else None
        return AzureMLBench(own, models, engine=engine, name=name, cache=kept_folder() / "build-cache")

    points = REAL[word] if real else None if EVERY else FEW[word]
    report = run_matrix(bench, tmp_path, commands=[word], points=points)
    found = report.commands[word]
    record_property("kill points", found.kill_points)
    record_property("killed", found.killed)
    record_property("converged", found.converged)
    assert report.failures == []
    assert found.killed == found.converged == (points or found.kill_points)
