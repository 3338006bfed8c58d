"""``kill -9`` of a real process at random moments; the next run of the same command converges."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.endpoint import Phase, Result
from deployer.testing.memory import MemoryPlace
from tests.integration.engine.driver import deployer_at, run
from tests.unit.engine.place import packaged

KILLS = 20
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the memory store needs Unix sockets")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryPlace]:
    with MemoryPlace(tmp_path / "s") as place:
        yield place


def _killed(job: dict[str, Any], began: float, after: float) -> bool:
    """Run the driver, and kill it so many seconds after it began to write; False when it had ended by then."""
    with subprocess.Popen([sys.executable, "-m", "tests.integration.engine.driver"], stdin=subprocess.PIPE) as driver:
        assert driver.stdin is not None
        driver.stdin.write(json.dumps(job).encode())
        driver.stdin.close()
        _await_claim(job, began, driver)
        try:
            driver.wait(after)
        except subprocess.TimeoutExpired:
            driver.kill()
            return True
        return False


def _await_claim(job: dict[str, Any], began: float, driver: subprocess.Popen[bytes]) -> None:
    """Until it has begun, whatever its imports took."""
    target = deployer_at(Path(job["root"]))._target("memory")
    deadline = time.monotonic() + 30
    while driver.poll() is None and time.monotonic() < deadline:
        stored = target.read_record("iris")
        if stored is not None and stored[0].claim is not None and stored[0].generation > began:
            return
        time.sleep(0.002)


def test_killed_at_random_moments(store: MemoryPlace, tmp_path: Path) -> None:
    """Create and update by turns; what served before serves on, and nothing is left over."""
    ada, dice = deployer_at(store.root), random.Random()
    killed = 0
    for turn in range(KILLS):
        model = packaged(tmp_path / f"model-{turn}", weights=str(turn))
        verb = "create" if turn % 5 == 0 else "update"
        job = {"root": str(store.root), "verb": verb, "model": str(model), "start": "60ms"}
        if verb == "create":
            ada.delete("iris", missing_ok=True)
            assert store.holdings()["records"] == []
        stored = ada._target("memory").read_record("iris")
        generation = stored[0].generation if stored else 0
        killed += _killed(job, generation, dice.uniform(0.0, 0.35))
        served = ada._target("memory").observe("iris")
        if verb == "update":
            assert served is not None
            assert served.traffic
        run(ada, job)
        status = ada.status("iris")
        record = status.observed.record
        assert record is not None
        assert (record.rollout, record.claim) == (None, None)
        assert status.endpoint.phase is Phase.HEALTHY
        assert status.endpoint.traffic == record.traffic
        assert record.spec["model"] == str(model)
        assert [each.id for each in status.endpoint.revisions] == list(record.traffic.served)
        assert set(store.holdings()["endpoints"]["iris"]["artifacts"]) == set(record.releases)
        ended = [each for each in record.history if each.revision == record.traffic.served[0]]
        assert [each.result for each in ended] == [Result.RELEASED]
    assert killed
    ada.delete("iris")
    assert store.holdings() == {"records": [], "foreign": [], "endpoints": {}}


def test_two_processes_create_at_once(store: MemoryPlace, tmp_path: Path) -> None:
    """One wins, the other one hears of it; what is there is the winner's."""
    jobs = [
        {"root": str(store.root), "verb": "create", "model": str(packaged(tmp_path / n, weights=n)), "start": "400ms"}
        for n in ("one", "two")
    ]
    drivers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.engine.driver"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in jobs
    ]
    for driver, job in zip(drivers, jobs, strict=True):
        assert driver.stdin is not None
        driver.stdin.write(json.dumps(job).encode())
        driver.stdin.close()
    said = [driver.stderr.read().decode() if driver.stderr else "" for driver in drivers]
    codes = [driver.wait(60) for driver in drivers]
    for driver in drivers:
        assert driver.stderr is not None
        driver.stderr.close()
    assert sorted(codes) == [0, 1], said
    assert "Conflict" in said[codes.index(1)]
    record = deployer_at(store.root).status("iris").observed.record
    assert record is not None
    assert record.spec["model"] == jobs[codes.index(0)]["model"]
    assert len(record.history) == 1
