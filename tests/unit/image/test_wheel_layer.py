"""The layers of wheels: with bytecode, the same each time, put together without losing order."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from deployer.environment import find_python
from deployer.errors import BuildError
from deployer.image.bytecode import Compiler
from deployer.image.layers import LayerCache
from deployer.image.unpack import OpenedWheel
from deployer.image.values import FileLayer
from deployer.image.wheel_layer import has_bytecode, joined_chunks, wheel_chunks
from tests.unit.image.wheel_files import INFO, NAME, WheelFile, row

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"opt/deployer/venv/lib/python{MINOR}/site-packages"
FILES = {
    f"{NAME}/__init__.py": b"x = 1\n",
    f"{NAME}/broken.py": b"print 'two'\n",
    f"{NAME}/data.txt": b"d",
    f"{NAME}-1.0.data/scripts/tool.py": b"#!python\n",
}


def contents(chunks: Iterable[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file}


@pytest.mark.parametrize(
    ("path", "has"),
    [
        ("venv/lib/python3.11/site-packages/pandas/core/frame.py", True),
        ("venv/lib/python3.11/site-packages/pandas/testing.py", True),
        ("venv/lib/python3.11/site-packages/pandas/_testing/contexts.py", True),
        ("venv/lib/python3.11/site-packages/pandas/tests/test_x.py", False),
        ("venv/lib/python3.11/site-packages/scipy/linalg/tests/deep/x.py", False),
        ("venv/lib/python3.11/site-packages/pkg/test/__init__.py", False),
        ("venv/lib/python3.11/site-packages/pkg/data.txt", False),
    ],
)
def test_a_packages_own_tests_get_no_bytecode(path: str, has: bool) -> None:
    assert has_bytecode(path) is has


def test_bytecode_lies_beside_what_compiles(tmp_path: Path) -> None:
    path, wheel = WheelFile(FILES).write(tmp_path)
    with Compiler(find_python(MINOR)) as compiler:
        first = list(wheel_chunks(path, wheel, MINOR, compiler))
        second = list(wheel_chunks(path, wheel, MINOR, compiler))
    assert b"".join(first) == b"".join(second)
    found = contents(first)
    pyc = f"{NAME}/__pycache__/__init__.cpython-{MINOR.replace('.', '')}.pyc"
    assert [name for name in found if name.endswith(".pyc")] == [f"{SITE}/{pyc}"]
    assert found[f"{SITE}/{pyc}"][8:16] == importlib.util.source_hash(b"x = 1\n")
    assert f"/{SITE}/{NAME}/__init__.py".encode() in found[f"{SITE}/{pyc}"]
    record = found[f"{SITE}/{INFO}/RECORD"].decode().splitlines()
    assert f"{pyc},," in record
    assert row("../../../bin/tool.py", found["opt/deployer/venv/bin/tool.py"]) in record


def test_a_source_is_read_once_unless_that_takes_too_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, wheel = WheelFile(FILES).write(tmp_path)
    read: list[str] = []

    def counted(name: str, chunks: Iterable[bytes]) -> Iterable[bytes]:
        read.append(name)
        return chunks

    def pieces(opened: OpenedWheel, name: str, unpacked: object = OpenedWheel._pieces) -> Iterable[bytes]:
        return counted(name, unpacked(opened, name))  # type: ignore[operator]

    monkeypatch.setattr(OpenedWheel, "_pieces", pieces)
    with Compiler(find_python(MINOR)) as compiler:
        once = b"".join(wheel_chunks(path, wheel, MINOR, compiler))
        assert [read.count(f"{NAME}/{name}.py") for name in ("__init__", "broken")] == [1, 1]
        monkeypatch.setattr("deployer.image.wheel_layer._KEPT", len(FILES[f"{NAME}/__init__.py"]))
        read.clear()
        assert b"".join(wheel_chunks(path, wheel, MINOR, compiler)) == once
    assert [read.count(f"{NAME}/{name}.py") for name in ("__init__", "broken")] == [1, 2]


def layer(cache: LayerCache, folder: Path, name: str, files: dict[str, bytes]) -> FileLayer:
    path, wheel = WheelFile(files, name=name).write(folder)
    return cache.keep({"name": name}, name, wheel_chunks(path, wheel, MINOR, None))


def test_small_ones_together(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "layers")
    one = layer(cache, tmp_path, "one", {"one.py": b"1", "shared/x.py": b"of one", "one.data/keep": b"k"})
    two = layer(cache, tmp_path, "two", {"two.py": b"2", "shared/x.py": b"of two", "shared/y.py": b"y"})
    found = contents(joined_chunks([one, two]))
    apart = contents(one.chunks()) | contents(two.chunks())
    assert found == apart
    assert found[f"{SITE}/shared/x.py"] == b"of two"
    assert contents(joined_chunks([two, one]))[f"{SITE}/shared/x.py"] == b"of one"
    with tarfile.open(fileobj=io.BytesIO(b"".join(joined_chunks([one, two])))) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))
    assert names == sorted(names, key=lambda name: name.split("/"))


def test_a_file_of_one_where_another_has_a_folder(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "layers")
    one = layer(cache, tmp_path, "one", {"thing": b"1"})
    two = layer(cache, tmp_path, "two", {"thing/x.py": b"2"})
    with pytest.raises(BuildError, match=r"thing"):
        list(joined_chunks([two, one]))
