"""A command, timed, with its lines and when they came."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Failed", "Ran", "clean_environment", "run", "steps"]

_STEP = re.compile(r"Step \d+/\d+ : (.*)")
"""How the classic builder announces each of a Dockerfile's instructions."""


class Failed(Exception):
    """A command did not end well; says its last lines."""


@dataclass(frozen=True)
class Ran:
    """A command that ended well.

    Attributes:
        seconds: Wall time.
        out: What it wrote to stdout.
        lines: All that it wrote, and the seconds after its start when each line came.
    """

    seconds: float
    out: str
    lines: tuple[tuple[float, str], ...]


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's variables without those that change what is installed, or keep bytecode from being written."""
    mine = re.compile(r"(DEPLOYER|XDG|UV|MLFLOW|PIP)_|PYTHON(PATH|HOME|DONTWRITEBYTECODE|PYCACHEPREFIX)$|VIRTUAL_ENV$")
    return {name: value for name, value in os.environ.items() if not mine.match(name)} | settings


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Ran:
    """Run it to its end.

    Raises:
        Failed: It did not end with 0.
    """
    lines: list[tuple[float, str]] = []
    errors = folder / "stderr"
    began = time.perf_counter()
    with (
        errors.open("w") as told,
        subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told,
            text=True, errors="replace",
        ) as process,
    ):  # fmt: skip
        lines.extend((time.perf_counter() - began, line.rstrip()) for line in process.stdout or ())
    seconds = time.perf_counter() - began
    out = "".join(f"{line}\n" for _, line in lines)
    if process.returncode:
        said = " ".join(map(str, command))[:300]
        raise Failed(f"{said}\nended with {process.returncode}:\n" + _tail(out) + _tail(errors.read_text()))
    return Ran(seconds, out, tuple(lines))


def steps(ran: Ran) -> list[tuple[str, float]]:
    """The instructions of a Dockerfile that the classic builder went through, and the seconds of each; else nothing."""
    found = [(at, match[1]) for at, line in ran.lines if (match := _STEP.match(line))]
    times = [*(at for at, _ in found), ran.seconds]
    return [(what, end - at) for (at, what), end in zip(found, times[1:], strict=True)]


def _tail(text: str, count: int = 30) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines()[-count:])
