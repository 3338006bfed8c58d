"""Finding a Python of exactly the wanted minor version."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from deployer.environment import Uv, find_python
from deployer.environment import interpreter as module
from deployer.environment.interpreter import Interpreter, inspect_python
from deployer.errors import BuildError

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = Path(sys._base_executable)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _not_remembered() -> None:
    find_python.cache_clear()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Uv:
    """A machine whose running Python is another one, and where uv cannot fetch any."""
    monkeypatch.setattr(module, "_running", lambda _: None)
    monkeypatch.setenv("PATH", "/bin-that-is-not-there")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(module, "_install", lambda *_: "there is no network")
    return Uv.found(tmp_path / "uv")


def test_the_running_one_is_found_at_once_and_is_no_virtual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as no_process:
        no_process.setattr(module, "subprocess", None)
        found = find_python(MINOR)
    assert found == BASE
    assert not (found.parent.parent / "pyvenv.cfg").exists()
    assert inspect_python(found) == Interpreter(found, ".".join(map(str, sys.version_info[:3])))


def test_a_virtual_environments_python_leads_to_its_base() -> None:
    assert inspect_python(Path(sys.executable)) == inspect_python(BASE)


def test_pyenvs_newest_patch_is_tried_first(elsewhere: Uv, tmp_path: Path) -> None:
    for patch in ("2", "10"):
        place = tmp_path / "pyenv" / "versions" / f"{MINOR}.{patch}" / "bin"
        place.mkdir(parents=True)
        (place / f"python{MINOR}").symlink_to(BASE)
    (tmp_path / "pyenv" / "versions" / f"{MINOR}.10" / "bin" / f"python{MINOR}").unlink()
    assert [path.parts[-3] for path in module._pyenv(MINOR)] == [f"{MINOR}.10", f"{MINOR}.2"]
    assert find_python(MINOR, uv=elsewhere).resolve() == BASE.resolve()


def test_what_does_not_work_is_passed_over(elsewhere: Uv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shims, good = tmp_path / "shims", tmp_path / "good"
    for folder, text in ((shims, "echo not here >&2; exit 127"), (good, f'exec {BASE} "$@"')):
        folder.mkdir()
        (folder / f"python{MINOR}").write_text(f"#!/bin/sh\n{text}\n")
        (folder / f"python{MINOR}").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}{os.pathsep}{good}")
    assert find_python(MINOR, uv=elsewhere) == BASE


def test_another_minor_under_the_wanted_name_is_refused(
    elsewhere: Uv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.99").symlink_to(BASE)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BuildError, match=r"needs Python 3\.99, which is not on this machine") as caught:
        find_python("3.99", uv=elsewhere)
    assert "uv python install 3.99" in str(caught.value.hint)
    assert "there is no network" in str(caught.value)


def test_uv_is_asked_to_install_and_says_why_it_cannot(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"3\.99") as caught:
        find_python("3.99", uv=Uv.found(tmp_path / "uv"))
    assert "\n" not in str(caught.value)


def test_what_is_no_python() -> None:
    assert inspect_python(Path("/bin/true")) is None
    assert inspect_python(Path("/nowhere")) is None
