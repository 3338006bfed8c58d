"""The folder stands alone: it imports only itself, relatively, the standard library, and what it declares."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import deployer.serving
from deployer.serving.needs import REQUIREMENTS
from deployer.serving.version import RUNTIME_VERSION

FOLDER = Path(deployer.serving.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))


def imported(source: str) -> Iterator[str]:
    """The top-level packages that a source imports, and ``.`` for itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level == 1 else f"{'.' * node.level}{(node.module or '').partition('.')[0]}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_imports(file: Path) -> None:
    allowed = {".", "uvicorn"} if file.name == "doors.py" else {"."}
    assert set(imported(file.read_text())) - sys.stdlib_module_names <= allowed


@pytest.mark.parametrize("name", ["needs.py", "version.py", "__init__.py"])
def test_light_files_import_nothing(name: str) -> None:
    assert list(imported((FOLDER / name).read_text())) == ["__future__"]


def test_sources_are_read_by_python_3_10() -> None:
    for file in FILES:
        ast.parse(file.read_text(), feature_version=(3, 10))


def test_importing_it_imports_nothing_heavy() -> None:
    """What one place alone needs (SageMaker's header, a vault) is imported there alone."""
    ours = "*(f'deployer.serving.{each}' for each in ('attributes', 'vault', 'secretsmanager'))"
    heavy = f"{{'mlflow', 'pandas', 'numpy', 'uvicorn', 'uvloop', 'click', 'botocore', {ours}}}"
    imports = "import sys, deployer.serving.main, deployer.serving.application"
    code = f"{imports}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_constants() -> None:
    assert [Requirement(text).name for text in REQUIREMENTS] == ["uvicorn"]
    assert RUNTIME_VERSION.count(".") == 2
