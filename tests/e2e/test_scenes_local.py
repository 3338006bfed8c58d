"""The scenes of what it is like to use, played on this machine's own processes, with their whole outputs.

With ``DEPLOYER_TEST_SCENES=FOLDER`` each scene's real output is written there, to be read beside the wish.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import MODELS, ROWS, Done, commands_in, shell
from tests.e2e.local_home import LocalHome

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("e2e-scenes"),
]  # fmt: skip

LOADER = """\
import tabulate

from mlflow.sklearn import _load_pyfunc
"""


class Scene:
    """A person at a folder: runs commands, and keeps what a terminal would have shown."""

    def __init__(self, home: LocalHome, folder: Path) -> None:
        self.home, self.folder, self.shown = home, folder, ""

    def types(self, line: str, *, using: str = "sh") -> Done:
        """Type a line into a shell."""
        done = shell(using, line, cwd=self.folder, env=self.home.variables)
        ending = f"exit {done.code}\n" if done.code else ""
        self.shown += f"$ {line}\n{done.err}{done.out}{ending}\n"
        return done


@pytest.fixture
def scene(home: LocalHome, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A folder with the examples in it, and nothing deployed yet."""
    shutil.copytree(MODELS, tmp_path / "models")
    shutil.copy(ROWS, tmp_path / "rows.csv")
    (tmp_path / ".git").mkdir()
    playing = Scene(home, tmp_path)
    yield playing
    for name in ("iris", "second"):
        home.run("delete", name, "--yes", "--missing-ok")
    folder = os.environ.get("DEPLOYER_TEST_SCENES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{request.node.name.removeprefix('test_')}.txt").write_text(playing.shown)


def changed(model: Path, *, requirement: tuple[str, str] | None = None, loader: str | None = None) -> None:
    """Change a copied model: another version of a requirement, or a loader of its own."""
    if requirement is not None:
        for name in ("requirements.txt", "conda.yaml"):
            path = model / name
            path.write_text(path.read_text().replace(*requirement))
    if loader is not None:
        (model / "code").mkdir()
        (model / "code" / "features.py").write_text(loader)
        text = (model / "MLmodel").read_text()
        told = text.replace("loader_module: mlflow.sklearn", "code: code\n    loader_module: features")
        assert told != text
        (model / "MLmodel").write_text(told)


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_scene_1_five_minutes(scene: Scene) -> None:
    created = scene.types("deployer create iris --model models/iris")
    assert created.code == 0, created.err
    told = lines(created.told)
    assert [re.sub(r" {2,}", "  ", each).replace("  ", " ", 1) for each in told if each.startswith("  +")] == [
        " + endpoint  iris",
        " + revision  R1  sklearn, python 3.11, 5 requirements, 4 columns -> 1 string",
        " + traffic  100 % -> R1",
    ]
    assert told[0] == "iris on local"
    steps = [each.split()[:2] for each in told if each.startswith("  ✓")]
    assert steps == [["✓", "environment"], ["✓", "start"], ["✓", "healthy"]]
    assert "answers its own example as the packaged model does (3 of 3)" in told[-2]
    assert re.fullmatch(
        r"iris is healthy at http://127\.0\.0\.1:\d+ \(N s\)\.  Try:  deployer predict iris -i rows\.csv", told[-1]
    )

    again = scene.types("deployer create iris --model models/iris")
    assert (again.code, again.told) == (0, "iris is unchanged: revision R1 is healthy (N s).")

    for using in ("sh", "zsh"):
        (run,) = commands_in(created.err)
        predicted = scene.types(f"{run} | head -3", using=using)
        assert (predicted.code, predicted.err) == (0, "")
        assert lines(predicted.out) == [
            "sepal_length,sepal_width,petal_length,petal_width,prediction",
            "5.1,3.5,1.4,0.2,setosa",
            "5.0,3.4,1.5,0.2,setosa",
        ]


def test_scene_2_see_before_you_leap(scene: Scene) -> None:
    changed(scene.folder / "models" / "iris-v2", requirement=("skops==0.16.0", "skops==0.14.0"))
    scene.types("deployer create iris --model models/iris --set replicas=2 --quiet")
    planned = scene.types("deployer plan iris --model models/iris-v2 --set replicas=3")
    assert (planned.code, planned.err) == (0, "")
    told = lines(planned.data)
    assert told[0] == "iris on local: update"
    assert re.fullmatch(r"  ~ model          models/iris  ->  models/iris-v2   \d of 7 files differ, \d+ KB", told[1])
    assert re.fullmatch(r"  ~ requirements   skops 0\.16\.0 -> 0\.14\.0", told[2])
    assert told[3] == "  ~ replicas       2 -> 3, in place"
    assert told[4] == "    traffic        R1 100 %  ->  R2 100 %, after 3 of 3 healthy answers; R1 stops last"
    run = "deployer update iris --model models/iris-v2 --set replicas=3"
    assert told[5:] == [f"1 revision to start, 1 to retire, nothing to delete. Run:  {run}"]
    assert scene.types("deployer plan iris --model models/iris --exit-code").code == 0
    assert scene.types("deployer plan iris --model models/iris-v2 -o markdown --exit-code").code == 10
    as_json = scene.types("deployer plan iris --model models/iris-v2 -o json | head -c 100")
    assert as_json.out.startswith('{\n  "format": 1,\n  "verb": "update"')


