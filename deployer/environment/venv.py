"""A virtual environment's folder, laid out by us: no activation scripts, no absolute paths but its interpreter's.

Source of the layout: PEP 405 and CPython's venv module. ``relocatable`` in pyvenv.cfg makes uv write console scripts
that find their Python beside themselves, so that the folder works wherever it is copied to.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from deployer.environment.children import ending_with_us

if TYPE_CHECKING:
    from pathlib import Path

    from deployer.environment.interpreter import Interpreter

__all__ = ["copy_tree", "lay_out", "point_at", "site_packages"]


def lay_out(root: Path, interpreter: Interpreter) -> None:
    """Makes an empty environment in ``root``, an existing empty folder, for Linux and macOS."""
    site_packages(root, interpreter.minor).mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "lib64").symlink_to("lib")  # where sysconfig's platlib is lib64, as on Fedora
    point_at(root, interpreter)


def point_at(root: Path, interpreter: Interpreter) -> None:
    """Makes an environment run on this interpreter: a cached one may have been made on another patch version."""
    settings = {
        "home": interpreter.path.parent,
        "implementation": "CPython",
        "version_info": interpreter.version,
        "include-system-site-packages": "false",
        "relocatable": "true",
    }
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (root / "pyvenv.cfg").write_text(text, "utf-8")
    programs = root / "bin"
    for name, target in (
        ("python", str(interpreter.path)),
        ("python3", "python"),
        (f"python{interpreter.minor}", "python"),
    ):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(target)


def site_packages(root: Path, minor: str) -> Path:
    """Where packages lie in an environment."""
    return root / "lib" / f"python{minor}" / "site-packages"


def copy_tree(source: Path, target: Path) -> None:
    """Copies a folder's content into ``target``, an existing empty folder; blocks are shared at most, never inodes.

    Raises:
        OSError: It cannot be written.
    """
    commands = {
        "linux": ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)],
        "darwin": ["cp", "-cpR", f"{source}/.", str(target)],  # clones on APFS
    }
    command = commands.get(sys.platform)
    if command and shutil.which(command[0]):
        spoken = os.environ | {"LC_ALL": "C"}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=spoken,
            preexec_fn=ending_with_us(),
        )  # fmt: skip
        if done.returncode == 0:
            return
        _raise_full(done.stderr.decode("utf-8", "replace"), target)
    # A cp without these options (Alpine's), another file system below, or an error that is better raised by Python.
    try:
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    except shutil.Error as error:  # a list of what happened to each file
        _raise_full(str(error), target)
        first = error.args[0][0][2] if error.args and error.args[0] else "it cannot be copied"
        raise OSError(errno.EIO, str(first), str(target)) from None


def _raise_full(text: str, target: Path) -> None:
    for code, words in ((errno.ENOSPC, "No space left on device"), (errno.EDQUOT, "Disk quota exceeded")):
        if words in text:
            raise OSError(code, words, str(target))
