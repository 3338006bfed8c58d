"""The private copy that ships: whole, private, hashed as written, or not there at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import BuildError, Conflict, NotFound, SpecError
from deployer.model import Progress, digest, resolve, snapshot
from tests.unit.model.saved import save

assert sys.platform != "win32"  # where environments and these kinds of files are not


def test_a_copy_is_private_equal_and_shares_no_inode(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", **{"code/deep/a.py": "print(1)\n", "registered_model_meta": "x"})
    (folder / "model.pkl").chmod(0o777)
    seen: list[Progress] = []
    taken = snapshot(resolve(folder), tmp_path / "state" / "copy", progress=seen.append)
    assert taken.path == tmp_path / "state" / "copy"
    assert taken.digest == digest(folder).sha256 == digest(taken.path).sha256
    assert taken.files == digest(folder).files
    assert taken.bytes == sum(file.size for file in taken.files.values()) == seen[-1].done
    for path in (taken.path, *taken.path.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    inodes = {path.stat().st_ino for path in folder.rglob("*")}
    assert not inodes & {path.stat().st_ino for path in taken.path.rglob("*")}
    assert not (taken.path / "registered_model_meta").exists()
    assert [path.name for path in taken.path.parent.iterdir()] == ["copy"]


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    (tmp_path / "empty").mkdir()
    assert snapshot(resolve(folder), tmp_path / "empty").path.is_dir()
    with pytest.raises(Conflict, match="new or empty"):
        snapshot(resolve(folder), tmp_path / "empty")
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(Conflict, match="new or empty"):
        snapshot(resolve(folder), tmp_path / "link")


@pytest.mark.parametrize("fault", ["link", "pipe", "whiteout", "collision", "no mlmodel", "damaged", "growing"])
def test_what_may_not_ship_leaves_nothing(tmp_path: Path, fault: str) -> None:
    folder = save(tmp_path / "m", big=b"x" * 2_500_000)
    resolved = resolve(folder)
    progress = None
    if fault == "link":
        (folder / "x").symlink_to("MLmodel")
    elif fault == "pipe":
        os.mkfifo(folder / "x")
    elif fault == "whiteout":
        (folder / ".wh.x").write_text("")
    elif fault == "collision":
        (folder / "mlmodel").write_text("")
    elif fault == "no mlmodel":
        (folder / "MLmodel").unlink()
    elif fault == "damaged":
        (folder / "model.pkl").unlink()
    else:

        def progress(_: Progress) -> None:
            with (folder / "big").open("ab") as file:
                file.write(b"y")

    with pytest.raises(SpecError):
        snapshot(resolved, tmp_path / "state" / "copy", progress=progress)
    assert list((tmp_path / "state").iterdir()) == []


def test_a_model_that_vanished(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    resolved = resolve(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(NotFound):
        snapshot(resolved, tmp_path / "copy")


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _block: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", full)
    monkeypatch.setattr("fcntl.ioctl", lambda *_: (_ for _ in ()).throw(OSError(errno.EOPNOTSUPP, "")))
    with pytest.raises(BuildError, match="the disk is full"):
        snapshot(resolve(save(tmp_path / "m")), tmp_path / "state" / "copy")
    assert list((tmp_path / "state").iterdir()) == []


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    code = (
        "import os, sys; from pathlib import Path\n"
        "from deployer.errors import SpecError; from deployer.model import digest\n"
        "digest(Path(sys.argv[2]))  # imports what it imports late, from where only root may look\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: digest(Path(sys.argv[1]))\n"
        "except SpecError as error: print(error)"
    )
    (folder / "model.pkl").chmod(0)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and parent.stat().st_mode & 0o077 == 0:
            parent.chmod(0o711)
    folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, folder, save(tmp_path / "n")], capture_output=True, text=True, check=False
    )
    assert "model.pkl: cannot be read: permission denied" in done.stdout, done.stderr


def test_left_overs_of_killed_runs_are_removed_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    dead, alive = (tmp_path / f".copy.partial-{pid}-x" for pid in (gone.pid, os.getppid()))
    dead.mkdir()
    alive.mkdir()
    snapshot(resolve(save(tmp_path / "m")), tmp_path / "copy")
    assert not dead.exists()
    assert alive.exists()
