from __future__ import annotations

import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest

import deployer.serving.digest as module
from deployer.model.digest import digest
from deployer.model.tree import BOOKKEEPING
from deployer.serving.digest import ModelDigestDiffers, check_digest, model_digest
from deployer.serving.log import Log


def quiet(_done: int, _total: int) -> None:
    """Nobody is told."""


def nested(root: Path) -> None:
    (root / "MLmodel").write_text("flavors: {}\n")
    (root / "code" / "deep" / "er").mkdir(parents=True)
    (root / "code" / "deep" / "er" / "x.py").write_text("x = 1\n")
    (root / "code" / "deep.py").write_text("")
    (root / "code-2").write_text("sorts before code/: '-' is less than '/'")


def unicode(root: Path) -> None:
    for name in ("caf\u00e9", "\u65e5\u672c\u8a9e.txt", "\U0001f600", "z", "\uffee", "\U00010000", "with space", "a.b"):
        (root / name).write_text(name)
    (root / "\u00fc").mkdir()
    (root / "\u00fc" / "\u00df").write_bytes(b"\0\n")


def empties(root: Path) -> None:
    (root / "empty").touch()
    (root / "folder" / "in it").mkdir(parents=True)
    (root / "folder" / "empty").touch()


def bookkeeping(root: Path) -> None:
    (root / "MLmodel").write_text("x")
    (root / "registered_model_meta").write_text("model_name: a\n")
    (root / "deep").mkdir()
    (root / "deep" / "registered_model_meta").write_text("counts")


def modes(root: Path) -> None:
    (root / "run.sh").write_text("x")
    (root / "run.sh").chmod(0o755)
    os.utime(root / "run.sh", (1, 1))
    (root / "same").hardlink_to(root / "run.sh")


def large(root: Path) -> None:
    for size in (module.BLOCK - 1, module.BLOCK, module.BLOCK + 1, 3 * module.BLOCK):
        (root / str(size)).write_bytes(os.urandom(size))


def many(root: Path) -> None:
    for number in range(300):
        (root / f"{number % 7}").mkdir(exist_ok=True)
        (root / f"{number % 7}" / f"{number}").write_text(str(number))


@pytest.mark.parametrize("make", [nested, unicode, empties, bookkeeping, modes, large, many, lambda _root: None])
def test_the_digest_is_the_deployers_own(tmp_path: Path, make: Callable[[Path], None]) -> None:
    root = tmp_path / "model"
    root.mkdir()
    make(root)
    own = digest(root)
    found = model_digest(str(root), quiet)
    assert found == (own.sha256, own.count, own.bytes)
    (tmp_path / "link").symlink_to(root)
    assert model_digest(str(tmp_path / "link"), quiet) == found
    assert model_digest(f"{root}/", quiet) == found


def test_constants_are_the_deployers_own() -> None:
    assert vars(import_module("deployer.model.digest"))["_HEADER"] == module.HEADER
    assert BOOKKEEPING.encode() == module.BOOKKEEPING


def test_it_sees_every_change(tmp_path: Path) -> None:
    nested(tmp_path)
    seen = {model_digest(str(tmp_path), quiet).sha256}
    (tmp_path / "MLmodel").write_text("flavors: {} \n")
    seen.add(model_digest(str(tmp_path), quiet).sha256)
    (tmp_path / "code-2").rename(tmp_path / "code-3")
    seen.add(model_digest(str(tmp_path), quiet).sha256)
    (tmp_path / "new").touch()
    seen.add(model_digest(str(tmp_path), quiet).sha256)
    assert len(seen) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text, on ext4 and tmpfs")
def test_a_name_that_is_no_text_is_just_another_model(tmp_path: Path) -> None:
    nested(tmp_path)
    before = model_digest(str(tmp_path), quiet)
    (tmp_path / os.fsdecode(b"\xff")).touch()
    assert model_digest(str(tmp_path), quiet).sha256 != before.sha256


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    nested(tmp_path)
    (tmp_path / "code" / "l\u00efnk").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match=r"no regular file: 'code/l\\xefnk'"):
        model_digest(str(tmp_path), quiet)
    (tmp_path / "code" / "l\u00efnk").unlink()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file: 'pipe'"):
        model_digest(str(tmp_path), quiet)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        model_digest(str(tmp_path / "none"), quiet)
    assert "b'" not in str(raised.value)
    assert "none" in str(raised.value)


def test_a_file_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nested(tmp_path)
    files = module._files_of

    def later(root: bytes) -> Any:
        found = files(root)
        (tmp_path / "MLmodel").write_text("another size, same name")
        return found

    monkeypatch.setattr(module, "_files_of", later)
    with pytest.raises(ValueError, match="'MLmodel' of the model changed"):
        model_digest(str(tmp_path), quiet)


def test_one_failure_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(tmp_path)
    files = module._files_of

    def later(root: bytes) -> Any:
        found = files(root)
        for path in tmp_path.rglob("*1*"):
            if path.is_file():
                path.unlink()
        return found

    monkeypatch.setattr(module, "_files_of", later)
    with pytest.raises(FileNotFoundError):
        model_digest(str(tmp_path), quiet)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("digest")]


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, event: str, level: str = "info", **fields: Any) -> None:
        assert level == "info"
        self.events.append((event, fields))


def test_the_check(tmp_path: Path) -> None:
    nested(tmp_path)
    own, told = digest(tmp_path), Told()
    check_digest(str(tmp_path), own.sha256, cast("Log", told))
    [(event, fields)] = told.events
    assert (event, fields["digest"], fields["files"], fields["bytes"]) == (
        "model-checked",
        own.sha256,
        own.count,
        own.bytes,
    )
    with pytest.raises(ModelDigestDiffers) as raised:
        check_digest(str(tmp_path), "0" * 64, cast("Log", told))
    assert own.sha256 in str(raised.value)
    assert "0" * 64 in str(raised.value)


def test_progress_is_told_while_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The telling does not depend on bytes that come: a file system that hangs is seen to hang."""
    large(tmp_path)
    go_on = threading.Event()
    line = module._Work.line

    def held(work: Any, file: Any) -> bytes:
        made = line(work, file)
        go_on.wait(30)
        return made

    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) >= 3 and done == total:
            go_on.set()

    monkeypatch.setattr(module._Work, "line", held)
    found = model_digest(str(tmp_path), tell, every=0.01)
    assert found.sha256 == digest(tmp_path).sha256
    assert {total for _, total in told} == {found.bytes}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A sparse file of 1 GiB takes no more memory than a few blocks."""
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        found = model_digest(str(tmp_path), quiet)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.bytes == 1 << 30
    assert peak < 8 * module.BLOCK
