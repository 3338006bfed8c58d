"""``deployer gc`` and this machine's cache: what nobody used goes, and what is built next is built all the same."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import MODELS, deployer
from tests.plugins.docker import Image

DAY = 86400.0


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def cache(place: MemoryPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache with two packages, one of them idle, and what a killed command left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = tmp_path / "caches" / "deployer"
    for name, days in (("wheels/old.whl", 31), ("wheels/new.whl", 29), ("layers/.aa.tar.x-0", 2), ("uv/theirs", 99)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1500)
        age(path, days)
    return folder


def test_it_tells_asks_and_removes(cache: Path) -> None:
    told = deployer("gc", "--dry-run")
    assert told.code == 0, told.err
    assert [" ".join(line.split()) for line in told.out.splitlines()] == [
        "TARGET WHAT SIZE",
        "this machine 1 downloaded package, not used for 30 days 1.5 KB",
        "this machine 1 rest of a command that was killed 1.5 KB",
    ]
    assert len(files(cache)) == 4
    assert deployer("gc", "-t", "memory", "--yes").told.startswith("Nothing to remove")
    refused = deployer("gc")
    assert (refused.code, len(files(cache))) == (2, 4)
    assert "--yes" in refused.err
    more = json.loads(deployer("gc", "--cache-older-than", "7d", "--dry-run", "-o", "json").out)
    assert [(each["target"], each["count"], each["size"], each["removed"]) for each in more["found"]] == [
        ("this machine", 2, 3000, False), ("this machine", 1, 1500, False),
    ]  # fmt: skip
    done = deployer("gc", "--yes")
    assert (done.code, done.told) == (0, "2 things removed, 3.0 KB freed.")
    assert done.out.count("removed") == 2
    assert [path.name for path in files(cache)] == ["theirs", "new.whl"]
    assert deployer("gc", "--yes").told.startswith("Nothing to remove")
    assert deployer("gc", "--cache-older-than", "soon").code == 2


@pytest.mark.index
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("e2e-build")
def test_what_is_needed_is_made_again(base_image: Image, cache: Path, tmp_path: Path) -> None:
    words = ("build", str(MODELS / "iris"), "--set", f"image.base=oci:{base_image.layout}", "-o", "json")

    def built(*more: str) -> dict[str, object]:
        done = deployer(*words, *more, timeout=400)
        assert done.code == 0, done.err
        (found,) = json.loads(done.out)["images"]
        return dict(found)

    first = built("--to", "oci:first")
    for path in files(cache):
        age(path, 31)
    idle, own = set(files(cache / "layers")), set(files(cache / "blobs"))
    assert built()["made"] == 0  # the layers are used by this, and nothing else is
    unused = {path for path in files(cache) if path.stat().st_atime < time.time() - DAY}
    assert not any(path.suffix == ".tar" for path in unused & idle)
    assert own <= unused
    done = deployer("gc", "--yes")
    assert done.code == 0, done.err
    left = set(files(cache))
    assert {path for path in left if path.suffix == ".tar"} == {path for path in idle if path.suffix == ".tar"}
    assert not own & left
    assert not files(cache / "wheels")
    assert built()["made"] == 0
    again = built("--to", "oci:again")
    assert (again["digest"], again["made"]) == (first["digest"], 0)
    for path in files(cache):
        age(path, 31)
    assert deployer("gc", "--yes").code == 0
    assert not [path for path in files(cache) if "uv" not in path.relative_to(cache).parts]
    anew = built()
    assert anew["digest"] == first["digest"]
    assert anew["made"] != 0
