"""Images and what runs of them: ours against MLflow's, in one run, on one engine, base and package index.

Both build the example model on the same base: `deployer build`, and `mlflow models build-docker` with the slim Python
base. Both begin with nothing: no wheel, no layer. Packages come to both from a mirror on this machine that has them
all, since each has asked for all of them once before anything is timed. In a round ours comes first, then MLflow.

    (a) first build                      (d) size beyond the base
    (b) only the weights changed         (e) memory after warm-up
    (c) start to first prediction        (f) a second model     (g) bytes pushed for new weights

Prints a table with medians, writes reports/images.json, and ends with 1 when a goal is not met. Without an engine on
this machine, or without a base image that has Python, it says so and ends with 0. It takes a quarter of an hour.

    DEPLOYER_TEST_BASE_IMAGE      a Debian with Python, as tests/engine/up makes; by default python:3.11-slim
    DEPLOYER_TEST_GATEWAY_IMAGE   an image with HAProxy for the endpoint, by default the target's own
    DEPLOYER_BENCH_CACHE          where MLflow and wheels are kept, by default ~/.cache/deployer-bench
"""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.contest.engine import Engine, Unusable, connect  # noqa: E402 - found by the line above
from bench.contest.figures import document, table  # noqa: E402
from bench.contest.measuring import Counts, Measuring  # noqa: E402
from bench.contest.mirror import mirror  # noqa: E402
from bench.contest.mlflow_peer import Peer, fetched_pip, prepare  # noqa: E402
from bench.contest.models import Models  # noqa: E402
from bench.contest.running import Failed  # noqa: E402
from bench.contest.wire import registry  # noqa: E402

REPORT = ROOT / "reports" / "images.json"
BASE = os.environ.get("DEPLOYER_TEST_BASE_IMAGE") or "python:3.11-slim"
IDLE = 0.5
"""Load for each core, before the bench begins, above which others make its times longer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether the goals are met."""
    counts = _counts(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was made on the engine goes
    name = secrets.token_hex(3)
    try:
        return _measured(name, connect(name), counts)
    except Unusable as reason:
        print(f"images are not measured: {reason}")
        return 0


def _counts(arguments: Sequence[str] | None) -> Counts:
    parser = argparse.ArgumentParser(description="Measure images: ours against MLflow's.")
    for field, value in vars(Counts()).items():
        parser.add_argument(f"--{field.replace('_', '-')}", type=int, default=value, help=f"by default {value}")
    return Counts(**vars(parser.parse_args(arguments)))


def _measured(name: str, engine: Engine, counts: Counts) -> int:
    cache = Path(os.environ.get("DEPLOYER_BENCH_CACHE") or Path.home() / ".cache" / "deployer-bench")
    load = _load()
    with tempfile.TemporaryDirectory(prefix="bench-") as made, ExitStack() as stack:
        folder = Path(made)
        try:
            index = stack.enter_context(mirror(engine.gateway, cache / "files"))
        except OSError:
            raise Unusable(f"what is built cannot reach this machine at {engine.gateway or 'any address'}") from None
        wire = stack.enter_context(registry(folder / "registry"))
        stack.callback(engine.clean)
        try:
            peer = Peer(prepare(cache, index), engine, folder)
            models = Models(folder, peer.python)
            pip = fetched_pip(folder / "base", cache, index)
            contest = Measuring(name, engine, index, models, peer, folder, counts, wire)
            contest.warm(engine.base(BASE, pip, -1, index))
        except Failed as error:
            raise SystemExit(f"error: the bench cannot be prepared: {error}") from None
        for number in range(counts.rounds):
            contest.round(number, engine.base(BASE, pip, number, index))
        contest.conclude()
    return _told(contest, load)


def _load() -> tuple[float, float, float]:
    """Of the last 1, 5 and 15 minutes."""
    if sys.platform == "win32":
        return 0.0, 0.0, 0.0
    return os.getloadavg()


def _told(contest: Measuring, load: tuple[float, float, float]) -> int:
    cores = os.cpu_count() or 1
    about = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": cores, "load_before": load, "load_after": _load(), "system": platform.platform()},
        "engine": contest.engine.version,
        "base": BASE,
        "mlflow": contest.peer.version,
        "counts": vars(contest.counts),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(document(contest.figures, about))
    versions = f"MLflow {contest.peer.version}, Docker {contest.engine.version}"
    print(f"the iris example, {versions}, {cores} cores, load {load[0]:.1f} before; medians")
    print(*table(contest.figures), sep="\n")
    if load[0] / cores > IDLE:
        print(
            f"this machine was busy (load {load[0]:.1f}, {load[1]:.1f}, {load[2]:.1f}): times are longer than they are"
        )
    print(f"all of it: {REPORT.relative_to(ROOT)}")
    return 1 if contest.figures.short() else 0


if __name__ == "__main__":
    sys.exit(main())
