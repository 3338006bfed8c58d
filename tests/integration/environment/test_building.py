"""Sources that the spec names, built for real: apart, once, by content, and compared where they are built again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from deployer.environment import (
    IndexCredential,
    Lock,
    PackageSources,
    Uv,
    build_environment,
    find_python,
    lock_environment,
)
from deployer.environment.building import built_wheel
from deployer.environment.isolation import run_apart
from deployer.errors import BuildError, SpecError
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, serving, wheel

assert sys.platform != "win32"  # where environments are not made

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SECRET = "hunter2-in-the-environment"

BACKEND = """
import json, os, pathlib, sys, zipfile


def get_requires_for_build_wheel(config_settings=None):
    return pathlib.Path("more.txt").read_text().split() if pathlib.Path("more.txt").exists() else []


def build_wheel(folder, config_settings=None, metadata_directory=None):
    said = dict(line.split("=", 1) for line in pathlib.Path("said.txt").read_text().split())
    if "fail" in said:
        print("the compiler said: no")
        raise SystemExit(3)
    name, version = said["name"], said["version"]
    info, tag = f"{name}-{version}.dist-info", said.get("tag", "py3-none-any")
    body = {"environ": dict(os.environ), "prefix": sys.prefix, "home": os.listdir(os.environ["HOME"])}
    try:
        import socket
        socket.create_connection(("127.0.0.1", int(said.get("port", 9))), timeout=5).close()
        body["network"] = True
    except OSError:
        body["network"] = False
    fixed = "stamp" not in said
    files = {
        f"{name}/__init__.py": f'__version__ = "{version}"\\nstamp = "{"" if fixed else os.urandom(8).hex()}"\\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\\nRoot-Is-Purelib: {said.get('pure', 'true')}\\nTag: {tag}\\n",
    }
    if "dump" in said:
        files[f"{name}/dump.json"] = json.dumps(body)
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in files) + f"{info}/RECORD,,\\n"
    target = f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, target), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return target
"""


def backed(
    name: str, version: str, *extra: str, more: str = "", files: dict[str, str] | None = None
) -> tuple[str, bytes]:
    """A source distribution that is built by the small backend above."""
    said = "\n".join((f"name={name}", f"version={version}", *extra))
    inside = {
        "pyproject.toml": '[build-system]\nrequires = ["smallbackend"]\nbuild-backend = "smallbackend"\n',
        "said.txt": said,
        **({"more.txt": more} if more else {}),
        **(files or {}),
    }
    return packed(name, version, inside)


def packed(name: str, version: str, files: dict[str, str]) -> tuple[str, bytes]:
    """A source distribution's file name and content."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size, member.mtime = len(text.encode()), 1_700_000_000
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", content.getvalue()


