"""The identity of a model by content, and what may not be part of one."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import NotFound, SpecError
from deployer.model import Progress, digest
from deployer.model.digest import ModelDigest
from tests.unit.model.saved import save

assert sys.platform != "win32"  # where environments and these kinds of files are not


def test_the_same_content_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    one, other = save(tmp_path / "a"), save(tmp_path / "b")
    (other / "MLmodel").chmod(0o640)
    (other / "empty").mkdir()
    os.utime(other / "model.pkl", (1, 1))
    (other / "registered_model_meta").write_text("model_name: iris\n")
    assert digest(one) == digest(other)
    (other / "sub").mkdir()
    (other / "sub" / "registered_model_meta").write_text("not MLflow's: it counts\n")
    assert digest(one).sha256 != digest(other).sha256


def test_the_listing_is_part_of_the_answer(tmp_path: Path) -> None:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "sub" / "x").write_bytes(b"abc")
    (tmp_path / "d" / "empty").write_bytes(b"")
    found = digest(tmp_path / "d")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert found.files["sub/x"] == (3, sha256)
    assert (found.count, found.bytes) == (2, 3)
    listing = f"empty\0{0}\0{hashlib.sha256().hexdigest()}\nsub/x\0{3}\0{sha256}\n"
    assert found.sha256 == hashlib.sha256(b"deployer model digest 1\n" + listing.encode()).hexdigest()
    assert ModelDigest.of(reversed(list(found.files.items()))) == found


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer", "moved"])
def test_every_change_shows(tmp_path: Path, change: str) -> None:
    folder = save(tmp_path / "m")
    before = digest(folder)
    if change == "content":
        (folder / "model.pkl").write_bytes((folder / "model.pkl").read_bytes()[:-1] + b"!")
    elif change == "name":
        (folder / "model.pkl").rename(folder / "model.pk1")
    elif change == "more":
        (folder / "x").write_bytes(b"")
    elif change == "fewer":
        (folder / "model.pkl").unlink()
    else:
        (folder / "d").mkdir()
        (folder / "model.pkl").rename(folder / "d" / "model.pkl")
    assert digest(folder).sha256 != before.sha256


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", big=b"x" * 3_000_000)
    seen: list[Progress] = []
    found = digest(folder, progress=seen.append)
    assert seen[-1] == Progress(found.bytes, found.bytes, "bytes")
    assert [step.done for step in seen] == sorted(step.done for step in seen)


def plant(folder: Path, kind: str) -> None:
    place = folder / "planted"
    if kind == "a symbolic link":
        place.symlink_to("/etc/passwd")
    elif kind == "a symbolic link to a folder":
        place.symlink_to("/etc")
    elif kind == "a named pipe":
        os.mkfifo(place)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            here = Path.cwd()
            os.chdir(folder)
            made.bind("planted")
            os.chdir(here)


@pytest.mark.parametrize("kind", ["a symbolic link", "a symbolic link to a folder", "a named pipe", "a socket"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    folder = save(tmp_path / "m")
    plant(folder, kind)
    with pytest.raises(SpecError, match=kind.removesuffix(" to a folder")) as caught:
        digest(folder)
    assert "'planted'" in str(caught.value)


@pytest.mark.parametrize("name", [".wh.MLmodel", "a\nb", "a\\b"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "m")
    (folder / name).write_text("x")
    with pytest.raises(SpecError, match="the file name"):
        digest(folder)


def test_undecodable_and_colliding_names_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    with Path(os.fsdecode(bytes(folder) + b"/a\xff")).open("w"), pytest.raises(SpecError, match="not text"):
        digest(folder)
    other = save(tmp_path / "n", a="", A="")
    with pytest.raises(SpecError, match="one file where case"):
        digest(other)


def test_the_root_may_be_a_link_and_must_be_there(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    (tmp_path / "current").symlink_to("m")
    assert digest(tmp_path / "current") == digest(folder)
    with pytest.raises(NotFound):
        digest(tmp_path / "nowhere")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", big=b"x" * 3_000_000)

    def grow(_: Progress) -> None:
        with (folder / "big").open("ab") as file:
            file.write(b"y")

    with pytest.raises(SpecError, match="changed while it was read"):
        digest(folder, progress=grow)


def test_an_interrupt_in_the_middle_is_raised_at_once(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", None, **{f"f{n}": b"x" * 400_000 for n in range(400)})
    seen: list[Progress] = []

    def interrupt(step: Progress) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digest(folder, progress=interrupt)
    assert len(seen) < 200  # what other threads have begun is read to its end; most of the files never are


def test_a_large_model_costs_no_more_memory(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    with (folder / "weights").open("wb") as file:
        file.truncate(2 << 30)
    code = (
        "import resource, sys; from pathlib import Path; from deployer.model import digest\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = digest(Path(sys.argv[1])); assert found.bytes > 2 << 30\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 32 << 20
