"""Updates in a row while requests come in: how many were lost, and how long each update took.

An endpoint is updated from one model to another and back, twenty times in a row, while eight connections send
predictions: once as fast as they are answered, once with pauses of 2 ms. On ``local``, and on ``docker`` where an
engine answers. Ends with 1 when a request failed. Needs a package index.

    --target             local or docker; by default both
    --updates            by default 20
    DEPLOYER_TEST_BASE_IMAGE, DEPLOYER_TEST_GATEWAY_IMAGE   as for bench/images.py
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.contest.running import Failed, Ran, clean_environment, run  # noqa: E402 - found by the line above

MODELS = (ROOT / "examples" / "models" / "iris", ROOT / "examples" / "models" / "iris-v2")
CONNECTIONS = 8
PAUSES = ("0", "0.002")
TARGETS = ("local", "docker")
SETTINGS = """\
[targets.docker]
defaults = {{config = {{drain = "5s"}}, image = {{base = "{base}"}}}}
gateway_image = "{gateway}"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether no request was lost."""
    parser = argparse.ArgumentParser(description="Measure updates in a row under load.")
    parser.add_argument("--target", choices=TARGETS, action="append", help="by default both")
    parser.add_argument("--updates", type=int, default=20, help="by default 20")
    asked = parser.parse_args(arguments)
    lost = 0
    for target in asked.target or TARGETS:
        if target == "docker" and not _engine_answers():
            print("docker: not measured, since no engine answers")
            continue
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            lost += _updated(target, Path(folder), asked.updates)
    return 1 if lost else 0


def _engine_answers() -> bool:
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


class Endpoint:
    """One endpoint of the bench, by the command line.

    Args:
        target: ``local`` or ``docker``.
        folder: For its settings, state and caches.
    """

    def __init__(self, target: str, folder: Path) -> None:
        self.target, self.name = target, f"bench-{secrets.token_hex(3)}"
        self._folder = folder
        places = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
        self._environment = clean_environment(**places, PYTHONPYCACHEPREFIX=str(folder / "pyc"))
        if target == "docker":
            base = os.environ.get("DEPLOYER_TEST_BASE_IMAGE") or "python:3.11-slim"
            gateway = os.environ.get("DEPLOYER_TEST_GATEWAY_IMAGE") or "haproxy:2.8"
            (folder / "deployer.toml").write_text(SETTINGS.format(base=base, gateway=gateway))

    def run(self, verb: str, *words: str) -> Ran:
        """A command on it, to its end."""
        command = Path(sys.executable).with_name("deployer")
        return run([command, verb, self.name, "--target", self.target, *words], self._environment, self._folder)


def _updated(target: str, folder: Path, updates: int) -> int:
    """How many requests were lost."""
    endpoint = Endpoint(target, folder)
    try:
        endpoint.run("create", "--model", str(MODELS[0]))
        url = json.loads(endpoint.run("status", "-o", "json").out)["url"]
        return sum(_under_load(endpoint, url, pause, updates) for pause in PAUSES)
    finally:
        endpoint.run("delete", "--yes", "--missing-ok")


def _under_load(endpoint: Endpoint, url: str, pause: str, updates: int) -> int:
    load = [sys.executable, str(ROOT / "examples" / "load.py"), url, str(ROOT / "examples" / "rows.csv")]
    load += ["--connections", str(CONNECTIONS), "--pause", pause]
    seconds: list[float] = []
    began = time.perf_counter()
    with subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as sending:
        try:
            wanted = [str(MODELS[(number + 1) % 2]) for number in range(updates)]
            seconds.extend(endpoint.run("update", "--model", model).seconds for model in wanted)
        finally:
            sending.terminate()
            counted = json.loads(sending.communicate(timeout=120)[0])
    lasted = time.perf_counter() - began
    paused = "closed loop" if pause == "0" else f"pauses of {float(pause) * 1000:.0f} ms"
    print(
        f"{endpoint.target}, {CONNECTIONS} connections, {paused}: {updates} updates in a row, {counted['requests']} "
        f"requests in {lasted:.0f} s, {counted['failures']} failed; an update took {statistics.median(seconds):.1f} s "
        f"(median), {max(seconds):.1f} s (longest)",
        flush=True,
    )
    if counted["failures"]:
        print(json.dumps(counted, indent=2))
    return int(counted["failures"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"not measured: {failed}")
