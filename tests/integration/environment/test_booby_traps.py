"""A model that is made to bite whoever looks at it: reading, hashing, copying and locking leave no trace."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from deployer.environment import EnvironmentRequest, PackageSources, Uv, host_platform, lock_environment
from deployer.errors import BuildError, SpecError
from deployer.model import digest, parse_requirements, read_metadata, resolve, snapshot
from tests.integration.environment.index import Index, source
from tests.unit.model.saved import document, save


class Bite:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    bite = f"open({str(tmp_path / 'trace')!r}, 'w').close()\n"
    said = document()
    said["flavors"]["python_function"] |= {"loader_module": "trap", "code": "code"}
    files: dict[str, str | bytes | None] = dict.fromkeys(
        ("code/trap.py", "code/sitecustomize.py", "setup.py", "conftest.py"), bite
    )
    files["model.pkl"] = pickle.dumps(Bite(tmp_path / "trace"))
    return save(tmp_path / "model", said, **files)


def lock(found: str, requirements: str, index: Index, uv: Uv) -> None:
    described = read_metadata(resolve(found))
    request = EnvironmentRequest(
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
        platform=host_platform(),
        requirements=parse_requirements(described.requirements),
        sources=PackageSources(index_url=index.url, model_root=Path(found)),
    )
    lock_environment(request, uv)


def test_reading_hashing_and_copying_runs_nothing(
    trapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trapped)
    resolved = resolve(trapped)
    read_metadata(resolved, example=True)
    digest(trapped)
    snapshot(resolved, tmp_path / "copy")
    assert not (tmp_path / "trace").exists()
    assert "trap" not in sys.modules


@pytest.mark.parametrize(
    "line",
    [
        "evil",
        "evil @ {url}/evil-1.0.tar.gz",
        "./evil-1.0.tar.gz",
        "-e .",
        ".",
        "x @ {url}/${{AWS_SECRET_ACCESS_KEY}}/x-1.0-py3-none-any.whl",
        "--index-url {url}/${{AWS_SECRET_ACCESS_KEY}}",
        "--find-links {url}/${{AWS_SECRET_ACCESS_KEY}}",
    ],
)
def test_a_requirement_runs_nothing_and_sends_nothing(
    trapped: Path, index: Index, uv: Uv, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.chdir(trapped)
    tmp_path = trapped.parent
    setup = f"open({str(tmp_path / 'trace')!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n"
    filename, content = source("evil", "1.0", setup)
    index.add((filename, content))
    (trapped / filename).write_bytes(content)
    (trapped / "requirements.txt").write_text(line.format(url=f"http://127.0.0.1:{index.port}") + "\n")
    with pytest.raises((SpecError, BuildError)):
        lock(str(trapped), line, index, uv)
    assert not (tmp_path / "trace").exists()
    assert not any("hunter2" in path for path in index.requests)
    assert filename not in index.downloads()
