"""What the pure parts import."""

from __future__ import annotations

import ast
from pathlib import Path

import deployer_azureml

FOLDER = Path(deployer_azureml.__file__).parent
SDK = {"azure", "msrest", "requests", "mlflow", "http", "urllib3", "subprocess", "socket"}
CORE = {
    "deployer.endpoint",
    "deployer.errors",
    "deployer.importing",
    "deployer.quantity",
    "deployer.spec",
    "deployer.target",
    "deployer.value",
}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_nothing_of_azure_s_sdk_and_nothing_that_reaches_the_network() -> None:
    for path in FOLDER.glob("*.py"):
        assert not {name.partition(".")[0] for name in _imported(path)} & SDK, path.name


def test_of_the_core_the_contract_and_values_alone() -> None:
    for path in FOLDER.glob("*.py"):
        for name in _imported(path):
            if name.partition(".")[0] == "deployer":
                assert ".".join(name.split(".")[:2]) in CORE, (path.name, name)
