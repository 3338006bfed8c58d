"""The plugins that every other test stands on, each run as a person runs pytest."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins import required
from tests.plugins.isolation import DEAD_PROXY, isolated

CHECKOUT = Path(__file__).parents[2]
SETTINGS = """\
[pytest]
markers =
    index: needs an index
    real(kind): needs something real
    exhaustive(*names): asks once more
"""


class Project:
    """A folder with tests of its own, run by a pytest of its own under our plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tests").mkdir()
        (folder / "pytest.ini").write_text(SETTINGS)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        plugins = [f"-ptests.plugins.{name}" for name in ("isolation", "cases", "processes", "required")]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("DEPLOYER_TEST_")}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "-pno:randomly", *plugins, *arguments],
            cwd=self.folder,
            env={**ours, "PYTHONPATH": str(CHECKOUT), "CI": "true", "DEPLOYER_TEST_GRACE": "0.5", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_test_sees_nothing_of_the_person_who_runs_it(tmp_path: Path) -> None:
    before = {
        "HOME": "/home/someone",
        "XDG_CONFIG_HOME": "/home/someone/.config",
        "MLFLOW_TRACKING_URI": "https://ml.example",
        "UV_CACHE_DIR": "/cache",
        "PIP_FIND_LINKS": "/wheels",
        "DEPLOYER_TARGET": "prod",
        "DEPLOYER_TEST_REQUIRE": "index",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "https_proxy": "http://proxy.example:3128",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "PATH": "/usr/bin",
    }
    after = isolated(before, home=tmp_path, test="a::b", index=False)
    assert after["HOME"] == str(tmp_path)
    assert after["https_proxy"] == DEAD_PROXY
    assert after["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert after["DEPLOYER_TEST_REQUIRE"] == "index"
    gone = {"XDG_CONFIG_HOME", "MLFLOW_TRACKING_URI", "UV_CACHE_DIR", "PIP_FIND_LINKS", "DEPLOYER_TARGET"}
    assert not gone & set(after)
    assert "UV_DEFAULT_INDEX" not in after
    with_index = isolated(before, home=tmp_path, test="a::b", index=True)
    assert with_index["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert with_index["https_proxy"] == "http://proxy.example:3128"


def test_this_test_has_an_empty_home_and_no_way_out() -> None:
    assert list(Path.home().iterdir()) == []
    with pytest.raises(RuntimeError, match="allowed"), pytest.warns(UserWarning, match="allowed"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_what_a_test_does_to_the_environment_is_undone(project: Project) -> None:
    project.write(
        "tests/test_it.py",
        "import os\n"
        "def test_1(): os.environ['LEFT'] = '1'; open(os.environ['HOME'] + '/x', 'w').close()\n"
        "def test_2(): assert 'LEFT' not in os.environ and not os.listdir(os.environ['HOME'])\n",
    )
    result = project.run()
    assert result.returncode == 0, result.stdout


def test_those_of_a_group_share_a_worker(project: Project) -> None:
    project.write(
        "tests/test_it.py",
        "import os, pytest\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(20))\n"
        "def test_group(number):\n"
        "    open('pids', 'a').write(f'{os.getpid()}\\n')\n"
        "@pytest.mark.parametrize('number', range(20))\n"
        "def test_other(number): pass\n",
    )
    result = project.run("-n2", "--dist=loadgroup")
    assert result.returncode == 0, result.stdout
    assert len(set((project.folder / "pids").read_text().split())) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("environment", ["None", "{}"])
@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_a_process_that_outlives_its_test_fails_the_run(project: Project, environment: str, workers: list[str]) -> None:
    project.write(
        "tests/test_it.py",
        "import subprocess\n"
        "def test_leaver(tmp_path):\n"
        f"    child = subprocess.Popen(['/bin/sleep', '600'], start_new_session=True, cwd=tmp_path, env={environment})"
        "\n"
        "    open('pid', 'w').write(str(child.pid))\n",
    )
    result = project.run(*workers)
    assert result.returncode == 1, result.stdout
    assert "processes left behind" in result.stdout
    assert "/bin/sleep 600" in result.stdout
    if environment == "None":
        assert "started by tests/test_it.py::test_leaver" in result.stdout
    pid = int((project.folder / "pid").read_text())
    assert not (Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes())


def test_an_index_test_is_skipped_with_a_reason_and_never_in_ci(project: Project) -> None:
    project.write("tests/test_it.py", "import pytest\n@pytest.mark.index\ndef test_it(): pass\n")
    nowhere = "http://somebody:secret@127.0.0.1:9/simple"
    skipped = project.run("-rs", UV_DEFAULT_INDEX=nowhere)
    assert skipped.returncode == 0
    assert "no package index answers at http://127.0.0.1:9/simple/packaging/" in skipped.stdout
    assert "secret" not in skipped.stdout
    failed = project.run(UV_DEFAULT_INDEX=nowhere, DEPLOYER_TEST_REQUIRE="index")
    assert failed.returncode == 1
    assert "index is required here" in failed.stdout


def test_the_list_of_real_tests_is_written_and_compared(project: Project) -> None:
    text = (
        "import pytest\n@pytest.mark.real('engine')\n@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_one(n): pass\n"
    )
    project.write("tests/test_it.py", text)
    assert project.run("--collect-only", "--write-real-tests").returncode == 0
    written = (project.folder / required.LIST).read_text()
    assert written.splitlines()[-1] == "engine tests/test_it.py::test_one 3"
    for workers in ([], ["-n2"]):
        assert project.run(*workers, DEPLOYER_TEST_REQUIRE="engine").returncode == 0
    project.write("tests/test_it.py", text.replace("[1, 2, 3]", "[1, 2]"))
    fewer = project.run(DEPLOYER_TEST_REQUIRE="engine")
    assert fewer.returncode == 1
    assert "tests/test_it.py::test_one: 2 of 3 ran (engine)" in fewer.stdout
    project.write("tests/test_it.py", text + "@pytest.mark.real('engine')\ndef test_two(): pass\n")
    more = project.run(DEPLOYER_TEST_REQUIRE="engine")
    assert more.returncode == 1
    assert "test_two: not in tests/real-tests.txt" in more.stdout
    assert project.run().returncode == 0


def test_what_asks_once_more_runs_when_every_case_is_asked_for(project: Project) -> None:
    project.write(
        "tests/test_it.py",
        "import pytest\n"
        "pytestmark = pytest.mark.real('engine')\n"
        "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.exhaustive)])\ndef test_one(n): pass\n"
        "class Contract:\n"
        "    @pytest.mark.parametrize('n', [1, 2])\n    def test_two(self, n): pass\n"
        "    def test_three(self): pass\n"
        "@pytest.mark.exhaustive('test_two[2]', 'test_three')\nclass TestSlow(Contract): pass\n"
        "class TestQuick(Contract): pass\n",
    )
    assert project.run("--collect-only", "--write-real-tests").returncode == 0
    listed = (project.folder / required.LIST).read_text().splitlines()
    assert [line.partition("::")[2] for line in listed if "::" in line] == [
        "TestQuick::test_three 1", "TestQuick::test_two 2", "TestSlow::test_two 1", "test_one 1",
    ]  # fmt: skip
    for workers in ([], ["-n2"]):
        some = project.run(*workers, DEPLOYER_TEST_REQUIRE="engine")
        assert some.returncode == 0, some.stdout
        assert "5 passed" in some.stdout
        every = project.run(*workers, DEPLOYER_TEST_REQUIRE="engine", DEPLOYER_TEST_EVERY_CASE="1")
        assert every.returncode == 0, every.stdout
        assert "8 passed" in every.stdout


def test_a_skip_of_what_is_required_is_a_failure(project: Project) -> None:
    project.write(
        "tests/test_it.py",
        "import pytest\n@pytest.mark.real('engine')\ndef test_one(): pytest.skip('no engine here')\n",
    )
    assert project.run().returncode == 0
    failed = project.run(DEPLOYER_TEST_REQUIRE="engine")
    assert failed.returncode == 1
    assert "engine is required here (DEPLOYER_TEST_REQUIRE), but: Skipped: no engine here" in failed.stdout
