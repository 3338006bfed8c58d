"""A model that is made to bite: looking at it runs nothing of it and sends nothing; only serving runs its code.

And secrets: a value is in the files that the server reads, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.commandline import Done
from tests.e2e.local_home import LocalHome, eventually, ids
from tests.e2e.tiny import REQUIREMENTS, TIMES, write_tiny
from tests.integration.environment.index import Index, serving, source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("e2e-trust")]

TOKEN = "correct-horse-battery-staple"
CLIENT = {"MY_TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": TOKEN, "PIP_INDEX_URL_OF_MINE": TOKEN}
"""What the person has in the environment, and no model may see."""

ALLOWED = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED",
}  # fmt: skip
"""Variables that a worker has at most, beside ``LC_*`` and what the spec's ``env`` says."""

TELLING = """\
import os

import mlflow.pyfunc

open({trace!r}, "a").write(f"imported {{os.getpid()}}\\n")


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, frame, params=None):
        return sorted(os.environ)
"""


class Bite:
    """Leaves a trace when it is unpickled, and becomes the model."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        note = f"open({str(self.trace)!r}, 'a').write(f'unpickled {{__import__(\"os\").getpid()}}\\n')"
        return eval, (f"({note}, __import__('bite').Model())[1]",)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The file that every trap writes to; it is not there."""
    return tmp_path / "trace"


@pytest.fixture
def trapped(tmp_path: Path, trace: Path) -> Path:
    """A model whose pickle, modules and set-up files leave a trace, whoever runs them."""
    bite = f"open({str(trace)!r}, 'a').write(__name__)\n"
    traps = dict.fromkeys(
        ("setup.py", "conftest.py", "sitecustomize.py", "mlflow.py", "yaml.py", "code/sitecustomize.py",
         "code/usercustomize.py"),
        bite,
    )  # fmt: skip
    flavor = {
        "loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl", "cloudpickle_version": "3.1.2",
    }  # fmt: skip
    files: dict[str, str | bytes] = {
        **traps, "python_model.pkl": pickle.dumps(Bite(trace)), "code/bite.py": TELLING.format(trace=str(trace)),
    }  # fmt: skip
    model = write_tiny(tmp_path / "model", bite, flavor=flavor, files=files)
    (model / "code" / "tiny_model.py").unlink()
    return model


@pytest.mark.index
def test_looking_runs_nothing_of_a_model(home: LocalHome, trapped: Path, trace: Path) -> None:
    for words in (
        ("check", trapped),
        ("check", trapped, "-o", "json"),
        ("plan", "bite", "--model", trapped, "-o", "json"),
        ("create", "bite", "--model", trapped, "--dry-run"),
        ("list",),
    ):
        done = home.run(*words, env=CLIENT, cwd=trapped)
        assert done.code == 0, done.err
        assert not trace.exists(), f"{words[0]} ran code of the model: {trace.read_text()}"
        assert TOKEN not in done.out + done.err
    assert not (home.endpoints / "bite").exists()


@pytest.mark.index
def test_serving_runs_it_in_the_worker_alone_and_without_the_clients_environment(
    home: LocalHome, trapped: Path, trace: Path
) -> None:
    for name in ("mlflow.py", "yaml.py", "sitecustomize.py", "code/sitecustomize.py"):
        (trapped / name).unlink()  # a worker that imports these would not be the model's own doing
    home.well("create", "bite", "--model", trapped, "--set", "env.GREETING=hello", env=CLIENT)
    try:
        workers = home.workers()
        said = trace.read_text().split()
        assert set(said[::2]) == {"unpickled", "imported"}
        assert {int(pid) for pid in said[1::2]} == set(workers)
        answer = home.well("predict", "bite", "-i", trapped / "serving_input_example.json", "-o", "json").out
        seen = set(json.loads(answer)["predictions"])
        assert "GREETING" in seen
        assert not seen & CLIENT.keys()
        for pid in [each.pid for each in home.running()]:
            assert TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        (worker,) = workers
        given = Path(f"/proc/{worker}/environ").read_bytes().decode().split("\0")
        names = {entry.partition("=")[0] for entry in given if entry}
        assert {name for name in names if not name.startswith("LC_")} <= ALLOWED | {"GREETING"}
    finally:
        home.well("delete", "bite", "--yes")
    eventually(lambda: home.running() == [], "the supervisor's end")  # it takes its folder away last


# What its requirements may not say.


@pytest.fixture
def index() -> Iterator[Index]:
    """A package index on loopback that writes down what it is asked."""
    with serving(Index()) as answering:
        yield answering


