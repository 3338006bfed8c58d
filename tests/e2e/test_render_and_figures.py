"""What a target would be sent, printed; and what a revision uses and how it answers, in its status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import MODELS, ROWS, deployer

IRIS, OTHER = str(MODELS / "iris"), str(MODELS / "iris-v2")
SECRET = "hunter22-and-more"


def test_render_prints_what_would_be_sent_and_changes_nothing(place: MemoryPlace, tmp_path: Path) -> None:
    (tmp_path / "deployer.yaml").write_text(f"name: iris\nmodel: {IRIS}\nreplicas: 2\nsecrets: {{T: {{env: MY_T}}}}\n")
    env = {"MY_T": SECRET}
    printed = deployer("render", "-f", "deployer.yaml", env=env)
    assert (printed.code, printed.err) == (0, "")
    found = list(yaml.safe_load_all(printed.out))
    assert [each["verb"] for each in found] == ["configure", "stage", "route"]
    assert found[1]["arguments"]["revision"]["wanted"] == 2
    assert found[1]["arguments"]["revision"]["secrets"] == [["T", 1]]
    assert SECRET not in printed.out
    assert place.holdings() == {"records": [], "foreign": [], "endpoints": {}}
    assert json.loads(deployer("render", "-o", "json", env=env).out) == found
    assert list(yaml.safe_load_all(deployer("render", "-o", "yaml", env=env).out)) == found

    revision = found[1]["arguments"]["revision"]["id"]
    assert deployer("apply", "-f", "deployer.yaml", "-q", env=env).code == 0
    status = json.loads(deployer("status", "iris", "-o", "json").out)
    assert status["revision"] == revision
    assert deployer("render", env=env).out == printed.out


def test_render_takes_what_plan_takes(place: MemoryPlace, tmp_path: Path) -> None:
    assert len(list(yaml.safe_load_all(deployer("render", "iris", "--model", IRIS).out))) == 3
    deployer("create", "iris", "--model", IRIS)
    changed = list(yaml.safe_load_all(deployer("render", "iris", "--set", "replicas=4").out))
    assert changed[1]["arguments"]["revision"]["wanted"] == 4
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "a.yaml").write_text(f"name: iris\nmodel: {OTHER}\n---\nname: other\nmodel: {IRIS}\n")
    found = list(yaml.safe_load_all(deployer("render", "-f", "deploy").out))
    assert [each["arguments"]["endpoint"] for each in found] == ["iris"] * 3 + ["other"] * 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("render",), 2, "nothing to do it with"),
        (("render", "iris", "--model", IRIS, "-o", "markdown"), 2, "render writes documents: -o yaml or -o json"),
        (("render", "iris", "--model", IRIS, "-t", "local"), 2, "local takes no documents that could be rendered"),
        (("render", "iris", "--model", IRIS, "--set", "replica=2"), 2, "did you mean 'replicas'?"),
        (("rendr",), 2, "did you mean render?"),
    ],
)
def test_slips(words: tuple[str, ...], code: int, said: str, place: MemoryPlace) -> None:
    done = deployer(*words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_status_tells_how_a_revision_answers(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    revision = json.loads(deployer("status", "iris", "-o", "json").out)["revision"]
    place.advance(600)
    for _ in range(3):
        assert deployer("predict", "iris", "-i", str(ROWS)).code == 0
    whole = deployer("status", "iris", "--window", "1m")
    (line,) = [each for each in whole.out.splitlines() if "requests" in each]
    assert line.strip().startswith("3 requests in 1 m, 0 errors, p50 ")
    seen = json.loads(deployer("status", "iris", "-o", "json").out)
    figures = seen["figures"][revision]
    assert (figures["requests"], figures["errors"], figures["error_rate"], figures["window"]) == (3, 0, 0.0, 300.0)
    assert set(figures["latency"]) == {"p50", "p95", "p99"}
    assert figures["until"].endswith("Z")
    place.advance(600)
    assert "no requests in 5 m" in deployer("status", "iris").out
    assert deployer("status", "iris", "--window", "soon").code == 2


def test_a_revision_that_does_not_answer_has_errors(place: MemoryPlace) -> None:
    crashes = ("--set", "config.behaviour=crashes-later", "--set", "config.settle.crash=1m")
    deployer("create", "iris", "--model", IRIS, *crashes)
    place.advance(600)
    assert deployer("predict", "iris", "-i", str(ROWS)).code == 7
    figures = json.loads(deployer("status", "iris", "-o", "json").out)["figures"]
    (found,) = figures.values()
    assert found["errors"] == found["requests"] > 0
    assert found["latency"] == {}
