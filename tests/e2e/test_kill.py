"""``kill -9`` of the command at random moments: the same command again converges, and nothing is left over.

The moments come from a seed, which is printed; ``DEPLOYER_TEST_SEED`` plays one again. Ten kills by default, fifty
with ``DEPLOYER_TEST_CRASH_MATRIX=all``; what happened goes into ``reports/kills.json``.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
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

KILLS = 25 if os.environ.get("DEPLOYER_TEST_CRASH_MATRIX") == "all" else 2
"""Of each of the two commands."""

SEED = int(os.environ.get("DEPLOYER_TEST_SEED") or random.SystemRandom().randrange(10**6))
LOAD = REPOSITORY / "examples" / "load.py"
VERSIONED = re.compile(r"\b(record|desired)\.\d+\.json$")
Seen = tuple[set[str], list[str]]
"""Names and processes."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, environments: Path) -> Iterator[LocalHome]:
    """As the shared one, with a cache of environments of its own, which may be emptied; downloads are shared."""
    home = LocalHome.made(tmp_path_factory.mktemp("home"), environments)
    (home.cache / "environments").unlink()
    yield home
    home.end()


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


class Kills:
    """Kills a command at random moments of its life, as long as it usually is, and counts."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.runs = 0
        self.kills = 0
        self._chosen = random.Random(f"{SEED}-{command}")
        self._usual: dict[str, float] = {}

    def goes_on(self) -> bool:
        """Whether more are due; a command that was quicker than its kill is run again, but not for ever."""
        return self.kills < KILLS and self.runs < 3 * KILLS

    def once(self, home: LocalHome, *words: str | Path, kind: str = "") -> str:
        """Run a command and kill it at some moment; returns what happened, in words.

        Args:
            home: Where.
            words: The command.
            kind: Commands of one kind take the same time; the first of each only shows how long that is.
        """
        longest = self._usual.get(kind, 300.0)
        moment = self._chosen.random() * longest if kind in self._usual else longest
        began = time.monotonic()
        process = subprocess.Popen(
            [DEPLOYER, *map(str, words)], env=environment(home.variables), cwd=home.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(moment)
            self._usual[kind] = min(longest, time.monotonic() - began)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
            process.wait()
            self.kills += 1
        self.runs += 1
        return f"{kind} {self.command} number {self.runs}, killed after {moment:.3f} s of {longest:.3f} s (seed {SEED})"

    def told(self, **more: object) -> None:
        """Keep the figures, and see that they are those that were wanted."""
        usual = {f"undisturbed_seconds {kind}".strip(): round(seconds, 2) for kind, seconds in self._usual.items()}
        report("kills", self.command, {"seed": SEED, "kills": self.kills, "converged": self.runs, **usual, **more})
        assert self.kills == KILLS


def seen(home: LocalHome) -> Seen:
    """All that lies and runs in the home.

    Files that are written anew in versions count as one; processes are supervisors, workers by their revision, and
    anything else by its command line.
    """
    names = set()
    for folder, folders, files in os.walk(home.folder):
        here = Path(folder).relative_to(home.folder)
        names |= {VERSIONED.sub(r"\1.N.json", str(here / each)) for each in (*folders, *files)}
    running = home.running()
    return names, sorted(
        each.revision or ("supervisor" if "supervisor" in each.line else each.line) for each in running
    )


def converges(home: LocalHome, wanted: Seen, what: str) -> None:
    """Names and processes become those of a run that nobody disturbed."""
    until = time.monotonic() + 60
    while (now := seen(home)) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    assert now[1] == wanted[1], what
    assert sorted(now[0] - wanted[0])[:20] == [], f"{what}: left over"
    assert sorted(wanted[0] - now[0])[:20] == [], f"{what}: missing"


def test_a_killed_create_converges_when_it_is_run_again(home: LocalHome, name: str, models: dict[int, Path]) -> None:
    words = ("create", name, "--model", models[2])
    home.well(*words)
    clean = seen(home)
    home.well("delete", name, "--yes")
    nothing = seen(home)
    kills = Kills("create")
    while kills.goes_on():
        installs = kills.runs % 2 == 0
        if installs:
            shutil.rmtree(home.cache / "environments")
        what = kills.once(home, *words, kind="installing" if installs else "copying")
        again = home.run(*words)
        assert again.code == 0, f"{what}: {again.err}"
        converges(home, clean, what)
        status = home.status(name)
        assert (status["phase"], status["rollout"], status["history"][-1]["result"]) == ("healthy", None, "released")
        home.well("delete", name, "--yes")
        converges(home, nothing, f"{what}, then deleted")
    kills.told()


def test_a_killed_update_converges_and_no_request_is_lost_meanwhile(
    home: LocalHome, name: str, models: dict[int, Path], tmp_path: Path
) -> None:
    home.well("create", name, "--model", models[2])
    home.well("update", name, "--model", models[3])
    clean: dict[int, tuple[Seen, list[str]]] = {}
    for factor in (2, 3):
        home.well("update", name, "--model", models[factor])
        clean[factor] = (seen(home), ids(home.status(name)))
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1.0\n2.0\n")
    kills = Kills("update")
    load = subprocess.Popen(
        [sys.executable, str(LOAD), home.status(name)["url"], str(rows), "--seconds", "3500"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while kills.goes_on():
            factor = (2, 3)[kills.runs % 2]
            words = ("update", name, "--model", models[factor])
            what = kills.once(home, *words)
            again = home.run(*words)
            assert again.code == 0, f"{what}: {again.err}"
            wanted, revisions = clean[factor]
            converges(home, wanted, what)
            status = home.status(name)
            assert (status["phase"], status["rollout"], ids(status)) == ("healthy", None, revisions), what
            predicted = json.loads(home.well("predict", name, "-i", rows, "-o", "json").out)
            assert predicted == {"predictions": [factor * 1.0, factor * 2.0]}, what
        load.send_signal(signal.SIGTERM)
        counted = json.loads(load.communicate(timeout=60)[0])
    finally:
        load.kill()
        load.wait()
    kills.told(**counted)
    assert counted["failures"] == 0, counted
    assert counted["requests"] > 10 * KILLS
