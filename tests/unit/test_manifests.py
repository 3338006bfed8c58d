"""The one loader of manifests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployer import manifests
from deployer.errors import DeployerError, NotFound
from deployer.manifests import read_manifest

CHECKOUT = Path(__file__).parents[2]


def test_a_checkout_reads_its_own() -> None:
    found = read_manifest("gateway/haproxy.cfg")
    assert found == (CHECKOUT / "manifests" / "gateway" / "haproxy.cfg").read_text(encoding="utf-8")


def test_a_wheel_has_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "deployer"
    (package / "_manifests" / "a").mkdir(parents=True)
    (package / "_manifests" / "a" / "b.yaml").write_text("é", encoding="utf-8")
    monkeypatch.setattr(manifests, "__file__", str(package / "manifests.py"))
    assert read_manifest("a/b.yaml") == "é"


@pytest.mark.parametrize(
    "name",
    ["", "none.cfg", "gateway", "../pyproject.toml", "gateway/../../pyproject.toml", "/etc/passwd", "a\\b", "c:/x"],
)
def test_what_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        read_manifest(name)


def test_an_installation_without_them_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "__file__", str(tmp_path / "deployer" / "manifests.py"))
    with pytest.raises(DeployerError) as failed:
        read_manifest("gateway/haproxy.cfg")
    assert failed.value.hint is not None
    assert "pip install" in failed.value.hint


def test_it_costs_nothing_to_import() -> None:
    script = "import sys, deployer.manifests; print(any('importlib.resources' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout.strip() == "False"
