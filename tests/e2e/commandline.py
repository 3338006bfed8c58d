"""Runs the real command line in a process of its own, and puts what differs from run to run out of its output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "examples" / "models"
ROWS = REPOSITORY / "examples" / "rows.csv"
DEPLOYER = Path(sys.executable).with_name("deployer")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """What it said to people, without what differs from run to run."""
        return steady(self.err)

    @property
    def data(self) -> str:
        """What it wrote to stdout, the same way."""
        return steady(self.out)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own, with the commands of this installation on the PATH."""
    return {**os.environ, "PATH": f"{DEPLOYER.parent}{os.pathsep}{os.environ['PATH']}", "USER": "ada", **(more or {})}


def deployer(
    *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = "", timeout: float = 120
) -> Done:
    """Run ``deployer WORDS`` without a terminal."""
    done = subprocess.run(
        [DEPLOYER, *words], cwd=cwd, env=environment(env), input=stdin, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip
    return Done(words, done.returncode, done.stdout, done.stderr)


def shell(name: str, line: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Paste a line into a shell without any settings."""
    options = {"zsh": ["-f"], "bash": ["--norc"], "sh": []}[name]
    done = subprocess.run(
        [name, *options, "-c", line], cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    return Done((name, line), done.returncode, done.stdout, done.stderr)


_REVISION = re.compile(r"\br[0-9a-f]{7}\b")
_TIME = re.compile(r" +\d+\.\d s\b")
_TAKEN = re.compile(r"\((\d+ m )?\d+(\.\d)? s\)")
_AGO = re.compile(r"\b(just now|\d+ (second|minute)s? ago)")


def steady(text: str) -> str:
    """Revisions by their order (R1, R2), no times, models by their names."""
    text = text.replace(f"{MODELS}/", "")
    for number, revision in enumerate(dict.fromkeys(_REVISION.findall(text)), 1):
        text = text.replace(revision, f"R{number}")
    text = _TAKEN.sub("(N s)", text)
    text = _TIME.sub("", text)
    text = re.sub(
        r"\S+@\S+", lambda found: "WHO" if found[0].split("@")[0] in ("ada", "root", "you") else found[0], text
    )
    return "\n".join(line.rstrip() for line in _AGO.sub("AGO", text).splitlines())


def commands_in(text: str) -> list[str]:
    """The commands that a text prints for the reader: from ``deployer`` to the line's end."""
    return [found[1] for found in re.finditer(r"(?:^|  )(deployer [a-z].*)$", text, re.MULTILINE)]


def written(done: Done, path: Path) -> str:
    """What a command printed, as a file: its path."""
    assert done.code == 0, done.err
    path.write_text(done.out)
    return str(path)
