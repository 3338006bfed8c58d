"""What changes under an endpoint while eight connections ask it all the time: no request may fail.

The load is a process of its own, `examples/load.py`: an answer other than 200, or none, is a failure, and nothing is
sent twice. What was counted goes into ``reports/under-load.json``.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commandline import MODELS, REPOSITORY, ROWS, Done
from tests.e2e.local_home import LocalHome, eventually, ids
from tests.e2e.reports import report

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("e2e-load"),
]  # fmt: skip

FIRST, SECOND = MODELS / "iris", MODELS / "iris-v2"
LOAD = REPOSITORY / "examples" / "load.py"
CONNECTIONS = 8
AT_MOST = 240
"""Seconds after which a load ends by itself."""

BETWEEN = 100
"""Requests that must have been answered before the change, and after it."""


class Load:
    """A load that runs, and in the end what it counted."""

    def __init__(self, home: LocalHome, pause: float) -> None:
        url = home.status("iris")["url"]
        words = ["--connections", str(CONNECTIONS), "--pause", str(pause), "--seconds", str(AT_MOST)]
        self._logs = home.endpoints / "iris" / "logs"
        self._process = subprocess.Popen(
            [sys.executable, str(LOAD), url, str(ROWS), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.counted: dict[str, Any] = {}

    def answered(self, revision: str, more: int = BETWEEN) -> None:
        """Wait until a revision has answered so many more."""
        goal = self._seen(revision) + more
        eventually(lambda: self._seen(revision) >= goal, f"{more} answers of {revision}")

    def _seen(self, revision: str) -> int:
        logs = self._logs.glob(f"{revision}.*.log*")
        return sum(log.read_bytes().count(b'"path": "/invocations"') for log in logs)

    def end(self) -> None:
        """Tell it to stop, and read what it counted."""
        self._process.send_signal(signal.SIGTERM)
        out, err = self._process.communicate(timeout=60)
        assert err == ""
        self.counted = json.loads(out)

    def kill(self) -> None:
        """End it whatever it does; nothing if it has ended."""
        self._process.kill()
        self._process.wait()


@contextmanager
def loaded(home: LocalHome, scene: str, pause: float) -> Iterator[Load]:
    """Load the endpoint meanwhile; no request may fail, and the figures are kept."""
    load = Load(home, pause)
    try:
        yield load
        load.end()
    finally:
        load.kill()
    report("under-load", f"{scene}, {pause * 1000:g} ms pause", {"connections": CONNECTIONS, **load.counted})
    assert load.counted["failures"] == 0, load.counted
    assert load.counted["requests"] >= 2 * BETWEEN


@pytest.fixture
def first(home: LocalHome) -> str:
    """The revision of the first model, which serves alone with one replica."""
    if not (home.endpoints / "iris").exists():
        home.well("create", "iris", "--model", FIRST)
    home.well("update", "iris", "--model", FIRST, "--set", "replicas=1")
    (revision,) = ids(home.status("iris"))
    return revision


@pytest.fixture(params=[0.0, pytest.param(0.002, marks=pytest.mark.exhaustive)], ids=["closed-loop", "2-ms-pauses"])
def pause(request: pytest.FixtureRequest) -> float:
    found = request.param
    assert isinstance(found, float)
    return found


def test_an_update_loses_no_request(home: LocalHome, first: str, pause: float) -> None:
    with loaded(home, "update", pause) as load:
        load.answered(first)
        home.well("update", "iris", "--model", SECOND)
        (second,) = ids(home.status("iris"))
        load.answered(second)
    assert second != first
    assert set(load.counted["answered_by"]) == {first, second}


def test_scaling_out_and_in_loses_no_request(home: LocalHome, first: str, pause: float) -> None:
    with loaded(home, "scale 1 -> 3 -> 1", pause) as load:
        load.answered(first)
        for replicas in (3, 1):
            home.well("update", "iris", "--set", f"replicas={replicas}")
            load.answered(first)
    assert set(load.counted["answered_by"]) == {first}
    assert len(home.workers(first)) == 1


def test_a_rollback_loses_no_request(home: LocalHome, first: str, pause: float) -> None:
    home.well("update", "iris", "--model", SECOND)
    (second,) = ids(home.status("iris"))
    with loaded(home, "rollback", pause) as load:
        load.answered(second)
        home.well("rollback", "iris", "--to", first, "--yes")
        load.answered(first)
    assert ids(home.status("iris")) == [first]
    assert set(load.counted["answered_by"]) == {first, second}


def _needs_what_is_not_there(folder: Path) -> None:
    """As `FIRST`, but its loader module, shipped with it, imports a package that its requirements do not name."""
    shutil.copytree(FIRST, folder)
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(
        text.replace("    loader_module: mlflow.sklearn\n", "    code: code\n    loader_module: features\n")
    )
    (folder / "code").mkdir()
    (folder / "code" / "features.py").write_text(
        '"""Features."""\n\nimport pandas as pd\n\nfrom category_encoders import WOEEncoder\n'
    )


def _is_damaged(folder: Path) -> None:
    shutil.copytree(FIRST, folder)
    (folder / "model.skops").write_bytes(b"this is no archive")


FAILING: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "MISSING_DEPENDENCY": (
        _needs_what_is_not_there,
        ["ModuleNotFoundError: No module named 'category_encoders'", "at code/features.py:5"],
    ),
    "MODEL_LOAD": (_is_damaged, ["BadZipFile: File is not a zip file"]),
}


@pytest.mark.parametrize("code", FAILING)
def test_a_failing_update_changes_nothing_and_says_why(
    home: LocalHome, first: str, tmp_path: Path, code: str, pause: float
) -> None:
    broken = tmp_path / f"broken-{code}-{pause}"  # the history is of all the tests before
    make, lines = FAILING[code]
    make(broken)
    before = _beneath(home)
    with loaded(home, f"failing update ({code})", pause) as load:
        load.answered(first)
        failed = home.run("update", "iris", "--model", broken, "-o", "json")
        load.answered(first)
    assert set(load.counted["answered_by"]) == {first}
    _is_told(failed, code, lines)
    status = home.status("iris")
    assert (status["phase"], ids(status), status["traffic"]) == ("healthy", [first], {first: 100})
    entry = next(each for each in reversed(status["history"]) if each["model"] == str(broken))
    assert (entry["result"], entry["diagnosis"]["code"], entry["exit_code"]) == ("rejected", code, 6)
    rejected = entry["revision"]
    assert rejected != first
    assert home.workers(rejected) == []
    assert [path for path in (home.endpoints / "iris").rglob(f"*{rejected}*") if path.exists()] == []
    assert _beneath(home) == before


def _is_told(failed: Done, code: str, lines: list[str]) -> None:
    """Exit code, diagnosis and the telling lines, to people and to machines."""
    assert failed.code == 6, failed.err
    diagnosis = json.loads(failed.out)["error"]["diagnosis"]
    assert diagnosis["code"] == code
    for line in lines:
        assert line in "\n".join(diagnosis["evidence"])
        assert line in failed.err
    assert f"({code})" in failed.err
    assert "Traceback" not in failed.err


def _beneath(home: LocalHome) -> set[str]:
    """Everything of the endpoint by name, but what is written anew in versions; environments by their folders."""
    folder = home.endpoints / "iris"
    found = {path.name for path in folder.iterdir() if not path.name.startswith(("record.", "desired."))}
    for part in ("environments", "models", "runtimes", "secrets", "work", "run", "logs", "trash"):
        found |= {f"{part}/{path.name}" for path in (folder / part).glob("*")}
    return found
