"""Environments made by the real uv from an index on loopback: whole, private, checked, reused."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployer.environment import Lock, PackageSources, Uv, build_environment, find_python, lock_environment
from deployer.environment.cache import CachedEnvironments
from deployer.errors import BuildError, Conflict
from deployer.model import Progress
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, serving, wheel

assert sys.platform != "win32"  # where environments and these kinds of files are not

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Made:
    """A lock of two packages, and how to build it."""

    def __init__(self, index: Index, uv: Uv, place: Path) -> None:
        index.add(wheel("top", "1.0", requires=["low"]), wheel("low", "1.0"))
        self.index, self.place, self.cache = index, place, place / "cache"
        self.sources = PackageSources(index_url=index.url)
        self.lock = lock_environment(request_of("top", sources=self.sources), uv)
        self.python = find_python(MINOR)

    @property
    def entry(self) -> Path:
        return CachedEnvironments(self.cache / "environments").entry(self.lock.digest)


@pytest.fixture
def made(index: Index, uv: Uv, tmp_path: Path) -> Made:
    return Made(index, uv, tmp_path)


def run(environment: Path, code: str) -> str:
    answer = subprocess.run(
        [environment / "bin" / "python", "-c", code], capture_output=True, text=True, check=True, env={"PATH": "/bin"}
    )
    return answer.stdout.strip()


def plain_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def build(made: Made, name: str) -> Path:
    build_environment(made.lock, made.python, made.place / name, cache=made.cache, sources=made.sources)
    return made.place / name


def test_first_and_second_build(made: Made) -> None:
    seen: list[Progress] = []
    first = build_environment(
        made.lock, made.python, made.place / "a", cache=made.cache, sources=made.sources, progress=seen.append
    )
    assert (first.packages, first.downloaded, first.reused) == (2, 2, False)
    assert seen[-1] == Progress(2, 2, "packages")
    assert run(made.place / "a", "import top, sys; print(top.__version__, sys.prefix)") == f"1.0 {made.place}/a"
    made.index.requests.clear()
    second = build_environment(made.lock, made.python, made.place / "b", cache=made.cache, sources=made.sources)
    assert (second.packages, second.downloaded, second.downloaded_bytes, second.reused) == (2, 0, 0, True)
    assert made.index.requests == []


def test_the_copy_stands_alone(made: Made) -> None:
    one, other = build(made, "one"), build(made, "other")
    files = {root: plain_files(root) for root in (one, other, made.entry)}
    inodes = {root: {path.stat().st_ino for path in files[root]} for root in files}
    assert len(set.union(*inodes.values())) == sum(map(len, inodes.values()))
    assert all(path.stat().st_nlink == 1 for path in files[one])
    for path in files[one]:
        if path.suffix != ".pyc":
            assert str(made.cache).encode() not in path.read_bytes(), path
    shutil.rmtree(made.cache)
    made.place.joinpath("moved").mkdir()
    one.rename(made.place / "moved" / "one")
    assert run(made.place / "moved" / "one", "import low; print(low.__version__)") == "1.0"
    script = made.place / "moved" / "one" / "bin" / "top-version"
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "1.0\n"


def test_bytecode_is_compiled_and_never_checked_again(made: Made) -> None:
    one = build(made, "one")
    code = next((one / "lib" / f"python{MINOR}" / "site-packages" / "low" / "__pycache__").glob("*.pyc"))
    assert int.from_bytes(code.read_bytes()[4:8], "little") == 0b01  # PEP 552: hash-based, not checked


def test_what_runs_cannot_spoil_the_cache(made: Made) -> None:
    one = build(made, "one")
    run(one, "import low, pathlib; pathlib.Path(low.__file__).write_text('__version__ = \"spoilt\"')")
    assert run(build(made, "other"), "import low; print(open(low.__file__).read())").startswith('__version__ = "1.0"')


@pytest.mark.parametrize("damage", ["missing", "shorter", "other bytes", "more", "link", "listing", "no listing"])
def test_a_damaged_cache_is_made_again(made: Made, damage: str) -> None:
    build(made, "one")
    module = made.entry / "lib" / f"python{MINOR}" / "site-packages" / "low" / "__init__.py"
    text = module.read_text()
    if damage == "missing":
        module.unlink()
    elif damage == "shorter":
        module.write_text("")
    elif damage == "other bytes":
        module.write_text(text.replace("1.0", "6.6"))
    elif damage == "more":
        (module.parent / "more.py").write_text("")
    elif damage == "link":
        module.unlink()
        module.symlink_to("/etc/passwd")
    elif damage == "listing":
        (made.entry.parent / "listing.json").write_text("{")
    else:
        (made.entry.parent / "listing.json").unlink()
    report = build_environment(made.lock, made.python, made.place / "two", cache=made.cache, sources=made.sources)
    assert not report.reused
    assert run(made.place / "two", "import low; print(low.__version__)") == "1.0"


def test_other_content_under_a_locked_name_is_refused(made: Made) -> None:
    filename, _ = wheel("low", "1.0")
    made.index.files["low"][filename] = wheel("low", "1.0", body="# not what was locked")[1]
    for announced in (None, made.lock.wheels[0].sha256):
        if announced:
            made.index.announced[filename] = announced
        cache = made.place / f"cache-{announced}"
        with pytest.raises(BuildError, match="not the one that was locked") as caught:
            build_environment(made.lock, made.python, made.place / "x", cache=cache, sources=made.sources)
        assert "\n" not in str(caught.value)
        assert not (made.place / "x").exists()
        assert [path.suffix for path in (cache / "environments").iterdir()] == [".lock"]


def test_a_wheel_that_is_gone_is_named_and_nothing_is_left(made: Made) -> None:
    made.index.files["low"].clear()
    with pytest.raises(BuildError, match="low") as caught:
        build_environment(made.lock, made.python, made.place / "x", cache=made.place / "fresh", sources=made.sources)
    assert "DEBUG" not in str(caught.value)
    assert sorted(path.name for path in made.place.iterdir()) == ["cache", "fresh"]


def test_credentials_are_not_left_in_the_environment(uv: Uv, tmp_path: Path) -> None:
    with serving(Index("hunter2")) as index:
        index.add(wheel("thing", "1.0"))
        sources = PackageSources(index_url=index.url_with_password)
        lock = lock_environment(request_of("thing", sources=sources), uv)
        cache = tmp_path / "fresh"
        build_environment(lock, find_python(MINOR), tmp_path / "one", cache=cache, sources=sources)
        for root in (tmp_path / "one", cache / "environments"):
            for path in root.rglob("*"):
                assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
        wrong = PackageSources(index_url=index.url_with_password.replace("hunter2", "hunter3"))
        with pytest.raises(BuildError) as caught:
            build_environment(lock, find_python(MINOR), tmp_path / "two", cache=tmp_path / "other", sources=wrong)
        assert "hunter" not in f"{caught.value} {caught.value.hint}"


def test_wheels_inside_the_model_and_a_wheelhouse(uv: Uv, tmp_path: Path) -> None:
    model, house = tmp_path / "model", tmp_path / "house"
    (model / "wheels").mkdir(parents=True)
    house.mkdir()
    inner, content = wheel("inner", "1.0", requires=["low"])
    (model / "wheels" / inner).write_bytes(content)
    low, content = wheel("low", "1.0")
    (house / low).write_bytes(content)
    sources = PackageSources(index_url="http://127.0.0.1:9/simple", wheelhouse=house, model_root=model)
    lock = lock_environment(request_of(f"wheels/{inner}", sources=sources), uv)
    report = build_environment(lock, find_python(MINOR), tmp_path / "one", cache=tmp_path / "cache", sources=sources)
    assert (report.packages, report.downloaded) == (2, 0)
    assert run(tmp_path / "one", "import inner, low; print(inner.__version__)") == "1.0"
    assert not list((tmp_path / "one").rglob("direct_url.json"))


def test_a_wheel_from_a_trusted_url(index: Index, uv: Uv, tmp_path: Path) -> None:
    filename, content = wheel("far", "1.0")
    index.add((filename, content))
    url = f"http://127.0.0.1:{index.port}/files/far/{filename}"
    sources = PackageSources(index_url="http://127.0.0.1:9/simple", trust=(url,))
    lock = lock_environment(request_of(f"far @ {url}", sources=sources), uv)
    build_environment(lock, find_python(MINOR), tmp_path / "one", cache=tmp_path / "cache", sources=sources)
    assert run(tmp_path / "one", "import far; print(far.__version__)") == "1.0"


def test_an_empty_lock(tmp_path: Path) -> None:
    lock = Lock(MINOR, "linux", ())
    build_environment(lock, find_python(MINOR), tmp_path / "one", cache=tmp_path / "cache")
    assert run(tmp_path / "one", "import sys; print(sys.prefix)") == str(tmp_path / "one")


def test_an_interpreter_of_another_minor_is_refused(made: Made) -> None:
    other = Lock("3.99", made.lock.platform, made.lock.wheels)
    with pytest.raises(BuildError, match=rf"needs Python 3\.99, and this is Python {MINOR}"):
        build_environment(other, made.python, made.place / "x", cache=made.cache, sources=made.sources)
    with pytest.raises(BuildError, match="no working CPython"):
        build_environment(other, Path("/bin/false"), made.place / "x", cache=made.cache, sources=made.sources)


def test_a_folder_with_something_in_it_is_left_alone(made: Made) -> None:
    (made.place / "x").mkdir()
    (made.place / "x" / "mine").write_text("")
    with pytest.raises(Conflict):
        build(made, "x")
    assert (made.place / "x" / "mine").exists()


def test_a_full_disk_says_so_and_leaves_nothing(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")

    monkeypatch.setattr("deployer.environment.build.copy_tree", full)
    with pytest.raises(BuildError, match="the disk is full"):
        build(made, "x")
    assert sorted(path.name for path in made.place.iterdir()) == ["cache"]


def test_two_builders_of_one_lock(made: Made) -> None:
    reports = []

    def one(name: str) -> None:
        done = build_environment(made.lock, made.python, made.place / name, cache=made.cache, sources=made.sources)
        reports.append(done.reused)

    threads = [threading.Thread(target=one, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reports) == [False, True, True, True]
    assert {run(made.place / f"t{number}", "import top; print(top.__version__)") for number in range(4)} == {"1.0"}


BUILDER = """
import json, sys
from pathlib import Path
from deployer.environment import *
place = Path(sys.argv[1]); said = json.loads(sys.argv[2])
lock = Lock.parse(said["lock"])
build_environment(lock, Path(said["python"]), place / "killed", cache=place / "cache",
                  sources=PackageSources(index_url=said["index"]))
