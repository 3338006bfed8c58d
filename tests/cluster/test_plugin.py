"""The plug-in for what needs a cluster, run as a person runs pytest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.plugins.cluster import HOW, KUBECONFIG, KUBECTL, Namespace
from tests.plugins.test_plugins import Project

PLUGIN = "-ptests.plugins.cluster"
TWO_TESTS = "def test_it(namespace): pass\ndef test_other(): assert not __import__('os').environ.get('KUBECONFIG')\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize(
    ("kubeconfig", "why"),
    [
        (None, f"{KUBECONFIG} not set"),
        ("nowhere", "No such file"),
        ("empty", "not a kubeconfig"),
        ("silent", "Connection refused"),
    ],
)
def test_without_a_cluster_one_line_says_how_to_have_one(
    project: Project, tmp_path: Path, kubeconfig: str | None, why: str
) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "silent").write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}],\n"
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:9'}}]}"
    )
    own = {KUBECONFIG: "" if kubeconfig is None else str(tmp_path / kubeconfig)}
    project.write("tests/test_it.py", TWO_TESTS)
    skipped = project.run(PLUGIN, "-rs", **own)
    assert skipped.returncode == 0, skipped.stdout
    assert "1 passed, 1 skipped" in skipped.stdout
    assert why in skipped.stdout
    assert HOW in skipped.stdout
    failed = project.run(PLUGIN, DEPLOYER_TEST_REQUIRE="cluster", **own)
    assert failed.returncode == 1
    assert "cluster is required here" in failed.stdout


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_what_is_left_on_the_cluster_fails_the_run_and_goes(
    project: Project, namespace: Namespace, workers: list[str]
) -> None:
    left = f"{namespace.name}-left"
    project.write(
        "tests/test_it.py",
        "from tests.plugins.cluster import RUN_LABEL, prefix\n"
        "def test_tidy(namespace): assert namespace.all('v1', 'Pod') == []\n"
        "def test_other(cluster):\n"
        f"    labels = {{RUN_LABEL: prefix().rstrip('-')}}\n"
        f"    metadata = {{'name': '{left}', 'labels': labels}}\n"
        "    cluster.create({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': metadata})\n",
    )
    result = project.run(PLUGIN, *workers, **{name: os.environ[name] for name in (KUBECONFIG, KUBECTL)})
    assert result.returncode == 1, result.stdout
    assert "2 passed" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("namespace ")] == [f"namespace {left}"]
    namespace.cluster.wait_for("v1", "Namespace", left, until=lambda found: found is None)
