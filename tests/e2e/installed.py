"""The command as a person installs it: of the wheel, in an environment that holds what it requires and nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from tests.e2e.commandline import REPOSITORY
from tests.e2e.kept import made_once

__all__ = ["installed_command"]


def installed_command(folder: Path, extra: str, uv_cache: Path) -> Path:
    """The ``deployer`` of an environment in a folder; what the wheel and its extra require is installed once."""
    uv = [find_uv_bin(), "--quiet", "--cache-dir", str(uv_cache)]

    def run(*words: str | Path) -> None:
        subprocess.run([*uv, *map(str, words)], check=True, cwd=folder)

    run("build", "--wheel", "--out-dir", folder, REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    said = hashlib.sha256("\n".join((sys.version, extra, (REPOSITORY / "pyproject.toml").read_text())).encode())

    def make(place: Path) -> None:
        run("venv", "--python", sys.executable, place)
        python = place / "bin" / "python"
        run("pip", "install", "--python", python, "--compile-bytecode", f"{wheel}[{extra}]")
        run("pip", "uninstall", "--python", python, "mlflow-deployer")

    kept = made_once(f"required-{extra}-{said.hexdigest()[:12]}", make)
    run("venv", "--python", sys.executable, folder / "v")
    (packages,) = (folder / "v" / "lib").glob("python*/site-packages")
    (required,) = (kept / "lib").glob("python*/site-packages")
    (packages / "required.pth").write_text(f"{required}\n")
    into = ("--python", folder / "v" / "bin" / "python", "--no-deps", "--compile-bytecode")
    run("pip", "install", *into, wheel)
    return folder / "v" / "bin" / "deployer"
