"""``kill -9`` of the command at random moments: the same command again converges, and nothing is left over.

The moments come from a seed, which is printed; ``DEPLOYER_TEST_SEED`` plays one again. Ten kills by default, fifty
with ``DEPLOYER_TEST_CRASH_MATRIX=all``; what happened goes into ``reports/kills.json``.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commandline import DEPLOYER, REPOSITORY, environment
from tests.e2e.local_home import LocalHome, eventually, ids
from tests.e2e.reports import report
from tests.e2e.tiny import TIMES, write_tiny

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.crash_matrix, pytest.mark.timeout(3600),
    pytest.mark.xdist_group("e2e-kill"),
]  # fmt: skip

KILLS = 25 if os.environ.get("DEPLOYER_TEST_CRASH_MATRIX") == "all" else 5
"""Of each of the two commands."""

SEED = int(os.environ.get("DEPLOYER_TEST_SEED") or random.SystemRandom().randrange(10**6))
LOAD = REPOSITORY / "examples" / "load.py"
VERSIONED = re.compile(r"\b(record|desired)\.\d+\.json$")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two models that differ in what they multiply by."""
    folder = tmp_path_factory.mktemp("models")
    return {factor: write_tiny(folder / f"times-{factor}", TIMES.format(factor=factor)) for factor in (2, 3)}


@pytest.fixture
def name(home: LocalHome, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name that nothing has, and in the end nothing has again."""
    print(f"seed {SEED}: DEPLOYER_TEST_SEED={SEED} plays the same moments again")
    chosen = "created" if "create" in request.node.name else "updated"
    yield chosen
    home.well("delete", chosen, "--yes", "--missing-ok")
    eventually(lambda: not home.running() and not list(home.endpoints.glob("*")), "nothing is left")


def killed(home: LocalHome, after: float, *words: str | Path) -> bool:
    """Start a command and kill it that many seconds later; False if it was quicker."""
    process = subprocess.Popen(
        [DEPLOYER, *map(str, words)], env=environment(home.variables), cwd=home.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
        process.wait()
        return True
    return False


def timed(home: LocalHome, *words: str | Path) -> float:
    """How many seconds a command takes that ends well."""
    began = time.monotonic()
    home.well(*words)
    return time.monotonic() - began


def names(home: LocalHome) -> set[str]:
    """Everything that lies in the home, by its path; files that are written anew in versions count as one."""
    found = set()
    for folder, folders, files in os.walk(home.folder):
        here = Path(folder).relative_to(home.folder)
        found |= {VERSIONED.sub(r"\1.N.json", str(here / each)) for each in (*folders, *files)}
    return found


def unfinished(cache: Path) -> list[str]:
    """What a killed command has left half made in the cache of environments, which the next one clears away."""
    return sorted(path.name for path in (cache / "environments").glob("*") if ".partial" in path.name)


def processes(home: LocalHome) -> list[str]:
    """What runs: supervisors and workers by their revision, anything else by its command line."""
    return sorted(
        each.revision or ("supervisor" if "supervisor" in each.line else each.line) for each in home.running()
    )


def _converged(home: LocalHome, wanted: tuple[set[str], list[str]], what: str) -> None:
    """Names and processes become those of a run that nobody disturbed."""
    until = time.monotonic() + 60
    while (seen := (names(home), processes(home))) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    assert seen[1] == wanted[1], what
    assert sorted(seen[0] - wanted[0])[:20] == [], f"{what}: left over"
    assert sorted(wanted[0] - seen[0])[:20] == [], f"{what}: missing"


def _moments(command: str, longest: float) -> list[float]:
    chosen = random.Random(f"{SEED}-{command}")
    return [chosen.uniform(0.0, longest) for _ in range(KILLS)]


def test_a_killed_create_converges_when_it_is_run_again(
    home: LocalHome, name: str, models: dict[int, Path], environments: Path
) -> None:
    words = ("create", name, "--model", models[2])
    home.well(*words)  # fills the cache
    home.well("delete", name, "--yes")
    usual = timed(home, *words)
    clean = (names(home), processes(home))
    home.well("delete", name, "--yes")
    nothing = (names(home), processes(home))
    hit = 0
    for number, moment in enumerate(_moments("create", usual)):
        what = f"create number {number}, killed after {moment:.3f} s of {usual:.3f} s (seed {SEED})"
        hit += killed(home, moment, *words)
        again = home.run(*words)
        assert again.code == 0, f"{what}: {again.err}"
        _converged(home, clean, what)
        status = home.status(name)
        assert (status["phase"], status["rollout"], status["history"][-1]["result"]) == ("healthy", None, "released")
        assert unfinished(environments) == []
        home.well("delete", name, "--yes")
        _converged(home, nothing, f"{what}, then deleted")
    report(
        "kills",
        "create",
        {"seed": SEED, "kills": hit, "runs": KILLS, "converged": KILLS, "undisturbed_seconds": round(usual, 2)},
    )
    assert hit >= KILLS // 2


def test_a_killed_update_converges_and_no_request_is_lost_meanwhile(
    home: LocalHome, name: str, models: dict[int, Path], tmp_path: Path
) -> None:
    home.well("create", name, "--model", models[2])
    home.well("update", name, "--model", models[3])
    usual, clean = 0.0, {}
    for factor in (2, 3):
        usual = timed(home, "update", name, "--model", models[factor])
        clean[factor] = (names(home), processes(home), ids(home.status(name)))
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1.0\n2.0\n")
    load = subprocess.Popen(
        [sys.executable, str(LOAD), home.status(name)["url"], str(rows), "--seconds", "3500"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        hit = 0
        for number, moment in enumerate(_moments("update", usual)):
            factor = (2, 3)[number % 2]
            what = f"update number {number}, killed after {moment:.3f} s of {usual:.3f} s (seed {SEED})"
            words = ("update", name, "--model", models[factor])
            hit += killed(home, moment, *words)
            again = home.run(*words)
            assert again.code == 0, f"{what}: {again.err}"
            _converged(home, clean[factor][:2], what)
            status = home.status(name)
            assert (status["phase"], status["rollout"], ids(status)) == ("healthy", None, clean[factor][2]), what
            predicted = json.loads(home.well("predict", name, "-i", rows, "-o", "json").out)
            assert predicted == {"predictions": [factor * 1.0, factor * 2.0]}, what
        load.send_signal(signal.SIGTERM)
        counted = json.loads(load.communicate(timeout=60)[0])
    finally:
        load.kill()
        load.wait()
    figures = {"seed": SEED, "kills": hit, "runs": KILLS, "converged": KILLS, "undisturbed_seconds": round(usual, 2)}
    report("kills", "update", {**figures, **counted})
    assert counted["failures"] == 0, counted
    assert counted["requests"] > 10 * KILLS
    assert hit >= KILLS // 2
