"""A model of 12 GB on the Docker target, its weights mounted: how much memory the command takes, and how long.

The example model with a sparse file of that size beside it, which nobody loads: it is planned, created, called and
updated to another one of the same size. Prints wall time and the command's peak memory for each, and ends with 1 when
one takes more than the goal. Needs an engine on this machine, a package index, and three times the size on its disk.

    --gigabytes          by default 12
    DEPLOYER_TEST_BASE_IMAGE, DEPLOYER_TEST_GATEWAY_IMAGE   as for bench/images.py
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.contest.running import clean_environment  # noqa: E402 - found by the line above

MODELS = (ROOT / "examples" / "models" / "iris", ROOT / "examples" / "models" / "iris-v2")
GOAL = 200
"""Megabytes of memory that a command may take at its peak; it does not depend on the model's size."""
SETTINGS = """\
target = "docker"
[targets.docker]
gateway_image = "{gateway}"
defaults = {{image = {{base = "{base}", weights = "mount"}}, config = {{drain = "5s"}}, health = {{timeout = "1800s"}}}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description="Measure a large model with mounted weights.")
    parser.add_argument("--gigabytes", type=int, default=12, help="by default 12")
    size = parser.parse_args(arguments).gigabytes * 2**30
    try:
        docker("version")
    except (OSError, subprocess.CalledProcessError):
        print("a large model is not measured, since no engine answers")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        return _measured(Path(made), size)


def _measured(folder: Path, size: int) -> int:
    base = os.environ.get("DEPLOYER_TEST_BASE_IMAGE") or "python:3.11-slim"
    gateway = os.environ.get("DEPLOYER_TEST_GATEWAY_IMAGE") or "haproxy:2.8"
    (folder / "deployer.toml").write_text(SETTINGS.format(base=base, gateway=gateway))
    models = [_large(model, folder / model.name, size) for model in MODELS]
    before = _weights()
    name, peaks = f"bench-{secrets.token_hex(3)}", []
    environment = clean_environment(XDG_CACHE_HOME=str(folder / "cache"), PYTHONPYCACHEPREFIX=str(folder / "pyc"))

    def deployer(*words: str) -> None:
        peaks.append(_told(folder, environment, *words))

    try:
        deployer("plan", name, "--model", str(models[0]))
        deployer("create", name, "--model", str(models[0]))
        deployer("create", name, "--model", str(models[0]))
        deployer("predict", name, "-i", str(ROOT / "examples" / "rows.csv"))
        deployer("update", name, "--model", str(models[1]))
    finally:
        _told(folder, environment, "delete", name, "--yes", "--missing-ok")
        docker("volume", "rm", *(_weights() - before))
    return 0 if max(peaks) < GOAL else 1


def docker(*words: str) -> str:
    """What docker says."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def _weights() -> set[str]:
    return {*docker("volume", "ls", "-q", "--filter", "name=deployer.weights.").split()}


def _large(model: Path, into: Path, size: int) -> Path:
    shutil.copytree(model, into)
    with (into / "weights.bin").open("wb") as file:
        file.write(model.name.encode())  # so that the two differ
        file.truncate(size)
    return into


def _told(folder: Path, environment: dict[str, str], *words: str) -> float:
    """Run a command, print what it took, and give its peak memory in MB."""
    if sys.platform == "win32":
        raise SystemExit("a large model is not measured: Windows does not tell a process's peak memory this way")
    began = time.perf_counter()
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("deployer"), *words], env=environment, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"deployer {' '.join(words)} ended with {process.returncode}\n{log.read_text()[-3000:]}")
    seconds, peak = time.perf_counter() - began, usage.ru_maxrss * 1024 / 1e6
    print(f"{words[0]:<10}{seconds:8.1f} s{peak:8.0f} MB at its peak", flush=True)
    return peak


if __name__ == "__main__":
    sys.exit(main())
