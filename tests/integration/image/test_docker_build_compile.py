"""A C extension that has only a source, compiled in a real engine with Debian's compiler, and run on the plain base."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from deployer.environment import Lock, PackageSources, Uv
from deployer.environment.sdist import SourceDistribution, chosen_source
from deployer.environment.simple_index import SimpleIndex
from deployer.errors import BuildError
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.building.compile import SourceCompiler, is_compiled
from deployer.image.building.network import BuildNetwork
from deployer.image.building.running import BuildPlace
from deployer.image.load import load
from deployer.image.values import BaseImage
from deployer.image.wheels import WheelFiles
from tests.integration.environment.index import source
from tests.integration.image.docker_building import BuildingEngine
from tests.integration.image.images import image, layer, ran
from tests.plugins.docker import Image as Given
from tests.plugins.docker import Scope

pytestmark = [pytest.mark.index, pytest.mark.timeout(900), pytest.mark.xdist_group("building-in-engine")]

PLATFORM = "x86_64-manylinux_2_36"
SETUP = """
import pathlib, sys
from setuptools import Extension, setup
pathlib.Path("{name}.c").write_text('''{code}''')
setup(name="{name}", version="1.0", ext_modules=[Extension(
    "{name}", ["{name}.c"], extra_compile_args={flags}, extra_link_args={flags})])
"""
CODE = """
#include <Python.h>
{more}
static PyObject *answer(PyObject *self, PyObject *none) {{ return PyLong_FromLong({value}); }}
static PyMethodDef methods[] = {{{{"answer", answer, METH_NOARGS, ""}}, {{NULL, NULL, 0, NULL}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "{name}", "", -1, methods}};
PyMODINIT_FUNC PyInit_{name}(void) {{ return PyModule_Create(&module); }}
"""


def extension(name: str, *, more: str = "", value: str = "42", flags: tuple[str, ...] = ()) -> tuple[str, bytes]:
    code = CODE.format(name=name, more=more, value=value)
    return source(name, "1.0", SETUP.format(name=name, code=code, flags=list(flags)))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A wheelhouse with the sources, and what building them takes."""
    folder = tmp_path / "house"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(tmp_path / "pip"), "pip"]
    subprocess.run(command, check=True)
    command = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    fetched = [sys.executable, *command, "setuptools==80.9.0", "wheel==0.45.1", "pip==25.3"]
    subprocess.run(fetched, check=True, env=_with_path(tmp_path / "pip"))
    for name, content in (
        extension("fortytwo"),
        extension("precise", more="#include <quadmath.h>", value="(long) sqrtq(4)", flags=("-lquadmath",)),
        extension("headless", more="#include <no_such/header.h>"),
    ):
        (folder / name).write_bytes(content)
    return folder


def _with_path(folder: Path) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture
def engine(docker_host: str) -> Generator[BuildingEngine, None, None]:
    client = docker.APIClient(base_url=docker_host, version="auto")
    yield BuildingEngine(client)
    client.close()


@pytest.fixture
def base(base_image: Given, engine: BuildingEngine, tmp_path: Path) -> BaseImage:
    places = BasePlaces(tmp_path / "cache", engine=engine)
    return inspect_base(base_image.reference, platform="linux/amd64", python="3.11", places=places)


def found(name: str, sources: PackageSources) -> SourceDistribution:
    chosen = chosen_source(name, SimpleIndex(sources).files(name), "", "3.11", PLATFORM)
    assert chosen is not None
    return chosen


@pytest.mark.exhaustive  # its whole life is that of tests/e2e/test_build_in_engine.py
def test_a_source_becomes_a_wheel_like_any_other(
    base: BaseImage, engine: BuildingEngine, docker_scope: Scope, house: Path, tmp_path: Path
) -> None:
    cache, sources = tmp_path / "cache", PackageSources(wheelhouse=house)
    lines: list[str] = []
    place = BuildPlace(engine, cache, BuildNetwork.of({}), lines.append, f"{docker_scope.name}/base")
    compiler = SourceCompiler(base, (), place, sources, Uv.found(cache / "uv"))
    try:
        made = compiler.wheel_of(found("fortytwo", sources))
    except BuildError as error:
        if "cannot be reached from the engine" in error.message:
            pytest.skip("the engine reaches no Debian archive, from which the compiler comes")
        raise
    assert made.locked.filename == "fortytwo-1.0-cp311-cp311-linux_x86_64.whl"
    assert is_compiled(made.locked)
    assert made.locked.source is not None
    assert {one.name for one in made.locked.source.built_with} == {"pip", "setuptools", "wheel"}

    lock = Lock("3.11", PLATFORM, (made.locked,))
    assert Lock.parse(lock.text) == lock
    ((_, path),) = WheelFiles(lock, sources, cache / "wheels", Uv.found(cache / "uv")).each(lock.wheels)
    assert path == made.path  # where the assembler finds it
    builds = engine.builds
    assert (compiler.wheel_of(found("fortytwo", sources)), compiler.again(made.locked)) == (made, made.path)
    assert engine.builds == builds

    with zipfile.ZipFile(path) as wheel:
        files = {f"opt/x/{name}": wheel.read(name) for name in wheel.namelist() if name.endswith(".so")}
    told = "import sys; sys.path.insert(0, '/opt/x'); import fortytwo; print(fortytwo.answer())"
    wanted = image(base, layer(tmp_path, "x", files), command=("python3", "-c", told))
    load(wanted, engine, cache=cache, names=(f"{docker_scope.name}:1",))
    assert ran(engine.client, f"{docker_scope.name}:1", docker_scope) == "42\n"

    made.path.unlink()  # as on another machine
    assert compiler.again(made.locked).read_bytes()
    assert engine.builds > builds

    with pytest.raises(BuildError, match=r"takes libquadmath.so.0 from the system") as lacking:
        compiler.wheel_of(found("precise", sources))
    assert "image.packages=libquadmath0" in (lacking.value.hint or "")
    with pytest.raises(BuildError, match=r"(?s)headless cannot be compiled.*no_such/header.h") as headless:
        replace(compiler).wheel_of(found("headless", sources))
    assert "packages.debian.org/file:header.h" in (headless.value.hint or "")