REFUSED = [
    "./evil-1.0.tar.gz",
    "evil-1.0.tar.gz",
    "./evil",
    "evil @ {url}/evil-1.0.tar.gz",
    "{url}/evil-1.0.tar.gz",
    "git+{url}/evil.git",
    "evil @ git+{url}/evil.git@main",
    "evil @ file:///{model}/evil-1.0.tar.gz",
    "-e .",
    "--editable ./evil",
    "-r other.txt",
    "-c {url}/constraints.txt",
    "--index-url {url}/simple",
    "--extra-index-url={url}/${{MY_TOKEN}}/simple",
    "-f {url}/${{MY_TOKEN}}/",
    "x @ {url}/${{MY_TOKEN}}/x-1.0-py3-none-any.whl",
    "x=={{MY_TOKEN}}${{MY_TOKEN}}",
    "../x-1.0-py3-none-any.whl",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_requirement_that_could_run_or_send_something_is_refused_where_it_stands(
    home: LocalHome, tmp_path: Path, trace: Path, index: Index, line: str
) -> None:
    setup = f"open({str(trace)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='evil', version='1.0')\n"
    filename, content = source("evil", "1.0", setup)
    index.add((filename, content))
    model = tmp_path / "model"
    asked = line.format(url=f"http://127.0.0.1:{index.port}", model=model)
    write_tiny(
        model, TIMES.format(factor=2), requirements=(REQUIREMENTS[0], asked, *REQUIREMENTS[1:]),
        files={"setup.py": setup, filename: content, "evil/setup.py": setup, "other.txt": "evil\n"},
    )  # fmt: skip
    looking = ("check", model), ("plan", "evil", "--model", model)  # all of them refuse it at the same place
    for words in (*(looking if line in REFUSED[:3] else ()), ("create", "evil", "--model", model)):
        done = home.run(*words, env=CLIENT, cwd=model)
        assert done.code == 2, done.out + done.err
        assert "requirements.txt:2" in done.out + done.err
        assert TOKEN not in done.out + done.err
    assert not trace.exists()
    assert index.requests == []
    assert not (home.endpoints / "evil").exists()


def test_a_source_on_the_index_is_not_built(home: LocalHome, tmp_path: Path, trace: Path, index: Index) -> None:
    setup = f"open({str(trace)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='evil', version='1.0')\n"
    index.add(source("evil", "1.0", setup))
    model = write_tiny(tmp_path / "model", TIMES.format(factor=2), requirements=("evil==1.0",))
    assert home.run("check", model).code == 0
    for verb in ("plan", "create"):
        done = home.run(verb, "evil", "--model", model, "--set", f"requirements.index_url={index.url}", env=CLIENT)
        assert done.code == 5, done.err
        assert "evil" in done.err
    assert not trace.exists()
    assert "evil-1.0.tar.gz" not in index.downloads()
    assert not (home.endpoints / "evil").exists()


# What may not lie in its folder.


def _link(model: Path, outside: Path) -> None:
    (model / "data.txt").symlink_to(outside)


def _linked_folder(model: Path, outside: Path) -> None:
    (model / "artifacts").symlink_to(outside.parent, target_is_directory=True)


def _fifo(model: Path, outside: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(model / "data.txt")


def _dangling(model: Path, outside: Path) -> None:
    (model / "data.txt").symlink_to(outside.with_name("nothing"))


def _whiteout(model: Path, outside: Path) -> None:
    (model / ".wh.MLmodel").write_text("")


def _twins(model: Path, outside: Path) -> None:
    (model / "Data.txt").write_text("1")
    (model / "data.txt").write_text("2")


def _said(group: str, key: str, value: str) -> Callable[[Path, Path], None]:
    def change(model: Path, outside: Path) -> None:
        said = json.loads((model / "MLmodel").read_text())
        place = said["flavors"]["python_function"] if group == "flavor" else said.setdefault(group, {})
        place[key] = value.format(outside=outside)
        (model / "MLmodel").write_text(json.dumps(said))

    return change


ESCAPES: dict[str, Callable[[Path, Path], None]] = {
    "link": _link,
    "linked-folder": _linked_folder,
    "dangling-link": _dangling,
    "fifo": _fifo,
    "whiteout": _whiteout,
    "case-twins": _twins,
    "code-outside": _said("flavor", "code", "../outside"),
    "code-absolute": _said("flavor", "code", "{outside}"),
    "model-outside": _said("flavor", "python_model", "../outside/secret.txt"),
    "data-outside": _said("flavor", "data", "../outside/secret.txt"),
    "example-outside": _said("saved_input_example_info", "artifact_path", "../outside/secret.txt"),
    "serving-example-outside": _said("saved_input_example_info", "serving_input_path", "../outside/secret.txt"),
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_what_would_leave_the_models_folder_is_refused(home: LocalHome, tmp_path: Path, escape: str) -> None:
    outside = tmp_path / "outside" / "secret.txt"
    outside.parent.mkdir()
    outside.write_text(TOKEN)
    model = write_tiny(tmp_path / "model", TIMES.format(factor=2))
    ESCAPES[escape](model, outside)
    looking = ("check", model), ("plan", "evil", "--model", model)
    for words in (*(looking if "link" in escape else ()), ("create", "evil", "--model", model)):
        done = home.run(*words)
        assert done.code == 2, done.out + done.err
        assert str(model) in done.out + done.err
        assert TOKEN not in done.out + done.err
        assert "Traceback" not in done.err
    assert not (home.endpoints / "evil").exists()


# Secrets.

DIGESTING = """\
import hashlib
import os


class Model:
    def predict(self, frame, params=None):
        return [hashlib.sha256(os.environ["API_TOKEN"].encode()).hexdigest()] * len(frame)


def _load_pyfunc(path):
    return Model()
"""
SECRET = ("--set", "secrets.API_TOKEN.env=MY_TOKEN")
OTHER = "another-value-of-the-token"


def _digest_served(home: LocalHome, tmp_path: Path) -> str:
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1.0\n")
    (found,) = json.loads(home.well("predict", "vault", "-i", rows, "-o", "json").out)["predictions"]
    assert isinstance(found, str)
    return found


def _is_nowhere_else(home: LocalHome, values: set[str], said: list[Done]) -> None:
    """The values are in no output, argument, environment or file but those of the secrets' folder."""
    forms = [value.encode() for value in values]
    for done in said:
        assert not any(value in done.out + done.err for value in values), done.words
    for each in home.running():
        assert not any(value in each.line for value in values)
        assert not any(form in Path(f"/proc/{each.pid}/environ").read_bytes() for form in forms)
    store = home.endpoints / "vault" / "secrets"
    for path in home.folder.rglob("*"):
        if "environments" in path.parts or not path.is_file() or path.is_symlink():
            continue
        mode = path.stat().st_mode
        if path.is_relative_to(store):
            assert stat.S_IMODE(mode) == 0o600, path
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        else:
            assert not any(form in path.read_bytes() for form in forms), path


@pytest.mark.index
def test_a_secrets_value_is_in_the_targets_store_alone(home: LocalHome, tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "model", DIGESTING)
    given = {"MY_TOKEN": TOKEN}
    said = [
        home.run("plan", "vault", "--model", model, *SECRET, "-o", "json", env=given),
        home.well("create", "vault", "--model", model, *SECRET, "-o", "json", env=given),
    ]
    try:
        (first,) = ids(home.status("vault"))
        assert _digest_served(home, tmp_path) == hashlib.sha256(TOKEN.encode()).hexdigest()
        said += [home.well("create", "vault", "--model", model, *SECRET, env=given)]
        assert "unchanged" in said[-1].err
        said += _all_that_is_told(home)
        _is_nowhere_else(home, {TOKEN}, said)

        unset = home.well("update", "vault", "--set", "replicas=2")
        assert ids(home.status("vault")) == [first]
        assert _digest_served(home, tmp_path) == hashlib.sha256(TOKEN.encode()).hexdigest()

        changed = {"MY_TOKEN": OTHER}
        plan = home.run("plan", "vault", *SECRET, env=changed)
        assert plan.code == 0
        assert re.search(r"~ secrets", plan.out), plan.out
        said += [unset, plan, home.well("update", "vault", *SECRET, env=changed)]
        (second,) = ids(home.status("vault"))
        assert second != first
        assert _digest_served(home, tmp_path) == hashlib.sha256(OTHER.encode()).hexdigest()
        said += _all_that_is_told(home)
        _is_nowhere_else(home, {TOKEN, OTHER}, said)

        said += [home.well("rollback", "vault", "--yes")]
        assert ids(home.status("vault")) == [first]
        assert _digest_served(home, tmp_path) == hashlib.sha256(TOKEN.encode()).hexdigest()
        _is_nowhere_else(home, {TOKEN, OTHER}, said)
    finally:
        home.well("delete", "vault", "--yes")
    assert not any(
        value.encode() in path.read_bytes()
        for path in home.folder.rglob("*")
        if path.is_file() and not path.is_symlink()
        for value in (TOKEN, OTHER)
    )


def _all_that_is_told(home: LocalHome) -> list[Done]:
    return [
        home.well(*words)
        for words in (
            ("status", "vault", "-o", "json"),
            ("status", "vault"),
            ("history", "vault", "-o", "json"),
            ("list", "-o", "json"),
            ("logs", "vault"),
            ("plan", "vault", "--set", "replicas=3", "-o", "json"),
        )
    ]


def test_a_secret_that_is_nowhere_is_a_mistake_that_says_so(home: LocalHome, tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "model", DIGESTING)
    done = home.run("create", "vault", "--model", model, *SECRET)
    assert done.code == 2
    assert "MY_TOKEN is not set" in done.err
    literal = home.run("create", "vault", "--model", model, "--set", f"secrets.API_TOKEN={TOKEN}")
    assert literal.code == 2
    assert TOKEN not in literal.err.replace(f"secrets.API_TOKEN={TOKEN}", "")
    assert not (home.endpoints / "vault").exists()
