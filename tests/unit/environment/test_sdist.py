"""Which source is to be built, and how it wants to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.environment.sdist import BuildSystem, chosen_source, read_build_system
from deployer.environment.simple_index import IndexFile
from deployer.errors import BuildError

LINUX = "x86_64-manylinux_2_28"


def files(*names: str, **more: str) -> list[IndexFile]:
    return [IndexFile(name, f"https://x.example/{name}", requires_python=more.get("python", "")) for name in names]


def chosen(listed: list[IndexFile], specifier: str = "") -> str | None:
    found = chosen_source("own-thing", listed, specifier, "3.11", LINUX)
    return found.version if found else None


def test_the_newest_that_is_asked_for() -> None:
    listed = files("own_thing-1.0.tar.gz", "own-thing-1.10.tar.gz", "own_thing-1.9.zip", "own_thing-2.0rc1.tar.gz")
    assert chosen(listed) == "1.10"
    assert chosen(listed, "<1.10") == "1.9"
    assert chosen(listed, "==2.0rc1") == "2.0rc1"
    assert chosen(listed, ">3") is None
    assert chosen(files("other-9.0.tar.gz", "own_thing_more-9.0.tar.gz", "own_thing-1.0.exe")) is None


def test_a_wheel_that_fits_is_not_built_again() -> None:
    source = files("own_thing-2.0.tar.gz")
    assert chosen([*source, *files("own_thing-1.0-py3-none-any.whl")]) is None
    assert chosen([*source, *files("own_thing-1.0-py3-none-any.whl")], "==2.0") == "2.0"
    assert chosen([*source, *files("own_thing-2.0-cp39-cp39-win_amd64.whl")]) == "2.0"


def test_what_is_for_other_pythons_or_was_taken_back() -> None:
    assert chosen(files("own_thing-2.0.tar.gz", python=">=3.12")) is None
    assert chosen(files("own_thing-2.0.tar.gz", python=">=3.9,<4")) == "2.0"
    yanked = [IndexFile("own_thing-2.0.tar.gz", "https://x.example/", yanked=True), *files("own_thing-1.0.tar.gz")]
    assert chosen(yanked) == "1.0"
    assert chosen(yanked, "==2.0") == "2.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, BuildSystem(("setuptools>=40.8.0", "wheel"), "setuptools.build_meta:__legacy__")),
        ("[project]\n", BuildSystem(("setuptools>=40.8.0", "wheel"), "setuptools.build_meta:__legacy__")),
        ('[build-system]\nrequires = ["a"]\n', BuildSystem(("a",), "setuptools.build_meta:__legacy__")),
        ('[build-system]\nrequires = []\nbuild-backend = "b:c"\n', BuildSystem((), "b:c")),
        (
            '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["in", "."]\n',
            BuildSystem((), "b", ("in", ".")),
        ),
    ],
)
def test_build_systems(tmp_path: Path, text: str | None, expected: BuildSystem) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    assert read_build_system(tmp_path, "x") == expected


def test_a_backend_outside_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[build-system]\nbuild-backend = "b"\nbackend-path = ["/tmp"]\n')
    with pytest.raises(BuildError, match="leaves its source"):
        read_build_system(tmp_path, "x")
