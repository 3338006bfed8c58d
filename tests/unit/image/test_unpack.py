"""Wheels as layers: each thing at its place, and nothing that does not belong there."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from deployer.errors import BuildError
from deployer.image.places import PYTHON
from deployer.image.wheel_layer import wheel_chunks
from tests.unit.image.wheel_files import INFO, NAME, VERSION, WheelFile, locked, row

SITE = "opt/deployer/venv/lib/python3.11/site-packages"
DATA = f"{NAME}-{VERSION}.data"


def laid_out(wheel: WheelFile, folder: Path) -> dict[str, bytes]:
    path, known = wheel.write(folder)
    content = b"".join(wheel_chunks(path, known, "3.11", None))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = ((member, archive.extractfile(member)) for member in archive)
        found = {(member.name, member.mode): file.read() for member, file in files if file}
    assert {mode for _, mode in found} <= {0o644, 0o755}
    return {(f"{name}*" if mode == 0o755 else name): content for (name, mode), content in found.items()}


def refusal(wheel: WheelFile, folder: Path) -> str:
    with pytest.raises(BuildError) as caught:
        laid_out(wheel, folder)
    assert caught.value.where
    assert caught.value.hint
    return caught.value.message


def test_everything_at_its_place(tmp_path: Path) -> None:
    wheel = WheelFile(
        files={
            f"{NAME}/__init__.py": b"x = 1\n",
            f"{NAME}/tool": b"elf",
            f"{NAME}/__pycache__/__init__.cpython-311.pyc": b"stale",
            f"{DATA}/purelib/pure.py": b"p",
            f"{DATA}/platlib/plat.so": b"so",
            f"{DATA}/scripts/run": b"#!python -E\nprint()\n",
            f"{DATA}/scripts/shell": b"#!/bin/sh\n",
            f"{DATA}/headers/own.h": b"h",
            f"{DATA}/data/share/doc.txt": b"d",
            f"{INFO}/entry_points.txt": b"[console_scripts]\nown = own_package.cli:app.main [extra]\nrun = a:b\n"
            b"[gui_scripts]\nown-gui = own_package:gui\n[other]\nx = !\n",
        },
        modes={f"{NAME}/tool": stat.S_IFREG | 0o775},
    )
    found = laid_out(wheel, tmp_path)
    record = found.pop(f"{SITE}/{INFO}/RECORD").decode().splitlines()
    bin_ = "opt/deployer/venv/bin"
    assert found == {
        f"{SITE}/{NAME}/__init__.py": b"x = 1\n",
        f"{SITE}/{NAME}/tool*": b"elf",
        f"{SITE}/pure.py": b"p",
        f"{SITE}/plat.so": b"so",
        f"{bin_}/run*": f"#!{PYTHON}\nprint()\n".encode(),
        f"{bin_}/shell*": b"#!/bin/sh\n",
        f"{bin_}/own*": f"#!{PYTHON}\nimport sys\n\nfrom own_package.cli import app\n\n"
        'if __name__ == "__main__":\n    sys.exit(app.main())\n'.encode(),
        f"{bin_}/own-gui*": f"#!{PYTHON}\nimport sys\n\nfrom own_package import gui\n\n"
        'if __name__ == "__main__":\n    sys.exit(gui())\n'.encode(),
        "opt/deployer/venv/include/site/python3.11/own-package/own.h": b"h",
        "opt/deployer/venv/share/doc.txt": b"d",
        f"{SITE}/{INFO}/METADATA": found[f"{SITE}/{INFO}/METADATA"],
        f"{SITE}/{INFO}/WHEEL": found[f"{SITE}/{INFO}/WHEEL"],
        f"{SITE}/{INFO}/INSTALLER": b"deployer\n",
        f"{SITE}/{INFO}/entry_points.txt": wheel.files[f"{INFO}/entry_points.txt"],
    }
    assert row("../../../bin/run", found[f"{bin_}/run*"]) in record
    assert row(f"{NAME}/tool", b"elf") in record
    assert f"{INFO}/RECORD,," in record
    assert record == sorted(record)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../evil.py", "leaves"),
        ("a/../../evil.py", "leaves"),
        ("/etc/passwd", "absolute"),
        ("C:/evil.py", "Windows"),
        ("a\\evil.py", "Windows"),
        ("own_package/.wh.other.py", "delete files"),
        ("own_package/.wh..wh..opq", "delete files"),
        ("own_package/./x.py", "plain relative"),
        ("own_package/bad\nname.py", "control characters"),
        ("own_package/__INIT__.py", "case"),
        (f"{DATA}/data/pyvenv.cfg", "environment's own"),
        (f"{DATA}/data/PyVenv.cfg", "environment's own"),
        (f"{DATA}/data/bin/python3", "environment's own"),
        (f"{DATA}/data/lib", "environment's own"),
        (f"{DATA}/scripts/python", "environment's own"),
        (f"{DATA}/elsewhere/x", "no scheme"),
        (f"{DATA}/x", "no scheme"),
        (f"{DATA}/purelib/own_package/__init__.py", "same place"),
    ],
)
def test_places_that_are_refused(path: str, said: str, tmp_path: Path) -> None:
    files = {"own_package/__init__.py": b"", path: b"evil"}
    assert said in refusal(WheelFile(files), tmp_path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(stat.S_IFLNK, "symbolic link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "pipe"), (stat.S_IFSOCK, "socket")],
)
def test_kinds_that_are_refused(kind: int, said: str, tmp_path: Path) -> None:
    assert said in refusal(WheelFile({"own_package/x": b"/etc"}, {"own_package/x": kind | 0o777}), tmp_path)


INIT = "own_package/__init__.py"


@pytest.mark.parametrize(
    ("wheel", "said"),
    [
        (WheelFile(rows={INIT: None}), "is not in its RECORD"),
        (WheelFile(rows={"own_package/more.py": row("own_package/more.py", b"")}), "which is not in it"),
        (WheelFile(rows={INIT: row(INIT, b"x = 2\n")}), "not the one that its RECORD lists"),
        (WheelFile(rows={INIT: row(INIT, b"longer")[:-1] + "7"}), "not of the size"),
        (WheelFile(rows={INIT: row(INIT, b"x = 1\n", "md5")}), "a weak hash"),
        (WheelFile(rows={INIT: f"{INIT},,"}), "no hash"),
        (WheelFile(rows={INIT: f"{INIT},sha256=!!,6"}), "a hash that is none"),
        (WheelFile(rows={INIT: row(INIT, b"x = 1\n"), "again": row(INIT, b"x = 1\n")}), "twice"),
        (WheelFile(rows={INIT: f"{INIT},sha256=abc"}), "none of path, hash and size"),
        (WheelFile(record=""), "is not in its RECORD"),
        (WheelFile(format="2.0"), "version"),
        (WheelFile({"own_package": b"", "own_package/x.py": b""}), "both a file and a folder"),
        (WheelFile({"other-1.dist-info/METADATA": b""}), "2 .dist-info folders"),
        (WheelFile({f"{INFO}/entry_points.txt": b"[console_scripts]\n../x = a:b\n"}), "entry point"),
        (WheelFile({f"{INFO}/entry_points.txt": b"[console_scripts]\nx = a:b;import os\n"}), "entry point"),
        (WheelFile({f"{INFO}/entry_points.txt": b"[console_scripts]\npython3 = a:b\n"}), "environment's own"),
        (WheelFile({f"{INFO}/entry_points.txt": b"nonsense"}), "cannot be read"),
        (WheelFile({"own_package/bomb": bytes(80 << 20)}), "unpack to"),
    ],
)
def test_what_is_refused(wheel: WheelFile, said: str, tmp_path: Path) -> None:
    assert said in refusal(wheel, tmp_path)


def test_stronger_hashes_and_rows_without_size_are_taken(tmp_path: Path) -> None:
    text = row(INIT, b"x = 1\n", "sha512").rpartition(",")[0] + ","
    found = laid_out(WheelFile(rows={INIT: text}), tmp_path)
    assert row(INIT, b"x = 1\n") in found[f"{SITE}/{INFO}/RECORD"].decode().splitlines()


def test_what_is_left_out_is_compared_too(tmp_path: Path) -> None:
    pyc = "own_package/__pycache__/x.cpython-311.pyc"
    assert "RECORD lists" in refusal(WheelFile({pyc: b"real"}, rows={pyc: row(pyc, b"fake")}), tmp_path)


def test_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "own_package-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(BuildError, match="no zip archive"):
        b"".join(wheel_chunks(path, locked(path), "3.11", None))


@pytest.mark.parametrize("count", [1, 2])
def test_members_that_are_there_twice_or_encrypted(count: int, tmp_path: Path) -> None:
    path, _ = WheelFile().write(tmp_path)
    if count == 2:
        with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(INIT, b"second")
        said = "there twice"
    else:
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\1\2") + 8] |= 1
        path.write_bytes(content)
        said = "encrypted"
    with pytest.raises(BuildError, match=said):
        b"".join(wheel_chunks(path, locked(path), "3.11", None))


def test_another_packages_metadata(tmp_path: Path) -> None:
    path, _ = WheelFile().write(tmp_path)
    with pytest.raises(BuildError, match="another package"):
        b"".join(wheel_chunks(path, locked(path, "someone-else"), "3.11", None))
