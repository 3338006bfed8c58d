"""An endpoint that somebody else made: listed, told, taken over as it runs; and the spec of one that is ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import MODELS, commands_in, deployer, shell, written

IRIS, OTHER = str(MODELS / "iris"), str(MODELS / "iris-v2")
BEGAN = 1_700_000_000.0
SECRET = "hunter22-and-more"

TOLD = """\
# theirs on memory: endpoint theirs, which deployer did not make, as far as it can be told.
# deployer apply -f FILE --adopt takes it over as it runs, without a restart if this file is not changed.
# env.API_TOKEN is not told, since its value looks secret; by reference: secrets: {API_TOKEN: {env: API_TOKEN}}
apiVersion: deployer/v1
name: theirs
model: iris
target: memory
replicas: 2
env:
  LOG_LEVEL: info"""

ADOPTED = """\
theirs on memory
  ~ owner      somebody else  ->  default, in place   endpoint theirs is taken over as it runs
  ✓ adopt            R1 carries the marks of default, and runs on
theirs is adopted: R1 runs on, healthy at memory:theirs (N s)."""


def put(place: MemoryPlace, name: str = "theirs", **runs: Any) -> None:
    """What another tool started, and serves iris."""
    told = {"model": IRIS, "replicas": 2, "env": {"LOG_LEVEL": "info", "API_TOKEN": SECRET}, **runs}
    place.put_foreign(name, {"url": f"memory:{name}", "since": BEGAN}, told)


def document(*words: str) -> dict[str, Any]:
    found = json.loads(deployer(*words, "-o", "json").out)
    assert isinstance(found, dict)
    return found


def test_it_is_seen_told_taken_over_and_ours(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    assert "not made by deployer" in deployer("list", "--all").out
    assert deployer("status", "theirs").out.endswith(
        "  made by   somebody else: deployer neither changes nor deletes it\n"
        "  adopt     deployer import theirs shows whether it can be taken over\n"
    )
    told = deployer("import", "theirs")
    assert (told.code, told.data, told.err) == (0, TOLD, "")
    file = written(told, tmp_path / "theirs.yaml")

    refused = deployer("apply", "-f", file)
    assert (refused.code, commands_in(refused.err)) == (
        4,
        ["deployer import theirs shows whether it can be taken over"],
    )
    dry = deployer("apply", "-f", file, "--adopt", "--dry-run")
    assert dry.code == 0
    (run,) = commands_in(dry.out)
    assert run == f"deployer apply -f {file} --adopt"
    assert deployer("plan", "-f", file, "--adopt", "--exit-code").code == 10
    assert "not made by deployer" in deployer("list", "--all").out  # nothing was changed

    done = shell("sh", run)
    assert (done.code, done.out, done.told) == (0, "", ADOPTED)
    assert deployer("apply", "-f", file).told == "theirs is unchanged: revision R1 is healthy (N s)."
    assert deployer("apply", "-f", file, "--adopt").told == "theirs is unchanged: revision R1 is healthy (N s)."

    seen = document("status", "theirs")
    assert (seen["managed"], seen["owner"], seen["phase"]) == (True, "default", "healthy")
    assert seen["revisions"][0]["since"] == "2023-11-14T22:13:20.000Z"  # the same processes as before
    assert [(each["verb"], each["result"]) for each in seen["history"]] == [("adopt", "released")]
    assert "healthy: adopted as it ran, made by somebody else" in deployer("history", "theirs").out
    assert deployer("update", "theirs", "--set", "replicas=3", "-q").code == 0
    assert deployer("delete", "theirs", "--yes", "-q").code == 0
    assert place.holdings()["endpoints"] == {}


def test_no_secret_is_told(place: MemoryPlace) -> None:
    put(place)
    for form in ("table", "json", "yaml", "markdown"):
        done = deployer("import", "theirs", "-o", form)
        assert done.code == 0
        assert SECRET not in done.out + done.err
        assert "API_TOKEN is not told" in (done.err if form == "json" else done.out)
    assert deployer("import", "theirs", "-o", "markdown").out.startswith("```yaml\n# theirs on memory")


def test_another_wish_is_rolled_out_and_can_be_gone_back_from(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    file = written(deployer("import", "theirs"), tmp_path / "theirs.yaml")
    done = deployer("apply", "-f", file, "--adopt", "--set", f"model={OTHER}", "--set", "replicas=3", "-o", "json")
    assert (done.code, json.loads(done.out)["ending"]) == (0, "updated")
    assert document("status", "theirs")["model"] == OTHER
    assert [each["verb"] for each in document("history", "theirs")["history"]] == ["apply", "adopt"]
    assert deployer("rollback", "theirs", "--yes", "-q").code == 0
    assert document("status", "theirs")["model"] == IRIS


def test_a_saved_plan_adopts_exactly_what_it_was_made_on(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    file = written(deployer("import", "theirs"), tmp_path / "theirs.yaml")
    plan = written(deployer("plan", "-f", file, "--adopt", "-o", "json"), tmp_path / "plan.json")
    place.remove_foreign("theirs")
    put(place)
    refused = deployer("apply", "--plan", plan)
    assert refused.code == 4
    assert "theirs is something else by now" in refused.err
    plan = written(deployer("plan", "-f", file, "--adopt", "-o", "json"), tmp_path / "plan.json")
    assert deployer("apply", "--plan", plan).told == ADOPTED
    assert deployer("apply", "--plan", plan, "--adopt").code == 2


def test_a_model_that_could_not_be_told_is_asked_for(place: MemoryPlace, tmp_path: Path) -> None:
    put(place, model=None)
    told = deployer("import", "theirs")
    assert "# model is not told, since it does not say which one it serves\n" in told.out
    file = written(told, tmp_path / "theirs.yaml")
    missing = deployer("apply", "-f", file, "--adopt")
    assert (missing.code, "model is missing" in missing.err) == (2, True)
    done = deployer("apply", "-f", file, "--adopt", "--set", f"model={IRIS}")
    assert (done.code, done.told) == (0, ADOPTED)


def test_several_at_once_each_as_it_is(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    folder = tmp_path / "deploy"
    folder.mkdir()
    written(deployer("import", "theirs"), folder / "a.yaml")
    (folder / "b.yaml").write_text(f"name: mine\nmodel: {IRIS}\n")
    refused = deployer("apply", "-f", str(folder), "-o", "json")
    assert [each["exit_code"] for each in json.loads(refused.out)["endpoints"]] == [4, 0]
    done = deployer("apply", "-f", str(folder), "--adopt", "-o", "json")
    assert [(each["ending"], each["exit_code"]) for each in json.loads(done.out)["endpoints"]] == [
        ("adopted", 0), ("unchanged", 0),
    ]  # fmt: skip


def test_events_tell_it(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    file = written(deployer("import", "theirs"), tmp_path / "theirs.yaml")
    done = deployer("apply", "-f", file, "--adopt", "--events", "jsonl", "-q")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [(each["event"], each.get("step")) for each in events] == [
        ("planned", None), ("step-started", "adopt"), ("step-done", "adopt"), ("ended", None),
    ]  # fmt: skip
    assert (events[-1]["ending"], events[-1]["changed"], events[-1]["now"]["managed"]) == ("adopted", True, True)


def test_another_owner_s_is_told_and_changes_hands(place: MemoryPlace, tmp_path: Path) -> None:
    deployer("create", "iris", "--model", IRIS, "--owner", "risk")
    told = deployer("import", "iris")
    assert told.out.startswith("# iris on memory belongs to the owner 'risk'.\n# deployer apply -f FILE --adopt takes")
    file = written(told, tmp_path / "iris.yaml")
    assert deployer("apply", "-f", file).code == 4
    done = deployer("apply", "-f", file, "--adopt")
    assert done.told.splitlines()[1:] == [
        "  ~ owner      risk -> default, in place",
        "  ✓ adopt            R1 carries the marks of default, and runs on",
        "iris is adopted: R1 runs on, healthy at memory:iris (N s).",
    ]
    assert deployer("delete", "iris", "--owner", "risk", "--yes").code == 4
    assert "adopted" in deployer("history", "iris").out
    assert deployer("delete", "iris", "--yes", "-q").code == 0


def test_nothing_that_is_not_ours_is_touched_by_any_other_command(place: MemoryPlace, tmp_path: Path) -> None:
    put(place)
    (tmp_path / "deployer.yaml").write_text(f"name: theirs\nmodel: {IRIS}\n")
    before = place.foreign("theirs")
    for words in (
        ("delete", "theirs", "--yes"), ("update", "theirs", "--set", "replicas=1"), ("rollback", "theirs", "--yes"),
        ("create", "theirs", "--model", IRIS), ("apply", "-f", "deployer.yaml", "--yes"), ("wait", "theirs"),
        ("render",), ("plan",),
    ):  # fmt: skip
        done = deployer(*words)
        assert done.code == 4, (words, done.err)
        assert done.out == ""
    assert place.foreign("theirs") == before


def test_ours_is_told_as_it_is_recorded_and_applies_unchanged(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text("[targets.staging]\nkind = 'memory'\n")
    env = {"MY_TOKEN": SECRET}
    sets = [
        "replicas=2", "env.VERSION=1.10", "env.ON=yes", "labels.team=risk", "secrets.API_TOKEN.env=MY_TOKEN",
        "health.timeout=5m", "resources.memory=2Gi", "config.settle.start=20ms",
    ]  # fmt: skip
    words = ["create", "iris", "--model", IRIS, "-t", "staging", *(w for each in sets for w in ("--set", each))]
    assert deployer(*words, env=env).code == 0
    told = deployer("import", "iris", "-t", "staging", env=env)
    assert SECRET not in told.out
    assert yaml.safe_load(told.out) == {
        "apiVersion": "deployer/v1", "name": "iris", "model": IRIS, "target": "staging", "replicas": 2,
        "env": {"VERSION": "1.10", "ON": "yes"}, "labels": {"team": "risk"},
        "secrets": {"API_TOKEN": {"env": "MY_TOKEN"}}, "health": {"timeout": "5m"}, "resources": {"memory": "2Gi"},
        "config": {"settle": {"start": "0.02s"}},
    }  # fmt: skip
    file = written(told, tmp_path / "iris.yaml")
    assert deployer("apply", "-f", file, env=env).told.startswith("iris is unchanged: ")
    assert deployer("plan", "-f", file, "--exit-code", env=env).code == 0
    assert document("import", "iris", "-t", "staging") == yaml.safe_load(told.out)


def test_one_that_is_half_way_says_so(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS, "--no-wait")
    assert deployer("import", "iris").data.splitlines()[0] == "# the create to R1 is under way: deployer status iris"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("import", "none"), 3, "there is no endpoint none on memory"),
        (("import", "irsi"), 3, "did you mean iris? deployer import iris"),
        (("import",), 2, "missing: 'NAME'"),
        (("import", "iris", "-t", "memry"), 3, "did you mean 'memory'"),
        (("imprt", "iris"), 2, "did you mean import?"),
        (("apply", "-f", "x.yaml", "--adpt"), 2, "did you mean --adopt?"),
        (("plan", "iris", "--adopt", "--as", "update"), 2, "--adopt is of apply, not of update"),
    ],
)
def test_slips(words: tuple[str, ...], code: int, said: str, place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    done = deployer(*words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
