"""The endpoint's folder, the system's errors in our words, and what gc and doctor see."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from deployer.endpoint import Record
from deployer.errors import ClaimLost, Conflict, NotFound, TargetUnavailable
from deployer.target import Site
from deployer_local.config import LocalOptions
from deployer_local.launch import supervisor_code
from deployer_local.place import root_folder, uv_platform
from deployer_local.ports import is_free
from deployer_local.preflight import checks
from deployer_local.store import Store, told, usable_name
from deployer_local.supervisor.files import make_folder, read_object, remove_tree, write_whole
from deployer_local.supervisor.system import lock
from deployer_local.target import LocalTarget
from tests.unit.local.values import record, release


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "endpoints", "iris")


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget(LocalOptions(root=tmp_path), Site("local"))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permission is denied"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_of_the_system_are_told_in_our_words(number: int, words: str) -> None:
    with pytest.raises(TargetUnavailable, match=rf"cannot write it: .*{words}") as caught, told("write it", "/x"):
        raise OSError(number, os.strerror(number))
    assert caught.value.where == "/x"
    assert not caught.value.transient


def test_a_full_disk_leaves_the_record_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    version = store.write_record(record(), None)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TargetUnavailable, match="disk is full"):
        store.write_record(record(owner="other"), version)
    assert store.read_record().record == record()
    assert store.read_record().token == version


def test_a_record_of_a_newer_deployer_is_not_taken_for_lost(store: Store, target: LocalTarget) -> None:
    store.write_record(record(), None)
    path = store.path / "record.1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(TargetUnavailable, match="another version of deployer") as caught:
        target.read_record("iris")
    assert "upgrade" in (caught.value.hint or "")
    with pytest.raises(TargetUnavailable):
        store.write_record(record(), None)
    seen = target.observe("iris")
    assert seen is not None
    assert "another version" in seen.detail
    assert [each.name for each in target.list()] == ["iris"]


def test_an_unreadable_record_is_lost_and_can_be_written(store: Store) -> None:
    store.write_record(record(), None)
    (store.path / "record.1.json").write_text("{")
    found = store.read_record()
    assert (found.record, found.token, found.unreadable) == (None, None, True)
    store.write_record(record(), None)
    assert store.read_record().record == record()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\0b"])
def test_a_name_never_leads_out_of_the_folder(target: LocalTarget, name: str) -> None:
    assert not usable_name(name)
    assert target.observe(name) is None
    assert target.read_record(name) is None
    with pytest.raises(NotFound):
        target.sink(name)


@pytest.mark.parametrize("kind", ["file", "symlink", "folder"])
def test_what_is_not_ours_is_seen_and_refused(store: Store, target: LocalTarget, tmp_path: Path, kind: str) -> None:
    store.path.parent.mkdir(parents=True)
    if kind == "file":
        store.path.write_text("x")
    elif kind == "symlink":
        store.path.symlink_to(tmp_path)
    else:
        (store.path / "run").mkdir(parents=True)
        (store.path / "record.1.json").write_text('{"theirs": true}')
    seen = target.observe("iris")
    assert seen is not None
    assert not seen.managed
    with pytest.raises(Conflict, match="not made by deployer"):
        target.write_record(record(), None)
    claim = record().claim
    assert claim is not None
    with pytest.raises(Conflict):
        target.destroy("iris", claim)


def test_an_empty_folder_is_nothing_and_can_be_used(store: Store, target: LocalTarget) -> None:
    store.path.mkdir(parents=True)
    assert target.observe("iris") is None
    target.write_record(record(), None)
    assert target.observe("iris") is not None


def test_a_plan_can_ask_for_the_sink_before_there_is_an_endpoint(target: LocalTarget, tmp_path: Path) -> None:
    sink = target.sink("iris")
    assert sink.platform == uv_platform()
    assert not sink.folder.exists()
    assert sink.cache == tmp_path / "cache"
    assert target.observe("iris") is None


def test_folders_are_made_only_inside_of_what_is_there(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "a" / "b" / "c", inside=tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        make_folder(tmp_path / "x" / "y" / "z", inside=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_files_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a.json", b'{"a": 1}')
    assert read_object(tmp_path / "a.json") == {"a": 1}
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600

    def fails(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="full"):
        write_whole(tmp_path / "a.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert read_object(tmp_path / "a.json") == {"a": 1}
    assert read_object(tmp_path / "none.json") is None


def test_read_only_trees_are_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_text("")
    (tree / "link").symlink_to(kept)
    (tree / "sub").chmod(0o500)
    tree.chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()
    assert (kept / "file").exists()
    remove_tree(tree)


# gc


def _given_back(**changes: object) -> Record:
    return record(claim=None, **changes)


def test_gc_sees_what_nothing_refers_to(store: Store, target: LocalTarget, tmp_path: Path) -> None:
    kept = release()
    version = store.write_record(_given_back(releases={kept.revision: kept}), None)
    for name in (f"models/{'1' * 16}", "models/9999", "secrets/TOKEN.1", "environments/5555"):
        (store.path / name).mkdir(parents=True)
    cached = tmp_path / "cache" / "environments"
    for name in ("5" * 64, "6" * 64, "7" * 64 + ".partial"):
        (cached / name).mkdir(parents=True)
    (store.path.parent / "empty").mkdir()
    (store.path.parent / ".gone-old-1").mkdir()
    assert list(target.orphans()) == []
    found = {each.identity.partition("|")[0]: each for each in target.orphans(older_than=0.0)}
    assert set(found) == {
        "endpoints/iris/models/9999", "endpoints/iris/secrets/TOKEN.1", "endpoints/iris/environments/5555",
        f"cache/environments/{'5' * 64}", f"cache/environments/{'6' * 64}", f"cache/environments/{'7' * 64}.partial",
        "endpoints/empty", "endpoints/.gone-old-1",
    }  # fmt: skip
    assert "no longer there" not in str(found)
    for each in found.values():
        assert not target.remove_orphan(each)
        assert target.remove_orphan(each, older_than=0.0), each
        assert not target.remove_orphan(each, older_than=0.0)
    assert (store.path / "models" / ("1" * 16)).is_dir()
    assert list(target.orphans(older_than=0.0)) == []
    store.write_record(record(), version)
    (store.path / "models" / "8888").mkdir()
    assert list(target.orphans(older_than=0.0)) == []  # claimed


def test_gc_leaves_a_cached_environment_that_is_being_made(target: LocalTarget, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "environments" / ("5" * 64)
    folder.mkdir(parents=True)
    orphan = next(iter(target.orphans(older_than=0.0)))
    with folder.with_name(f"{folder.name}.lock").open("a") as held:
        assert lock(held.fileno())
        assert not target.remove_orphan(orphan, older_than=0.0)
    assert target.remove_orphan(orphan, older_than=0.0)


# doctor, place


def test_doctor_finds_what_it_needs(tmp_path: Path) -> None:
    found = {check.what: check for check in checks(tmp_path / "none" / "yet")}
    assert set(found) == {
        "Linux or macOS", "a folder to write in", "room on the disk", "Unix sockets", "uv", "Python interpreters",
    }  # fmt: skip
    assert found["Unix sockets"].ok
    assert found["uv"].ok
    assert all(check.hint for check in found.values() if check.ok is False)
    assert not (tmp_path / "none").exists()


def test_the_root_is_the_xdg_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root_folder(None) == Path.home() / ".local" / "share" / "deployer" / "local"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert root_folder(None) == tmp_path / "deployer" / "local"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert root_folder(None) == Path.home() / ".local" / "share" / "deployer" / "local"
    assert root_folder(Path("~/x")) == Path.home() / "x"


def test_a_taken_port_is_seen() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not is_free("127.0.0.1", taken.getsockname()[1])


def test_the_supervisor_imports_nothing_but_the_standard_library() -> None:
    import ast
    import sys

    code, files = supervisor_code()
    assert len(code) == 16
    assert "main.py" in files
    for name, data in files.items():
        for node in ast.walk(ast.parse(data)):
            if isinstance(node, ast.Import):
                assert all(each.name.partition(".")[0] in sys.stdlib_module_names for each in node.names), name
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1 or (node.module or "").partition(".")[0] in sys.stdlib_module_names, name


def test_a_stale_write_is_told_with_who_wrote(store: Store) -> None:
    version = store.write_record(record(), None)
    store.write_record(record(owner="other"), version)
    with pytest.raises(ClaimLost, match="ada@laptop"):
        store.write_record(record(), version)


def test_the_clock_is_the_host_s(target: LocalTarget) -> None:
    assert abs(target.now() - time.time()) < 5
