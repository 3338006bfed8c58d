"""The plug-in for what needs an engine, run as a person runs pytest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.plugins.docker import HOW, UP, Scope
from tests.plugins.test_plugins import Project

PLUGIN = "-ptests.plugins.docker"
TWO_TESTS = "def test_it(docker_host): pass\ndef test_other(): assert not __import__('os').environ.get('DOCKER_HOST')\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_without_an_engine_one_line_says_how_to_have_one(project: Project) -> None:
    project.write("tests/test_it.py", TWO_TESTS)
    nowhere = f"unix://{tempfile.gettempdir()}/nobody.sock"
    skipped = project.run(PLUGIN, "-rs", DOCKER_HOST=nowhere)
    assert skipped.returncode == 0, skipped.stdout
    assert "1 passed, 1 skipped" in skipped.stdout
    assert f"no Docker engine answers at {nowhere}" in skipped.stdout
    assert HOW in skipped.stdout
    failed = project.run(PLUGIN, DOCKER_HOST=nowhere, DEPLOYER_TEST_REQUIRE="docker")
    assert failed.returncode == 1
    assert "docker is required here" in failed.stdout


def test_an_engine_on_another_machine_is_not_used(project: Project) -> None:
    project.write("tests/test_it.py", TWO_TESTS)
    skipped = project.run(PLUGIN, "-rs", DOCKER_HOST="tcp://192.0.2.1:2376")
    assert skipped.returncode == 0
    assert "by a Unix socket only" in skipped.stdout


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_what_is_left_on_the_engine_fails_the_run_and_goes(
    project: Project, docker_scope: Scope, workers: list[str]
) -> None:
    project.write(
        "tests/test_it.py",
        "from tests.plugins.docker import prefix\n"
        "def volume(scope, name): scope.engine.ask('POST', '/volumes/create', {'Name': name})\n"
        "def test_tidy(docker_scope): volume(docker_scope, docker_scope.name)\n"
        "def test_other(docker_scope):\n"
        "    assert docker_scope.left() == []\n"
        f"    volume(docker_scope, prefix() + '{docker_scope.name}')\n",
    )
    given = {name: os.environ[name] for name in UP} | {"DEPLOYER_TEST_DOCKER_HOST": docker_scope.engine.host}
    result = project.run(PLUGIN, *workers, **given)
    assert result.returncode == 1, result.stdout
    assert "2 passed" in result.stdout
    left = [line for line in result.stdout.splitlines() if line.startswith("volume ")]
    assert len(left) == 1
    assert left[0].endswith(docker_scope.name)
    assert docker_scope.left() == []
