"""Runs a printed command in a shell with a program in the place of the real one that writes down its words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SHELLS = [shell for shell in ("sh", "bash", "zsh") if shutil.which(shell)]

_WRITES_DOWN = """#!{python}
import json, os, sys
with open(os.environ["WORDS_GO_TO"], "w") as file:
    json.dump(sys.argv[1:], file)
"""


def words_in(
    shell: str, line: str, folder: Path, *, program: str = "deployer", variables: Mapping[str, str] | None = None
) -> list[str]:
    """The words that a program gets when the line is pasted into a shell without any settings."""
    double = folder / "bin" / program
    double.parent.mkdir(exist_ok=True)
    double.write_text(_WRITES_DOWN.format(python=sys.executable))
    double.chmod(0o755)
    told = folder / "words.json"
    environment = {**os.environ, **(variables or {}), "PATH": f"{double.parent}:{os.environ['PATH']}"}
    options = {"zsh": ["-f"], "bash": ["--norc"], "sh": []}[shell]
    subprocess.run([shell, *options, "-c", line], env={**environment, "WORDS_GO_TO": str(told)}, check=True, timeout=30)
    found: list[str] = json.loads(told.read_text())
    return found
