"""The wheel that people install: built, looked into, installed in a clean environment, and used there."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("wheel")]

CHECKOUT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [Path(each) for each in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
VERSION: str = PYPROJECT["project"]["version"]
EXAMPLE = CHECKOUT / "examples" / "models" / "iris"
ROWS = CHECKOUT / "examples" / "rows.csv"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(*command: str | Path, folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={**os.environ, "UV_CACHE_DIR": str(cache), "UV_LINK_MODE": "copy"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert result.returncode == 0, f"{command[0]} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, CHECKOUT, folder=folder, cache=uv_cache)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    """The folder of the commands of an environment that holds the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    uv = find_uv_bin()
    _run(uv, "venv", "--quiet", "--python", sys.executable, folder / "v", folder=folder, cache=uv_cache)
    commands = folder / "v" / ("Scripts" if sys.platform == "win32" else "bin")
    python = commands / "python"
    _run(uv, "pip", "install", "--quiet", "--python", python, wheel, folder=folder, cache=uv_cache)
    return commands


@pytest.fixture
def run(installed: Path, tmp_path: Path, uv_cache: Path) -> Run:
    """Run a command of that environment in an empty folder; anything but exit code 0 fails the test."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return _run(installed / name, *arguments, folder=tmp_path, cache=uv_cache)

    return run


def test_the_wheel_holds_every_file_of_its_packages_and_nothing_else(wheel: Path) -> None:
    wanted = {
        (package.name / path.relative_to(CHECKOUT / package)).as_posix()
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    manifests = {
        path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "manifests").rglob("*") if path.is_file()
    }
    assert wanted <= held
    assert {name for name in manifests if not any(each.endswith(name) for each in held)} == set()
    assert {name for name in held - wanted if not any(name.endswith(each) for each in manifests)} == set()


def test_the_wheel_is_typed_licensed_and_names_its_entry_points(wheel: Path) -> None:
    info = f"mlflow_deployer-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = configparser.ConfigParser()
        entry_points.read_string(archive.read(f"{info}/entry_points.txt").decode())
        metadata = archive.read(f"{info}/METADATA").decode()
    assert {f"{package.name}/py.typed" for package in PACKAGES} <= names
    assert f"{info}/licenses/LICENSE" in names
    assert "License-Expression: Apache-2.0" in metadata
    assert dict(entry_points["console_scripts"]) == PYPROJECT["project"]["scripts"]
    assert dict(entry_points["deployer.targets"]) == PYPROJECT["project"]["entry-points"]["deployer.targets"]


def test_no_file_of_the_wheel_names_the_machine_that_built_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        telling = [name for name in archive.namelist() if str(CHECKOUT).encode() in archive.read(name)]
    assert telling == []


def test_the_installed_package_is_imported_from_where_it_was_installed(run: Run, installed: Path) -> None:
    script = "import deployer, deployer_local as local; print(deployer.__file__, local.__file__, sep='\\n')"
    for path in run("python", "-c", script).stdout.splitlines():
        assert Path(path).is_relative_to(installed.parent)


def test_the_installed_command_says_its_version_and_its_targets(run: Run) -> None:
    assert VERSION in run("deployer", "--version").stdout
    assert "local" in run("deployer", "targets").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="local runs on Linux and macOS")
def test_the_installed_command_deploys_predicts_and_deletes(run: Run) -> None:
    created = json.loads(run("deployer", "create", "iris", "--model", EXAMPLE, "-o", "json").stdout)
    try:
        assert created["name"] == "iris"
        predicted = run("deployer", "predict", "iris", "-i", ROWS).stdout.splitlines()
        assert predicted[1].endswith(",setosa")
        assert len(predicted) == len(ROWS.read_text(encoding="utf-8").splitlines())
    finally:
        run("deployer", "delete", "iris", "--yes")