def test_scene_3_it_goes_wrong_and_that_is_all_right(scene: Scene) -> None:
    changed(scene.folder / "models" / "iris-v2", loader=LOADER)
    scene.types("deployer create iris --model models/iris --quiet")
    before = json.loads(scene.home.run("status", "iris", "-o", "json").out)
    failed = scene.types("deployer update iris --model models/iris-v2")
    assert failed.code == 6
    told = lines(failed.err)
    cross = next(n for n, line in enumerate(told) if line.startswith("  ✗ "))
    assert re.match(r"  ✗ healthy +r[0-9a-f]{7} worker \d exited 1 after \d+\.\d s ", told[cross])
    assert told[cross + 1] == "error: the new revision cannot load its model (MISSING_DEPENDENCY)"
    assert "ModuleNotFoundError: No module named 'tabulate'" in failed.err
    assert "features.py" in failed.err
    assert "The model's requirements.txt does not list it." in failed.err
    bad = re.search(r"Of (r[0-9a-f]{7}) only its entry in the history is left\.", told[-1])
    assert bad is not None
    assert told[-1].startswith(f"iris still serves {before['revision']}: 100 % of traffic. ")
    assert len(set(told)) == len(told), "a run that says the same thing twice is wrong"

    after = json.loads(scene.home.run("status", "iris", "-o", "json").out)
    assert (after["revision"], after["phase"], after["url"]) == (before["revision"], "healthy", before["url"])
    history = scene.types("deployer history iris")
    assert history.out.splitlines()[1].startswith(f"{bad[1]}  models/iris-v2")
    assert "rejected: MISSING_DEPENDENCY" in history.out

    (once,) = commands_in(failed.err)
    tried = scene.types(once, using="zsh")
    assert tried.code == 0, tried.err
    assert lines(tried.told)[-1].startswith("iris is healthy at http://127.0.0.1:")


def test_scene_5_one_line_in_a_pipeline(scene: Scene) -> None:
    deploy = scene.folder / "deploy"
    deploy.mkdir()
    (deploy / "iris.yaml").write_text("name: iris\nmodel: ../models/iris\n")
    (deploy / "second.yaml").write_text("name: second\nmodel: ../models/iris-v2\n")
    line = "deployer apply -f deploy/ --events jsonl > release.jsonl"
    for endings in ({"created"}, {"unchanged"}):
        done = scene.types(line)
        assert (done.code, done.out) == (0, ""), done.err
        events = [json.loads(each) for each in (scene.folder / "release.jsonl").read_text().splitlines()]
        assert {each["ending"] for each in events if each["event"] == "ended"} == endings
        assert {each["endpoint"] for each in events} == {"iris", "second"}
        assert "\x1b" not in done.err
    scene.types("head -c 300 release.jsonl")
    changed(scene.folder / "models" / "iris-v2", loader=LOADER)
    failed = scene.types(line)
    assert failed.code == 6
    assert "second still serves" in failed.err
    assert "iris is unchanged" in failed.err


def test_scene_6_many_places_one_vocabulary(scene: Scene, tmp_path: Path) -> None:
    store = scene.home.folder / "staging"
    (tmp_path / "file").write_text("")
    places = {"staging": store, "prod": tmp_path / "file" / "x"}
    tables = [f'[targets.{name}]\nkind = "memory"\nroot = "{root}"\n' for name, root in places.items()]
    (tmp_path / "deployer.toml").write_text("\n".join(tables))
    with MemoryPlace(store):
        scene.types("deployer create iris --model models/iris --quiet")
        scene.types("deployer create iris --model models/iris-v2 -t staging --quiet")
        listed = scene.types("deployer list")
        assert listed.code == 0
        rows = lines(listed.out)
        assert rows[0].split() == ["NAME", "TARGET", "REVISION", "MODEL", "REPLICAS", "STATE", "SINCE", "URL"]
        assert [row.split()[:2] for row in rows[1:3]] == [["iris", "local"], ["iris", "staging"]]
        assert rows[3].startswith("prod: not reachable: ")
        found = json.loads(scene.types("deployer list iris -o json").out)
        assert [each["target"] for each in found["endpoints"]] == ["local", "staging"]
        assert [each["target"] for each in found["unreachable"]] == ["prod"]
        targets = scene.types("deployer targets")
        assert "staging" in targets.out


def test_scene_8_small_things_that_people_remember(scene: Scene) -> None:
    alone = scene.types("deployer")
    assert "deployer create NAME --model URI" in alone.out
    assert "Nothing runs yet." in alone.out
    scene.types("deployer create iris --model models/iris --quiet")
    assert "iris is well." in scene.types("deployer").out

    assert "did you mean status?" in scene.types("deployer statsu iris").err
    assert "did you mean --target?" in scene.types("deployer status iris --tagret local").err
    assert "did you mean iris?" in scene.types("deployer status irsi").err
    assert "did you mean 'replicas'?" in scene.types("deployer update iris --set replica=2").err
    assert "did you mean 'local'" in scene.types("deployer status iris -t locla").err

    status = scene.types("deployer status iris")
    assert len(lines(status.out)) <= 24
    assert re.match(r"iris on local: healthy\n  address   http://127", status.out)
    (call,) = re.findall(r"  call +(curl .*)", status.out)
    for using in ("sh", "bash", "zsh"):
        answered = scene.types(call, using=using)
        assert answered.code == 0, answered.err
        assert json.loads(answered.out) == {"predictions": ["setosa", "versicolor", "virginica"]}
    (scene.folder / "deployer.yaml").write_text("name: iris\nmodel: models/iris\n")
    assert scene.types("deployer plan").out == "iris on local: nothing to do, it is as wished\n"

    asked = scene.types("deployer delete iris")
    assert asked.code == 2
    (said_yes,) = commands_in(asked.err)
    gone = scene.types(said_yes, using="zsh")
    assert gone.code == 0
    assert "The model (models/iris) stays where it is" in gone.err
