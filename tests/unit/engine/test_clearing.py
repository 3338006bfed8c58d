"""What of this machine's cache is idle, and what is removed of it."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.engine.cached import Entry, entries
from deployer.engine.clearing import clear_cache
from deployer.engine.fetching import fetched
from deployer.engine.surveying import Removal
from deployer.image.layers import LayerCache
from deployer.model.resolve import ResolvedModel
from deployer.model.uri import Kind
from tests.unit.engine.place import Place, packaged
from tests.unit.model.marked import marks

DAY = 86400.0
NOW = 1_750_000_000.0
"""Before the tests run, so that what they use now was used later."""
IDLE, USED = NOW - 31 * DAY, NOW - 29 * DAY


class Cache:
    """A cache with one thing of each kind, all as old as is said."""

    def __init__(self, folder: Path, age: float) -> None:
        self.folder = folder
        for name in (
            "layers/aa.tar", "layers/aa.json", "layers/bb.json", "blobs/cc", "blobs/igzip-2/dd.json", "wheels/ee.whl",
            "built/ff-3.11/gg/built.lock", "built/ff-3.11/gg/own-1.0-py3-none-any.whl", "models/hh/MLmodel",
            "models/hh/data/weights", "environments/ii/listing.json", "environments/ii/environment/bin/python",
            "environments/ii.lock", "bases/jj.json", "pushed/registry_5000/kk.json", "engines/ll.json",
        ):  # fmt: skip
            self.add(name, age)

    def add(self, name: str, age: float) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        self.age(path, age)
        return path

    def age(self, path: Path, age: float) -> None:
        os.utime(path, (age, age))

    def clear(self, *, remove: bool = True, older_than: float = 30 * DAY) -> tuple[Removal, ...]:
        return clear_cache(self.folder, remove=remove, older_than=older_than, now=NOW)

    @property
    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


def ended() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_each_kind_is_one_line(tmp_path: Path) -> None:
    cache = Cache(tmp_path, IDLE)
    there = cache.files
    told = cache.clear(remove=False)
    assert [(each.what, each.size, each.count) for each in told] == [
        ("2 layers of images, not used for 30 days", 15, 2),
        ("1 blob of images, not used for 30 days", 5, 1),
        ("1 downloaded package, not used for 30 days", 5, 1),
        ("1 package built from source, not used for 30 days", 10, 1),
        ("1 downloaded model, not used for 30 days", 10, 1),
        ("1 environment for builds, not used for 30 days", 10, 1),
        ("4 notes of what was read and sent, not used for 30 days", 20, 4),
    ]
    assert {each.target for each in told} == {"this machine"}
    assert not any(each.removed for each in told)
    assert cache.files == there
    gone = cache.clear()
    assert [each.model_copy(update={"removed": False}) for each in gone] == list(told)
    assert all(each.removed for each in gone)
    assert cache.files == {"environments/ii.lock"}  # a lock that is removed would be two
    assert not (tmp_path / "built" / "ff-3.11").exists()
    assert cache.clear() == ()


@pytest.mark.parametrize("name", ["layers/aa.tar", "layers/aa.json", "blobs/cc", "wheels/ee.whl", "models/hh/MLmodel"])
def test_what_was_used_stays_as_a_whole(tmp_path: Path, name: str) -> None:
    cache = Cache(tmp_path, IDLE)
    os.utime(tmp_path / name, (USED, IDLE))
    cache.clear()
    kept = {"layers/aa.tar", "layers/aa.json"} if name.startswith("layers") else {name}
    kept |= {"models/hh/data/weights"} if name.startswith("models") else set()
    assert cache.files == kept | {"environments/ii.lock"}


def test_all_that_was_used_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, USED)
    there = cache.files
    assert cache.clear() == ()
    assert cache.files == there


def test_to_look_is_no_use(tmp_path: Path) -> None:
    """Also where the file system notes each reading: nothing that is judged is opened."""
    cache = Cache(tmp_path, IDLE)
    before = [(each, each.used) for each in entries(tmp_path)]
    cache.clear(remove=False)
    assert [(each, each.used) for each in entries(tmp_path)] == before


def test_the_last_hour_always_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, NOW - 3000)
    assert cache.clear(older_than=0.0) == ()
    cache.add("wheels/older.whl", NOW - 4000)
    (found,) = cache.clear(older_than=0.0)
    assert found.what == "1 downloaded package, not used for 1 hour"


@pytest.mark.parametrize(
    ("seconds", "words"), [(7 * DAY, "7 days"), (1.5 * DAY, "36 hours"), (5400, "90 minutes"), (3601, "3,601 seconds")]
)
def test_the_time_is_told_exactly(tmp_path: Path, seconds: float, words: str) -> None:
    cache = Cache(tmp_path, IDLE)
    assert cache.clear(remove=False, older_than=seconds)[0].what.endswith(f", not used for {words}")


def test_what_killed_commands_left_goes_after_a_day(tmp_path: Path) -> None:
    cache = Cache(tmp_path, USED)
    there, pid = cache.files, ended()
    rests = {
        f"layers/.aa.tar.{pid}-0123abcd", f"wheels/.ee.{pid}-0123abcd", "blobs/.cc.0123456789ab",
        "blobs/igzip-2/.dd.json.0123456789ab", f"built/ff-3.11/.gg.partial-{pid}-x/file", "models/hh-0123abcd/MLmodel",
        f"models/.hh-0123abcd.partial-{pid}-x/file", "environments/ii.partial/environment/file",
        f"environments/.ii.partial-{pid}-x/file", f".making.partial-{pid}-x/file", f".lock.partial-{pid}-x/file",
        f".building.partial-{pid}-x/file", f".compiling.partial-{pid}-x/file", "bases/.jj.json.0123456789ab",
        "pushed/registry_5000/.kk.json.0123456789ab", "engines/.ll.json.0123456789ab",
    }  # fmt: skip
    for name in rests:
        path = cache.add(name, NOW - 2 * DAY)
        for folder in path.relative_to(tmp_path).parents:
            if folder.name.startswith(".") or folder.name in {"ii.partial", "environment", "hh-0123abcd"}:
                cache.age(tmp_path / folder, NOW - 2 * DAY)
    (gone,) = cache.clear()
    assert (gone.what, gone.removed) == (f"{len(rests)} rests of commands that were killed", True)
    assert cache.files - {"environments/.ii.lock"} == there


@pytest.mark.skipif(sys.platform == "win32", reason="there a process is not asked whether it is alive")
def test_a_command_at_work_keeps_its_folder_and_what_it_may_have_taken(tmp_path: Path) -> None:
    cache = Cache(tmp_path, NOW - 2 * 3600)
    old = cache.add("wheels/old.whl", NOW - 2 * DAY)
    mine = cache.add(f".making.partial-{os.getpid()}-x/file", NOW - 3 * DAY)
    cache.age(mine.parent, NOW - 3 * DAY)
    (gone,) = cache.clear(older_than=3600.0)
    assert gone.what == "1 downloaded package, not used for 1 day"
    assert mine.exists()
    assert not old.exists()


def test_a_folder_that_is_written_to_is_no_rest(tmp_path: Path) -> None:
    cache = Cache(tmp_path, USED)
    file = cache.add(f".making.partial-{ended()}-x/deep/file", NOW - 60)
    assert cache.clear() == ()
    assert file.exists()


def test_it_is_looked_at_again_right_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, IDLE)
    size = Entry.size.fget  # type: ignore[attr-defined]

    def used_meanwhile(entry: Entry) -> int:
        if entry.paths[0].name == "ee.whl":
            cache.age(entry.paths[0], NOW - 1)
        if entry.paths[0].name == "cc":
            entry.paths[0].unlink()
        return int(size(entry))

    monkeypatch.setattr(Entry, "size", property(used_meanwhile))
    found = {each.what: each.removed for each in cache.clear()}
    assert found["1 downloaded package, not used for 30 days"] is False
    assert not any("blob" in what for what in found)
    assert (tmp_path / "wheels/ee.whl").exists()


def test_what_cannot_be_removed_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, IDLE)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "aa.tar":  # as on Windows, while it is read
            raise PermissionError(errno.EACCES, "in use")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    layers = [(each.what[:7], each.removed) for each in cache.clear() if "layer" in each.what]
    assert layers == [("1 layer", True), ("1 layer", False)]
    assert {"layers/aa.tar", "layers/aa.json"} <= cache.files


def test_what_is_not_known_is_let_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, USED)
    for name in ("uv/archive/x", "notes.txt", ".hidden", "later/thing"):
        cache.add(name, IDLE)
    assert cache.clear() == ()


def test_there_need_be_no_cache(tmp_path: Path) -> None:
    assert clear_cache(tmp_path / "none", remove=True, older_than=0.0, now=NOW) == ()


@pytest.mark.parametrize("left", ["tar", "note", "neither"])
def test_a_layer_of_which_half_is_gone_is_made_again(tmp_path: Path, left: str) -> None:
    layers = LayerCache(tmp_path / "layers")
    first = layers.made({"kind": "x"}, "x", lambda: iter([b"content"]))
    assert layers.find({"kind": "x"}, "x") == first
    if left != "tar":
        first.path.unlink()
    if left != "note":
        first.path.with_suffix(".json").unlink()
    assert layers.find({"kind": "x"}, "x") is None
    assert layers.made({"kind": "x"}, "x", lambda: iter([b"content"])) == first
    assert first.path.read_bytes() == b"content"


def test_a_layer_that_is_found_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = LayerCache(tmp_path / "layers")
    layer = layers.made({"kind": "x"}, "x", lambda: iter([b"content"]))
    layers.remember({"kind": "y"}, "sha256:00", 5)
    changed, marked = layer.path.stat().st_mtime_ns, marks(monkeypatch)
    assert layers.find({"kind": "x"}, "x") == layer
    assert layers.remembered({"kind": "y"}) == ("sha256:00", 5)
    assert {entry for entry in entries(tmp_path) if marked & set(entry.signs)} == set(entries(tmp_path))
    assert layer.path.stat().st_mtime_ns == changed


def test_the_python_api_clears_unless_a_target_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = Place()
    place.clock.time = NOW
    cache = Cache(tmp_path / "deployer", IDLE)
    ada = place.deployer()
    assert ada.gc("memory", older_than=0.0) == ()
    assert sum(each.count for each in ada.gc(remove=False)) == 11
    assert ada.gc(cache_older_than=40 * DAY) == ()
    assert all(each.removed for each in ada.gc())
    assert cache.files == {"environments/ii.lock"}


def test_a_fetched_model_is_used_when_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = ResolvedModel(uri="models:/m/1", resolved="models:/m/1", kind=Kind.REGISTRY, location="")
    name = hashlib.sha256(elsewhere.resolved.encode()).hexdigest()[:16]
    place = packaged(tmp_path / "models" / name)
    marked = marks(monkeypatch)
    assert fetched(elsewhere, tmp_path).folder == place
    (entry,) = entries(tmp_path)
    assert marked == set(entry.signs)
