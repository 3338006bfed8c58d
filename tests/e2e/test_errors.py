"""Every error that the command line can raise, reached through it, with its exit code.

============================  ====  ==========================================================================
class                         code  how it is provoked here
============================  ====  ==========================================================================
(a bug of ours)               1     a back end whose ``connect`` raises something of its own
SpecError                     2     a mistyped key, an unusable option, a folder that is no model, nobody to ask
NotFound                      3     no such endpoint, target, file, model, revision
Conflict                      4     ``create`` over something else, a foreign endpoint, another's, one in work
ClaimLost                     4     another writer takes the Record while we wait
BuildError                    5     requirements that an empty wheelhouse cannot meet
DeploymentFailed              6     a model that cannot load; a rejected revision applied again
RestoreFailed                 11    the old revision cannot be started again after ``recreate``
TargetUnavailable             7     the store refuses, or its folder cannot be
PredictionError               8     rows that are no request
PlanHasChanges                10    ``plan --exit-code``
InProgress                    12    ``--once`` with a slow revision
Interrupted                   130   SIGINT and SIGTERM while a revision starts
============================  ====  ==========================================================================

`GateRejected` (9) belongs to gates, which this version refuses as a SpecError.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.endpoint import Record
from deployer.target import Site
from deployer.testing.memory import MemoryOptions, MemoryPlace, kind
from tests.e2e.commandline import DEPLOYER, MODELS, Done, commands_in, deployer, environment, shell

IRIS, OTHER = str(MODELS / "iris"), str(MODELS / "iris-v2")
CREATE = ("create", "iris", "--model", IRIS)
SLOW = ("--set", "config.settle.start=1h")


def error_of(done: Done) -> tuple[int, str]:
    """The exit code, and the kind in the document, which must agree."""
    error = json.loads(done.out)["error"]
    assert done.err.startswith("error: ") or "\nerror: " in done.err
    return done.code, error["kind"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "iris", "--model", IRIS, "--set", "replica=2"), "unknown key 'replica' (did you mean 'replicas'?)"),
        (("create", "iris", "--model", IRIS, "--set", "config.behavior=x"), "did you mean 'config.behaviour'"),
        (("create", "iris", "--model", IRIS, "--set", "replicas=0"), "replicas"),
        (("create", "Iris!", "--model", IRIS), "is not a name"),
        (("create", "iris", "--model", str(MODELS)), "not a packaged MLflow model"),
        (("create", "iris", "--model", IRIS, "--set", "rollout.strategy=canary"), "rollout.strategy"),
        (("create", "iris", "--model", IRIS, "--set", "gate.f1=1"), "gates are not in this version"),
        (("create", "iris", "--model", IRIS, "--set", "secrets.A.env=NOT_SET"), "NOT_SET is not set"),
        (("create", "iris", "--model", IRIS, "--no-wait", "--once"), "--no-wait and --once exclude one another"),
        (("create", "iris"), "model is missing"),
        (("create",), "nothing to do it with"),
        (("update", "--set", "replicas=2"), "nothing to do it with"),
        (("apply", "--plan", "x", "-f", "y"), "--plan is carried out as it is"),
        (("delete", "iris", "--confirm", "other", "--yes"), "--confirm names other"),
        (("predict", "iris", "-i", "x", "--param", "a"), "--param takes KEY=VALUE"),
        (("predict", "iris", "-i", "x", "--chunk-size", "many"), "is not a size"),
        (("check", str(MODELS)), "not a packaged MLflow model"),
        (("targets", "broken"), "the target broken cannot be used"),
    ],
)
def test_a_mistake_is_2(words: tuple[str, ...], said: str, place: MemoryPlace, plugins: Path) -> None:
    if words[0] == "delete":
        deployer(*CREATE)
    done = deployer(*words, env={"PYTHONPATH": str(plugins)})
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "none"), "there is no endpoint none on memory"),
        (("update", "none", "--set", "replicas=2"), "there is no endpoint none on memory"),
        (("delete", "none", "--yes"), "there is no endpoint none on memory"),
        (("rollback", "none", "--yes"), "there is no endpoint none on memory"),
        (("wait", "none"), "there is no endpoint none on memory"),
        (("history", "none"), "there is no endpoint none on memory"),
        (("logs", "none"), "there is no endpoint none on memory"),
        (("predict", "none", "-i", "rows.csv"), "there is no endpoint none"),
        (("list", "none"), "there is no endpoint none"),
        (("status", "none", "-t", "memry"), "there is no target 'memry' (did you mean 'memory'?)"),
        (("status", "none", "-t", "spark"), "the target spark is not in this version"),
        (("create", "iris", "--model", "no/such/folder"), "no/such/folder"),
        (("check", "no/such/folder"), "no/such/folder"),
        (("apply", "-f", "nothing.yaml"), "no such file"),
        (("apply", "--plan", "nothing.json"), "no such file"),
    ],
)
def test_what_is_not_there_is_3(words: tuple[str, ...], said: str, place: MemoryPlace) -> None:
    done = deployer(*words)
    assert (done.code, said in done.err) == (3, True), done.err


def test_an_earlier_revision_that_is_not_there_is_3(place: MemoryPlace) -> None:
    deployer(*CREATE)
    assert error_of(deployer("rollback", "iris", "--yes", "-o", "json")) == (3, "NotFound")
    assert error_of(deployer("rollback", "iris", "--to", "rfffffff", "--yes", "-o", "json")) == (3, "NotFound")


def test_conflicts_are_4(place: MemoryPlace) -> None:
    deployer(*CREATE)
    assert error_of(deployer("create", "iris", "--model", OTHER, "-o", "json")) == (4, "Conflict")
    assert error_of(deployer("update", "iris", "--set", "replicas=2", "--owner", "others", "-o", "json")) == (
        4,
        "Conflict",
    )
    place.put_foreign("theirs")
    assert error_of(deployer("create", "theirs", "--model", IRIS, "-o", "json")) == (4, "Conflict")
    assert error_of(deployer("delete", "theirs", "--yes", "-o", "json")) == (4, "Conflict")


def record_of(place: MemoryPlace) -> tuple[Record, str] | None:
    return kind.connect(MemoryOptions(root=place.root), Site("memory")).read_record("iris")


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Poll until it is so; a command that ended before is no way to wait for it."""
    deadline = time.monotonic() + 60
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def waiting(place: MemoryPlace, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for a revision which never starts, from when it waits."""
    process = subprocess.Popen(
        [DEPLOYER, *words], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip

    def staged() -> bool:
        found = kind.connect(MemoryOptions(root=place.root), Site("memory")).observe("iris")
        return found is not None and any(each.phase == "starting" for each in found.revisions)

    try:
        until(staged, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_one_in_work_is_4_with_who_and_the_other_may_be_waited_for(place: MemoryPlace) -> None:
    deployer(*CREATE)
    with waiting(place, "update", "iris", *SLOW):
        busy = deployer("update", "iris", "--set", "replicas=2", "-o", "json")
        assert error_of(busy) == (4, "Conflict")
        assert "is being changed by" in busy.err
        assert "--wait-lock" in busy.err
        assert error_of(deployer("delete", "iris", "--yes", "--wait-lock=1s", "-o", "json")) == (4, "Conflict")


def test_a_claim_that_is_lost_is_4(place: MemoryPlace) -> None:
    target = kind.connect(MemoryOptions(root=place.root), Site("memory"))
    with waiting(place, *CREATE, *SLOW, "-o", "json") as process:
        found = record_of(place)
        assert found is not None
        record, version = found
        target.write_record(record.model_copy(update={"claim": None, "generation": record.generation + 1}), version)
        place.advance(7200)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["error"]["kind"]) == (4, "ClaimLost"), err
    deployer("delete", "iris", "--yes")


def test_what_cannot_be_built_is_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = deployer(
        "create", "iris", "--model", IRIS, "-t", "local", "--set", "requirements.wheelhouse=empty", "-o", "json"
    )
    assert error_of(done) == (5, "BuildError")
    assert deployer("list").out == ""


def test_what_is_not_healthy_is_6_and_stays_6_when_it_is_applied_again(place: MemoryPlace, tmp_path: Path) -> None:
    deployer(*CREATE)
    failed = deployer("update", "iris", "--set", "config.behaviour=missing-dependency", "-o", "json")
    assert error_of(failed) == (6, "DeploymentFailed")
    assert json.loads(failed.out)["error"]["diagnosis"]["code"] == "MISSING_DEPENDENCY"
    assert json.loads(failed.out)["endpoint"]["phase"] == "healthy"
    (again,) = commands_in(failed.err)
    assert again == f"deployer update iris -t memory --model {IRIS} --set requirements.extra=category-encoders"
    (tmp_path / "a.yaml").write_text(f"name: iris\nmodel: {IRIS}\nconfig: {{behaviour: missing-dependency}}\n")
    refused = deployer("apply", "-f", "a.yaml", "-o", "json")
    assert error_of(refused) == (6, "DeploymentFailed")
    assert "--retry tries it again" in refused.err
    assert deployer("apply", "-f", "a.yaml", "--retry").code == 6
    created = deployer("create", "other", "--model", IRIS, "--set", "config.behaviour=load-fails")
    assert created.code == 6
    assert created.err.endswith("Nothing of other is left.\n")
    assert deployer("list", "other").code == 3


def test_what_failed_is_kept_where_that_is_asked_for(place: MemoryPlace) -> None:
    failing = ("--set", "config.behaviour=missing-dependency", "--keep-failed")
    created = deployer("create", "other", "--model", IRIS, "-t", "memory", *failing)
    assert created.code == 6
    logs, gone = commands_in(created.err)[-2:]
    assert deployer(*logs.split()[1:]).code == 0
    assert "other on memory: failed" in deployer("status", "other").out
    assert (gone, deployer(*gone.split()[1:], "--yes").code) == ("deployer delete other", 0)
    deployer(*CREATE)
    updated = deployer("update", "iris", *failing)
    assert updated.code == 6
    logs, gone = commands_in(updated.err)[-2:]
    assert "still serves" in updated.err
    assert deployer(*logs.split()[1:]).code == 0
    assert gone == "deployer rollback iris"
    assert deployer(*gone.split()[1:], "--yes").code == 0
    assert "iris on memory: healthy" in deployer("status", "iris").out


def test_never_ready_in_time_is_6(place: MemoryPlace) -> None:
    done = deployer(*CREATE, "--set", "config.behaviour=never-ready", "--timeout", "0.2s", "-o", "json")
    assert error_of(done) == (6, "DeploymentFailed")
    assert json.loads(done.out)["error"]["diagnosis"]["code"] == "PROBE_TIMEOUT"
    differs = deployer(*CREATE, "--set", "config.behaviour=differs", "-o", "json")
    assert json.loads(differs.out)["error"]["diagnosis"]["code"] == "PARITY"


def test_a_way_back_that_fails_is_11(place: MemoryPlace) -> None:
    deployer(*CREATE)
    place.inject("stage", "permission", skip=1, times=100)
    done = deployer(
        "update", "iris", "--set", "config.behaviour=load-fails", "--set", "rollout.strategy=recreate", "-o", "json"
    )
    assert error_of(done) == (11, "RestoreFailed")


@pytest.mark.parametrize(
    "words", [("status", "iris"), ("list", "-t", "memory"), (*CREATE,), ("delete", "iris", "--yes"), ("wait", "iris")]
)
def test_a_target_that_does_not_let_us_in_is_7(words: tuple[str, ...], place: MemoryPlace) -> None:
    place.inject("list" if words[0] == "list" else "observe", "permission", times=10)
    assert error_of(deployer(*words, "-o", "json")) == (7, "TargetUnavailable")


def test_one_of_many_that_is_not_reachable_does_not_stop_the_others(place: MemoryPlace, tmp_path: Path) -> None:
    store = Path.home() / "other"
    (tmp_path / "deployer.toml").write_text(f"[targets.down]\nkind = 'memory'\nroot = '{store}'\n")
    (tmp_path / "a.yaml").write_text(
        f"name: aaa\nmodel: {IRIS}\ntarget: down\n---\nname: bbb\nmodel: {IRIS}\ntarget: memory\n"
    )
    with MemoryPlace(store) as down:
        down.inject("observe", "permission", times=10)
        done = deployer("apply", "-f", "a.yaml", "-o", "json", env={"DEPLOYER_TARGET": ""})
    document = json.loads(done.out)
    assert (done.code, document["exit_code"]) == (7, 7)
    assert {each["name"]: each["exit_code"] for each in document["endpoints"]} == {"aaa": 7, "bbb": 0}


def test_rows_that_are_refused_are_8(place: MemoryPlace, tmp_path: Path) -> None:
    deployer(*CREATE)
    (tmp_path / "rows.json").write_text('{"inputs": "none"}')
    done = deployer("predict", "iris", "-i", "rows.json", "-o", "json")
    assert done.code == 8
    assert done.err.startswith("error: ")


def test_a_plan_with_something_to_do_is_10(place: MemoryPlace) -> None:
    assert deployer("plan", "iris", "--model", IRIS, "--exit-code").code == 10


def test_what_is_not_finished_is_12(place: MemoryPlace) -> None:
    done = deployer(*CREATE, *SLOW, "--once", "-o", "json")
    assert error_of(done) == (12, "InProgress")
    assert "deployer wait iris" in done.err
    assert error_of(deployer("wait", "iris", "--once", "-o", "json")) == (12, "InProgress")
    place.advance(7200)
    assert deployer("wait", "iris", "--once").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_130_and_takes_back_what_was_begun(number: signal.Signals, place: MemoryPlace) -> None:
    with waiting(place, *CREATE, *SLOW) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted: nothing of iris is left\n  To begin again:  deployer create iris --model " in err
    assert record_of(place) is None
    deployer(*CREATE)
    with waiting(place, "update", "iris", *SLOW, "-o", "json") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["error"]["code"]) == (130, 130)
    assert "iris serves what it served before" in err
    (again,) = commands_in(err)
    assert again == "deployer update iris --set config.settle.start=1h -o json"


def test_a_bug_of_ours_is_1_with_a_way_to_see_it(place: MemoryPlace, plugins: Path) -> None:
    env = {"PYTHONPATH": str(plugins)}
    done = deployer("status", "iris", "-t", "buggy", "-o", "json", env=env)
    assert error_of(done) == (1, "Bug")
    assert done.err == (
        "error: a bug in deployer: RuntimeError: [/boom]\n"
        "  please report it; to see where it is:  DEPLOYER_TRACEBACK=1 deployer status iris -t buggy -o json\n"
    )
    shown = shell("zsh", done.err.split("  ")[-1], env=env)
    assert shown.code == 1
    assert "Traceback (most recent call last)" in shown.err


def test_a_broken_back_end_is_told_in_the_list(place: MemoryPlace, plugins: Path) -> None:
    done = deployer("targets", "-o", "json", env={"PYTHONPATH": str(plugins)})
    found = {each["name"]: each for each in json.loads(done.out)["targets"]}
    assert found["broken"]["usable"] is False
    assert "there is no module no_such_module_of_theirs" in found["broken"]["reason"]
    assert found["buggy"]["capabilities"] == []
    text = deployer("targets", env={"PYTHONPATH": str(plugins)})
    assert "cannot be used: " in text.out


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """Two back ends of somebody else: one that is not there, and one with a fault of its own."""
    folder = tmp_path / "plugins"
    metadata = folder / "theirs-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[deployer.targets]\nbroken = no_such_module_of_theirs:kind\nbuggy = buggy_target:kind\n"
    )
    (folder / "buggy_target.py").write_text(
        "from pydantic import BaseModel\n"
        "from deployer.target import TargetKind\n"
        "class Nothing(BaseModel):\n    pass\n"
        "def connect(options, site):\n    raise RuntimeError('[/boom]')\n"
        "kind = TargetKind(name='buggy', summary='theirs', options=Nothing, config=Nothing, capabilities=frozenset(),\n"
        "                  connect=connect)\n"
    )
    return folder