"""


def test_a_killed_builder_leaves_nothing_that_the_next_one_minds(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, release = threading.Event(), threading.Event()
    page = made.index.page

    def held(name: str) -> str:
        reached.set()
        release.wait(30)
        return page(name)

    monkeypatch.setattr(made.index, "page", held)
    shutil.rmtree(made.cache)
    said = {"lock": made.lock.text, "python": str(made.python), "index": made.index.url}
    command = [sys.executable, "-c", BUILDER, str(made.place), json.dumps(said)]
    killed = subprocess.Popen(command, start_new_session=True)
    assert reached.wait(30)
    assert (made.cache / "environments" / f"{made.lock.digest}.partial").is_dir()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    release.set()
    report = build_environment(made.lock, made.python, made.place / "next", cache=made.cache, sources=made.sources)
    assert not report.reused
    assert sorted(path.name for path in (made.cache / "environments").iterdir()) == [
        made.lock.digest,
        f"{made.lock.digest}.lock",
    ]
    assert sorted(path.name for path in made.place.iterdir()) == ["cache", "next"]


def test_a_waiting_builder_goes_on_when_the_other_is_killed(made: Made) -> None:
    environments = CachedEnvironments(made.cache / "environments")
    code = (
        "import sys, time; from pathlib import Path; from deployer.environment.cache import CachedEnvironments\n"
        "with CachedEnvironments(Path(sys.argv[1])).locked(sys.argv[2]): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(environments.folder), made.lock.digest]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = threading.Thread(target=build, args=(made, "waiter"))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        holder.kill()
        waiting.join(60)
    assert run(made.place / "waiter", "import top; print(top.__version__)") == "1.0"


def test_an_upgraded_interpreter_of_the_same_minor_is_the_one_that_runs(made: Made) -> None:
    build(made, "one")
    home = made.place / "another"
    home.mkdir()
    (home / "python").symlink_to(made.python)
    (made.entry / "bin" / "python").unlink()
    (made.entry / "bin" / "python").symlink_to(home / "python-that-went-away")
    two = build(made, "two")
    assert run(two, "import top; print(top.__version__)") == "1.0"
    assert (two / "bin" / "python").readlink() == made.python


@pytest.mark.index
@pytest.mark.slow
def test_scikit_learn_with_pandas_and_mlflow(uv_cache: Path, tmp_path: Path) -> None:
    sources = PackageSources(index_url=os.environ.get("UV_DEFAULT_INDEX"))
    lock = lock_environment(
        request_of("scikit-learn", "pandas", runtime=("mlflow-skinny",), sources=sources), Uv.found(uv_cache)
    )
    assert {"scikit-learn", "numpy", "pandas", "mlflow-skinny"} <= {found.name for found in lock.wheels}
    assert all(found.sha256 for found in lock.wheels)
    assert len(lock.text) < 20_000
    first = build_environment(lock, find_python(MINOR), tmp_path / "a", cache=tmp_path / "cache", sources=sources)
    second = build_environment(lock, find_python(MINOR), tmp_path / "b", cache=tmp_path / "cache", sources=sources)
    print(f"first {first}, second {second}")
    assert (second.reused, second.downloaded) == (True, 0)
    assert run(tmp_path / "b", "import sklearn, pandas, mlflow; print('imported')") == "imported"
