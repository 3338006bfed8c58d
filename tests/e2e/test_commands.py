"""Whole outputs of the real command line, against the memory target."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import DEPLOYER, MODELS, ROWS, commands_in, deployer, environment, shell
from tests.unit.cli.shells import SHELLS

IRIS, OTHER = str(MODELS / "iris"), str(MODELS / "iris-v2")

CREATED = """\
iris on memory
  + endpoint   iris
  + revision   R1   sklearn, python 3.11, 5 requirements, 4 columns -> 1 string
  + traffic    100 % -> R1
  ✓ start            1 replica
  ✓ healthy          answers its own example as the packaged model does (3 of 3)
iris is healthy at memory:iris (N s).  Try:  deployer predict iris -i rows.csv"""


def test_a_whole_life(place: MemoryPlace) -> None:
    created = deployer("create", "iris", "--model", IRIS)
    assert (created.code, created.out) == (0, "")
    assert created.told.replace("R1         ", "R1   ") == CREATED

    again = deployer("create", "iris", "--model", IRIS)
    assert (again.code, again.told) == (0, "iris is unchanged: revision R1 is healthy (N s).")

    predicted = deployer("predict", "iris", "-i", str(ROWS))
    assert predicted.code == 0
    assert predicted.out.splitlines()[0] == "sepal_length,sepal_width,petal_length,petal_width,prediction"
    assert len(predicted.out.splitlines()) == len(ROWS.read_text().splitlines())

    scaled = deployer("update", "iris", "--set", "replicas=3")
    assert scaled.told == (
        "iris on memory\n  ~ replicas   1 -> 3, in place\n  ✓ start            3 replicas\n"
        "  ✓ healthy          3 of 3 ready\niris is healthy at memory:iris (N s)."
    )

    updated = deployer("update", "iris", "--model", OTHER)
    assert updated.told.splitlines()[3:] == [
        "  ✓ start            3 replicas",
        "  ✓ healthy          answers its own example as the packaged model does (3 of 3)",
        "  ✓ traffic          100 % -> R2",
        "  ✓ retire           R1 stopped, kept for rollback",
        "iris is healthy at memory:iris (N s).",
    ]

    back = deployer("rollback", "iris", "--yes")
    assert back.code == 0
    assert back.told.splitlines()[-1] == "iris is back at R2, healthy at memory:iris (N s)."

    history = deployer("history", "iris")
    assert [line.split()[:2] for line in history.data.splitlines()] == [
        ["REVISION", "MODEL"], ["R1", "iris"], ["R2", "iris-v2"], ["R1", "iris"], ["R1", "iris"],
    ]  # fmt: skip

    gone = deployer("delete", "iris", "--yes")
    assert gone.code == 0
    assert gone.told.splitlines()[-2:] == [
        "iris is deleted (N s).",
        "The model (iris) stays where it is; so do packages in the cache, until: deployer gc",
    ]
    assert deployer("list").told == "There is no endpoint on any target yet.  Begin:  deployer create NAME --model URI"


def test_create_over_something_else_says_how_to_change_it_and_that_works(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    refused = deployer("create", "iris", "--model", OTHER)
    assert refused.code == 4
    change, look = commands_in(refused.err)
    assert (change, look) == (
        f"deployer update iris --model {OTHER}",
        f"deployer plan iris --model {OTHER} --as update",
    )
    assert shell("sh", f"{look} --exit-code").code == 10
    assert shell("sh", change).code == 0
    assert shell("sh", f"{look} --exit-code").code == 0


@pytest.mark.parametrize("name", SHELLS)
def test_the_command_under_a_plan_does_it_when_pasted(name: str, place: MemoryPlace, tmp_path: Path) -> None:
    deployer("create", "iris", "--model", IRIS)
    odd = 'env.GREETING=it\'s "quoted" $HOME, [x] *'
    planned = deployer("plan", "iris", "--model", OTHER, "--set", odd, "--set", "replicas=2")
    (run,) = commands_in(planned.out)
    done = shell(name, run)
    assert done.code == 0, done.err
    spec = json.loads(deployer("status", "iris", "-o", "json").out)["spec"]
    assert (spec["env"], spec["replicas"], spec["model"]) == ({"GREETING": odd[13:]}, 2, OTHER)


def test_a_plan_and_its_forms(place: MemoryPlace) -> None:
    fresh = deployer("plan", "iris", "--model", IRIS)
    assert (fresh.code, fresh.err) == (0, "")
    assert fresh.data.splitlines()[0] == "iris on memory: create"
    assert fresh.out.splitlines()[-1] == (
        f"1 revision to start, nothing to delete. Run:  deployer create iris --model {IRIS}"
    )
    assert deployer("list", "-o", "json").out.count("iris") == 0
    deployer("create", "iris", "--model", IRIS)
    unchanged = deployer("plan", "iris", "--model", IRIS, "--exit-code")
    assert (unchanged.code, unchanged.out) == (0, "iris on memory: nothing to do, it is as wished\n")
    markdown = deployer("plan", "iris", "--set", "replicas=2", "-o", "markdown", "--exit-code")
    assert markdown.code == 10
    assert markdown.out.startswith("### `iris` on `memory`: update\n\n```diff\n! replicas   1 -> 2, in place\n```\n")
    document = json.loads(deployer("plan", "iris", "--set", "replicas=2", "-o", "json").out)
    assert document == yaml.safe_load(deployer("plan", "iris", "--set", "replicas=2", "-o", "yaml").out)
    assert [each["what"] for each in document["changes"]] == ["replicas"]


def test_a_saved_plan_is_carried_out_exactly_or_refused_when_it_is_outdated(place: MemoryPlace, tmp_path: Path) -> None:
    deployer("create", "iris", "--model", IRIS)
    plan = tmp_path / "plan.json"
    plan.write_text(deployer("plan", "iris", "--model", OTHER, "-o", "json").out)
    revision = json.loads(plan.read_text())["wish"]["release"]["revision"]
    done = deployer("apply", "--plan", str(plan), "-o", "json")
    assert (done.code, json.loads(done.out)["endpoint"]["revision"]) == (0, revision)
    refused = deployer("apply", "--plan", "-", stdin=plan.read_text())
    assert refused.code == 4
    assert "was changed since this plan was made" in refused.err
    assert deployer("apply", "--plan", str(plan), "--set", "a=b").code == 2
    plan.write_text("{}")
    assert "this is no plan" in deployer("apply", "--plan", str(plan)).err


def documents(*names: str, **fields: str) -> str:
    return "---\n".join(
        f"name: {name}\nmodel: {IRIS}\n{''.join(f'{k}: {v}' for k, v in fields.items())}\n" for name in names
    )


def test_many_endpoints_at_once_each_with_its_own_outcome(place: MemoryPlace, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "a.yaml").write_text(documents("first", "second"))
    (folder / "b.yml").write_text(documents("third", config="{behaviour: load-fails}"))
    planned = deployer("plan", "-f", "deploy/", "--exit-code")
    assert planned.code == 10
    assert planned.out.endswith("\n3 of 3 endpoints would change: first, second and third.\n")
    applied = deployer("apply", "-f", "deploy/", "-o", "json")
    assert applied.code == 6
    document = json.loads(applied.out)
    assert document["exit_code"] == 6
    assert [(each["name"], each["exit_code"]) for each in document["endpoints"]] == [
        ("first", 0),
        ("second", 0),
        ("third", 6),
    ]
    assert document["endpoints"][2]["error"]["diagnosis"]["code"] == "MODEL_LOAD"
    assert applied.err.endswith("3 endpoints: 2 as wished, 1 not.\n")
    again = deployer("apply", "-f", "deploy/a.yaml")
    assert again.told == (
        "first is unchanged: revision R1 is healthy (N s).\nsecond is unchanged: revision R1 is healthy (N s).\n"
        "All 2 endpoints are as wished."
    )


def test_a_mistake_in_any_file_stops_all(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(documents("first"))
    (tmp_path / "b.yaml").write_text(f"name: second\nmodel: {IRIS}\nreplica: 2\n")
    applied = deployer("apply", "-f", ".")
    assert applied.code == 2
    assert applied.err == "error: unknown key 'replica' (did you mean 'replicas'?)\n  at b.yaml:3\n"
    assert json.loads(deployer("list", "-o", "json").out)["endpoints"] == []


def test_without_name_and_model_the_file_that_lies_here_is_taken(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.yaml").write_text(documents("iris"))
    assert deployer("create", "-q").code == 0
    assert deployer("plan", "--exit-code").code == 0
    assert deployer("update", "--set", "replicas=2", "-q").code == 0
    assert "1 of 3" not in deployer("status", "iris").out
    (run,) = commands_in(deployer("plan").out)
    assert run == "deployer apply -f deployer.yaml"
    assert shell("sh", run).code == 0


def test_events_are_lines_of_json_and_nothing_else_is_on_stdout(place: MemoryPlace) -> None:
    created = deployer("create", "iris", "--model", IRIS, "--events", "jsonl")
    events = [json.loads(line) for line in created.out.splitlines()]
    assert events[0]["event"] == "planned"
    assert events[-1]["event"] == "ended"
    assert (events[-1]["ending"], events[-1]["exit_code"], events[-1]["now"]["phase"]) == ("created", 0, "healthy")
    assert {each["endpoint"] for each in events} == {"iris"}
    assert all(each["at"].endswith("Z") for each in events)
    failed = deployer("update", "iris", "--set", "config.behaviour=load-fails", "--events", "jsonl", "-q")
    last = json.loads(failed.out.splitlines()[-1])
    assert (failed.code, last["event"], last["exit_code"], last["error"]["diagnosis"]["code"]) == (
        6,
        "failed",
        6,
        "MODEL_LOAD",
    )
    assert deployer("create", "iris", "--model", IRIS, "--events", "jsonl", "-o", "json").code == 2


@pytest.mark.parametrize("form", ["json", pytest.param("yaml", marks=pytest.mark.exhaustive)])
def test_one_document_whatever_happens(form: str, place: MemoryPlace) -> None:
    def document(*words: str) -> dict[str, object]:
        done = deployer(*words, "-o", form)
        found = json.loads(done.out) if form == "json" else yaml.safe_load(done.out)
        assert isinstance(found, dict)
        assert found.get("error", {"code": 0})["code"] == done.code
        return found

    assert document("create", "iris", "--model", IRIS)["ending"] == "created"
    assert document("create", "iris", "--model", IRIS)["changed"] is False
    assert document("create", "iris", "--model", OTHER)["error"]["kind"] == "Conflict"  # type: ignore[index]
    assert document("status", "iris")["url"] == "memory:iris"
    assert document("status", "none")["error"]["kind"] == "NotFound"  # type: ignore[index]
    assert document("list")["unreachable"] == []
    assert document("history", "iris")["name"] == "iris"
    assert document("wait", "iris")["ending"] == "unchanged"
    assert document("targets")["default"] == "memory"
    assert document("targets", "memory")["name"] == "memory"
    assert document("check", IRIS)["deployable"] is True
    assert document("doctor")["well"] is True
    assert document("gc", "--yes")["found"] == []
    assert document("delete", "iris", "--yes")["ending"] == "deleted"
    assert document("delete", "iris", "--missing-ok")["ending"] == "unchanged"


def test_a_reader_that_leaves_is_no_matter(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    script = "deployer status iris -o json | head -1; echo ${PIPESTATUS[0]}"
    done = shell("bash", script)
    assert done.err == ""
    assert done.out.splitlines()[0] == "{"
    assert done.out.splitlines()[1] in ("0", "141")
    closed = shell("bash", "deployer update iris --set replicas=2 -o json >&- 2>&-; echo $?")
    assert closed.out == "0\n"
    pipe = shell("bash", "set -o pipefail; deployer list -t memory -o json | sleep 0")
    assert pipe.code in (0, 141)
    assert pipe.err == ""


def test_secrets_are_shown_nowhere(place: MemoryPlace) -> None:
    secret = "hunter22-and-more"
    env = {"MY_TOKEN": secret}
    words = ["--model", IRIS, "--set", "secrets.API_TOKEN.env=MY_TOKEN"]
    seen = [deployer("plan", "iris", *words, "-o", "json", env=env), deployer("create", "iris", *words, env=env)]
    seen.append(
        deployer("update", "iris", "--set", f"env.SLIP={secret}", "--set", "config.behaviour=load-fails", env=env)
    )
    seen += [deployer("status", "iris", "-o", form, env=env) for form in ("json", "table")]
    seen += [deployer(word, "iris", env=env) for word in ("history", "logs", "wait")]
    assert [each.code for each in seen] == [0, 0, 6, 0, 0, 0, 0, 0]
    assert not any(secret in each.out + each.err for each in seen)
    assert "SLIP" in seen[2].err


def test_no_wait_and_wait(place: MemoryPlace) -> None:
    staged = deployer("create", "iris", "--model", IRIS, "--no-wait")
    assert staged.code == 0
    assert staged.told.splitlines()[-1] == "iris is pending: R1 is staged (N s).  Then:  deployer wait iris"
    assert "pending" in deployer("list").out
    (then,) = [each for each in commands_in(staged.err) if " wait " in each]
    assert shell("sh", then).told.splitlines()[-1].startswith("iris is healthy at memory:iris")
    assert deployer("wait", "iris").told == "Nothing is under way: iris is healthy."


def test_deployer_alone(place: MemoryPlace) -> None:
    assert deployer().out.endswith("All commands:  deployer --help\n\nNothing runs yet.\n")
    deployer("create", "iris", "--model", IRIS)
    assert deployer().out.endswith("\n\niris is well.\n")
    deployer(
        "create", "ill", "--model", IRIS, "--set", "config.behaviour=crashes-later", "--set", "config.settle.crash=1s"
    )
    place.advance(10)
    assert deployer().out.endswith("\n\nNot well: ill.  Look:  deployer status ill\n")
    status = deployer("status", "ill")
    assert status.code == 0
    assert "CRASH_LOOP" in status.out
    assert "  more      deployer logs ill --tail 50\n" in status.out


def test_what_is_not_ours_is_listed_with_all_and_left_alone(place: MemoryPlace) -> None:
    place.put_foreign("theirs")
    assert "theirs" not in deployer("list").out
    assert "not made by deployer" in deployer("list", "--all").out
    assert deployer("delete", "theirs", "--yes").code == 4
    assert "theirs" in deployer("list", "--all").out


def test_a_target_that_cannot_be_reached_is_a_line(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "deployer.toml").write_text(f"[targets.down]\nkind = 'memory'\nroot = '{tmp_path}/file/x'\n")
    deployer("create", "iris", "--model", IRIS)
    listed = deployer("list")
    assert listed.code == 0
    assert listed.out.splitlines()[1].startswith("iris")
    assert listed.out.splitlines()[-1].startswith("down: not reachable: ")
    assert deployer("list", "-t", "down").code == 7
    assert deployer("doctor", "-t", "down").code == 7


def test_a_named_target_is_said_in_every_printed_command(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text("[targets.staging]\nkind = 'memory'\n")
    created = deployer("create", "iris", "--model", IRIS, "-t", "staging", "--no-wait")
    assert commands_in(created.err) == ["deployer wait iris -t staging"]
    assert "deployer wait iris -t staging finishes it" in deployer("list", "-t", "staging").out
    assert shell("sh", "deployer wait iris -t staging").code == 0
    assert commands_in(deployer("delete", "iris", "-t", "staging").err) == ["deployer delete iris -t staging --yes"]
    near = deployer("status", "irsi", "-t", "staging")
    assert near.code == 3
    assert "did you mean iris? deployer status iris -t staging" in near.err
    assert "did you mean 'staging'" in deployer("status", "iris", "-t", "stagign").err


def test_a_protected_target_wants_the_name_said_once_more(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text("[targets.prod]\nkind = 'memory'\nprotected = true\n")
    refused = deployer("create", "iris", "--model", IRIS, "-t", "prod")
    assert refused.code == 2
    assert "prod is protected: it takes models from a registry only" in refused.err
    (tmp_path / "deployer.toml").write_text("[targets.prod]\nkind = 'memory'\n")
    deployer("create", "iris", "--model", IRIS, "-t", "prod")
    (tmp_path / "deployer.toml").write_text("[targets.prod]\nkind = 'memory'\nprotected = true\n")
    asked = deployer("delete", "iris", "-t", "prod")
    assert (asked.code, commands_in(asked.err)) == (2, ["deployer delete iris -t prod --yes --confirm iris"])
    once = deployer("delete", "iris", "-t", "prod", "--yes")
    assert (once.code, commands_in(once.err)) == (2, ["deployer delete iris -t prod --yes --confirm iris"])
    assert deployer("delete", "iris", "-t", "prod", "--yes", "--confirm", "other").code == 2
    assert shell("sh", commands_in(once.err)[0]).code == 0


def test_logs(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    assert deployer("logs", "iris").data == "1 | loading iris\n1 | ready"
    assert deployer("logs", "iris", "--tail", "1").out == "1 | ready\n"
    line = json.loads(deployer("logs", "iris", "--tail", "1", "-o", "json").out)
    assert (line["replica"], line["text"]) == ("1", "ready")
    assert deployer("logs", "iris", "--since", "0s").told == "iris has written nothing in that time."
    assert deployer("logs", "iris", "--revision", "rfffffff").code == 3


def test_predictions_go_where_they_are_wanted(place: MemoryPlace, tmp_path: Path) -> None:
    deployer("create", "iris", "--model", IRIS)
    whole = deployer("predict", "iris", "-i", "-", "-o", "json", stdin='{"inputs": [[1, 2], [3, 4]]}')
    assert len(json.loads(whole.out)["predictions"]) == 2
    out = tmp_path / "predictions.csv"
    done = deployer("predict", "iris", "-i", str(ROWS), "--out", str(out), "--chunk-size", "100", "--concurrency", "3")
    assert (done.code, done.out) == (0, "")
    assert done.told == f"12 rows written to {out}, answered by R1."
    assert out.read_text() == deployer("predict", "iris", "-i", str(ROWS)).out
    assert deployer("predict", "iris", "-i", str(ROWS), "--out", str(tmp_path / "no" / "x.csv")).code == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == [".git", "predictions.csv"]


def test_an_answer_is_written_as_it_comes(place: MemoryPlace, tmp_path: Path) -> None:
    deployer("create", "iris", "--model", IRIS)
    rows = '{"inputs": [[1, 2], [3, 4]]}'
    whole = deployer("predict", "iris", "-i", "-", "-o", "json", stdin=rows)
    streamed = deployer("predict", "iris", "-i", "-", "--stream", stdin=rows)
    assert (streamed.code, json.loads(streamed.out)) == (0, json.loads(whole.out))
    out = tmp_path / "answer.json"
    assert deployer("predict", "iris", "-i", "-", "--stream", "--out", str(out), stdin=rows).out == ""
    assert json.loads(out.read_text()) == json.loads(whole.out)
    refused = deployer("predict", "iris", "-i", "-", "--stream", stdin='{"inputs": "x"}')
    assert (refused.code, refused.out) == (deployer("predict", "iris", "-i", "-", stdin='{"inputs": "x"}').code, "")
    assert deployer("predict", "iris", "-i", str(ROWS), "--stream").code == 2
    assert deployer("predict", "iris", "-i", "-", "--stream", "-o", "csv", stdin=rows).code == 2


def test_init_writes_a_file_that_can_be_planned(place: MemoryPlace, tmp_path: Path) -> None:
    done = deployer("init", "--name", "iris", "--model", IRIS)
    assert (done.code, done.err) == (0, "deployer.yaml is written.  Then:  deployer plan\n")
    assert deployer("plan", "--exit-code").code == 10
    assert deployer("init").code == 4
    assert deployer("init", "--out", "-").out.startswith("# One endpoint")
    assert deployer("init", "--name", "No Name", "--out", "-").code == 2


def test_the_shell_completes_commands_targets_and_endpoints(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text("[targets.staging]\nkind = 'memory'\n")
    deployer("create", "iris", "--model", IRIS)

    def completed(line: str) -> list[str]:
        words = line.split(" ")
        env = environment(
            {"_DEPLOYER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
             "DEPLOYER_CI_COMPLETION_PATIENCE": "30"}
        )  # fmt: skip
        done = subprocess.run([DEPLOYER], env=env, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.split()

    assert completed("deployer st") == ["status"]
    assert completed("deployer status i") == ["iris"]
    assert completed("deployer list -t sta") == ["staging"]
    assert completed("deployer list --ow") == ["--owner"]
    assert completed("deployer list -o j") == ["json"]
    assert "complete -o default" in deployer("--show-completion", env={"SHELL": "/bin/bash"}).out or os.name == "nt"