class Place:
    """A machine: a cache and what was made on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        self.uv = Uv.found(self.cache / "uv")

    def lock(self, *lines: str, sources: PackageSources, build: str = "mine") -> Lock:
        from dataclasses import replace

        request = replace(request_of(*lines, sources=sources), build=frozenset(build.split()))
        return lock_environment(request, self.uv)

    def make(self, lock: Lock, sources: PackageSources, name: str = "made") -> Path:
        build_environment(lock, find_python(MINOR), self.folder / name, cache=self.cache, sources=sources)
        return self.folder / name


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Place:
    return Place(tmp_path / "there")


@pytest.fixture
def filled(index: Index) -> Index:
    index.add(wheel("smallbackend", "1.0", body=BACKEND))
    return index


def imported(environment: Path, code: str) -> str:
    command = [str(environment / "bin" / "python"), "-c", code]
    return str(subprocess.run(command, capture_output=True, text=True, check=True).stdout).strip()


def test_a_named_source_is_built_locked_and_installed(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "1.0"), backed("mine", "2.0"), wheel("app", "1.0", requires=["mine<2"]))
    sources = PackageSources(index_url=filled.url)
    lock = here.lock("app", "mine==1.0", sources=sources)
    (mine,) = (found for found in lock.wheels if found.name == "mine")
    assert (mine.version, mine.filename) == ("1.0", "mine-1.0-py3-none-any.whl")
    assert mine.source is not None
    assert mine.source.filename == "mine-1.0.tar.gz"
    assert [one.name for one in mine.source.built_with] == ["smallbackend"]
    assert Lock.parse(lock.text) == lock
    assert str(here.folder) not in lock.text
    assert imported(here.make(lock, sources), "import mine; print(mine.__version__)") == "1.0"


def test_it_is_built_once_on_a_machine(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "1.0", "stamp=yes"))
    sources = PackageSources(index_url=filled.url)
    first = here.lock("mine", sources=sources)
    filled.requests.clear()
    assert here.lock("mine", sources=sources) == first
    here.make(first, sources)
    assert "mine-1.0.tar.gz" not in filled.downloads()


def test_only_what_is_named_and_has_no_wheel(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "2.0"), wheel("mine", "1.0"), backed("other", "1.0"))
    sources = PackageSources(index_url=filled.url)
    assert here.lock("mine", sources=sources).version_of("mine") == "1.0"
    with pytest.raises(BuildError, match="other has no wheel") as caught:
        here.lock("mine==2.0", "other", sources=sources)
    assert "requirements.build" in str(caught.value.hint)
    with pytest.raises(BuildError, match="mine has no wheel"):
        here.lock("mine==2.0", sources=sources, build="")


def test_a_build_sees_nothing_of_the_client(filled: Index, here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "UV_INDEX_DEPLOYER0_PASSWORD", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://me:{SECRET}@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (Path.home() / ".netrc").write_text(f"machine pypi.example login me password {SECRET}\n")
    (Path.home() / ".netrc").chmod(0o600)
    filled.add(backed("mine", "1.0", "dump=yes", f"port={filled.port}"))
    login = IndexCredential(filled.host, "me", SECRET)
    sources = PackageSources(index_url=filled.url, credentials=(login,))
    made = here.make(here.lock("mine", sources=sources), sources)
    dump = next(made.rglob("dump.json")).read_text()
    assert SECRET not in dump
    found = json.loads(dump)
    assert set(found["environ"]) <= {
        *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "PYTHONHASHSEED", "PYTHONNOUSERSITE"),
        *("PIP_NO_INDEX", "UV_OFFLINE", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"),
    }
    assert found["environ"]["HOME"] != str(Path.home())
    assert found["home"] == []
    if _takes_networks_away(here.folder):
        assert found["network"] is False


def _takes_networks_away(folder: Path) -> bool:
    code = "import os; print(sorted(os.listdir('/sys/class/net')), os.readlink('/proc/self/ns/net'))"
    _, lines = run_apart([sys.executable, "-c", code], folder=folder, settings={}, timeout=30)
    return sys.platform == "linux" and str(Path("/proc/self/ns/net").readlink()) not in lines[-1]


def test_what_a_backend_wants_beyond_its_requirements(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "1.0", more="another>=1"), wheel("another", "1.5"))
    lock = here.lock("mine", sources=PackageSources(index_url=filled.url))
    assert lock.wheels[0].source is not None
    assert [one.requirement.split()[0] for one in lock.wheels[0].source.built_with] == [
        "another==1.5",
        "smallbackend==1.0",
    ]


def test_another_machine_builds_the_same(filled: Index, here: Place, there: Place) -> None:
    filled.add(backed("mine", "1.0"))
    sources = PackageSources(index_url=filled.url)
    lock = here.lock("mine", sources=sources)
    filled.add(wheel("smallbackend", "2.0", body="raise SystemExit('the newer one was taken')"))
    made = there.make(Lock.parse(lock.text), sources)
    assert imported(made, "import mine; print(mine.__version__)") == "1.0"
    assert here.lock("mine", sources=sources).digest == lock.digest


def test_a_build_that_is_not_reproducible_is_refused_elsewhere(
    filled: Index, here: Place, there: Place, tmp_path: Path
) -> None:
    filled.add(backed("mine", "1.0", "stamp=yes"))
    sources = PackageSources(index_url=filled.url)
    lock = here.lock("mine", sources=sources)
    with pytest.raises(BuildError, match="not reproducible") as caught:
        there.make(lock, sources)
    assert "requirements.wheelhouse" in str(caught.value.hint)
    assert not (there.folder / "made").exists()
    # What the hint says: the wheel itself in a wheelhouse.
    house = tmp_path / "house"
    house.mkdir()
    shutil.copy(built_wheel(lock.wheels[0], MINOR, sources, here.uv), house)
    made = there.make(lock, PackageSources(wheelhouse=house))
    assert imported(made, "import mine; print(mine.__version__)") == "1.0"


def test_a_source_in_a_wheelhouse(filled: Index, here: Place, tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    for filename, content in (backed("mine", "1.0"), wheel("smallbackend", "1.0", body=BACKEND)):
        (house / filename).write_bytes(content)
    sources = PackageSources(index_url=filled.url, wheelhouse=house)
    made = here.make(here.lock("mine", sources=sources), sources)
    assert imported(made, "import mine; print(mine.__version__)") == "1.0"
    assert filled.requests == []


@pytest.mark.parametrize(
    "said", [("tag=cp311-cp311-linux_x86_64", "pure=false"), ("pure=false",), ("tag=py3-none-linux_x86_64",)]
)
def test_a_compiled_source_is_for_the_docker_builder(filled: Index, here: Place, said: tuple[str, ...]) -> None:
    filled.add(backed("mine", "1.0", *said))
    with pytest.raises(BuildError, match=r"mine 1\.0 is no pure Python") as caught:
        here.lock("mine", sources=PackageSources(index_url=filled.url))
    assert "Docker builder" in str(caught.value.hint)
    assert not list((here.cache / "built").rglob("*.whl"))


def test_a_build_that_fails_says_its_last_words(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "1.0", "fail=yes"))
    with pytest.raises(BuildError, match=r"mine cannot be built from source: .*the compiler said: no") as caught:
        here.lock("mine", sources=PackageSources(index_url=filled.url))
    assert "Docker builder" in str(caught.value.hint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ('[build-system]\nrequires = ["x @ https://evil.example/x-1.0.tar.gz"]\nbuild-backend = "x"\n', "evil"),
        ('[build-system]\nrequires = []\nbuild-backend = "x"\nbackend-path = ["../.."]\n', "leaves its source"),
        ("[build-system", "cannot be read"),
    ],
)
def test_what_a_source_may_not_ask_for(filled: Index, here: Place, pyproject: str, message: str) -> None:
    filled.add(backed("mine", "1.0", files={"pyproject.toml": pyproject}))
    with pytest.raises((BuildError, SpecError), match=message):
        here.lock("mine", sources=PackageSources(index_url=filled.url))


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "device"])
def test_an_archive_that_leaves_its_folder(filled: Index, here: Place, kind: str) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo({"parent": "../x", "absolute": "/../x"}.get(kind, "mine-1.0/x"))
        if kind == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        if kind == "device":
            member.type = tarfile.CHRTYPE
        archive.addfile(member)
    filled.add(("mine-1.0.tar.gz", content.getvalue()))
    with pytest.raises(BuildError, match="cannot be unpacked"):
        here.lock("mine", sources=PackageSources(index_url=filled.url))


def test_a_damaged_wheel_in_the_cache_is_built_again(filled: Index, here: Place) -> None:
    filled.add(backed("mine", "1.0"))
    sources = PackageSources(index_url=filled.url)
    lock = here.lock("mine", sources=sources)
    (kept,) = (here.cache / "built").rglob("*.whl")
    kept.write_bytes(b"")
    assert here.lock("mine", sources=sources) == lock
    assert zipfile.is_zipfile(kept)


SETUP = "from setuptools import setup\nsetup(name='mine', version='1.0', packages=['mine'])\n"
TRAP = """
import json, os, pathlib
seen = {**os.environ, "netrc": os.path.exists(os.path.expanduser("~/.netrc"))}
pathlib.Path("mine/seen.json").write_text(json.dumps(seen))
from setuptools import setup
setup(name="mine", version="1.0", packages=["mine"], package_data={"mine": ["seen.json"]})
"""


@pytest.mark.index
def test_a_trapped_setup_py_gets_nothing(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", SECRET)
    (Path.home() / ".netrc").write_text(f"machine pypi.example login me password {SECRET}\n")
    with serving(Index()) as index:
        index.add(packed("mine", "1.0", {"setup.py": TRAP, "mine/__init__.py": ""}))
        login = IndexCredential(index.host, "me", SECRET)
        sources = PackageSources(extra_index_urls=(index.url,), credentials=(login,))
        made = here.make(here.lock("mine", sources=sources), sources)
    seen = next(made.rglob("seen.json")).read_text()
    assert SECRET not in seen
    assert "API_TOKEN" not in seen
    assert json.loads(seen)["netrc"] is False


@pytest.mark.index
@pytest.mark.parametrize(
    ("requires", "backend"),
    [
        ("setuptools>=70", "setuptools.build_meta"),
        ("hatchling", "hatchling.build"),
        ("flit_core>=3.9,<4", "flit_core.buildapi"),
        ("", ""),
    ],
    ids=["setuptools", "hatchling", "flit", "setup.py"],
)
def test_real_backends_make_the_same_wheel_twice(requires: str, backend: str, here: Place, there: Place) -> None:
    files = {"mine/__init__.py": '"""Mine."""\n\n__version__ = "1.0"\n', "mine/data.txt": "x\n"}
    if backend:
        files["pyproject.toml"] = (
            f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'
            '[project]\nname = "mine"\nversion = "1.0"\ndescription = "Mine."\n'
        )
    else:
        files["setup.py"] = SETUP
    with serving(Index()) as index:
        index.add(packed("mine", "1.0", files))
        sources = PackageSources(extra_index_urls=(index.url,))
        first = here.lock("mine", sources=sources)
        assert imported(there.make(first, sources), "import mine; print(mine.__version__)") == "1.0"
