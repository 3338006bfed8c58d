"""deployer against MLflow's ``mlflow deployments create -t sagemaker``: calls, orphans, and whether one is told why.

Both deploy the example models on the double of SageMaker (`deployer.testing.sagemaker`), in one run; each scene has a
double of its own, so that whatever is there afterwards is that scene's. Containers are threads that answer both, since
MLflow's image takes a registry of the world to build; MLflow is given an ``image_url`` instead. Needs a registry of
tests/engine/up for deployer's own images, and a package index.

    --at-once            scenes at once, by default 3; MLflow's commands mostly sleep
    --report FILE        all of it as JSON
    DEPLOYER_BENCH_CACHE          where MLflow and layers are kept, by default ~/.cache/deployer-bench
    DEPLOYER_TEST_REGISTRY, DEPLOYER_TEST_BASE_IMAGE   as tests/engine/up tells them

Ends with 1 when deployer leaves something behind, or does not say why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.contest.hosting import Place, Said, Side  # noqa: E402 - found by the line above
from bench.contest.models import requirements  # noqa: E402
from deployer.testing.sagemaker import Spawned  # noqa: E402

MODELS = (ROOT / "examples" / "models" / "iris", ROOT / "examples" / "models" / "iris-v2")
LEFT = ("endpoint", "configuration", "model", "object")
_DENIED = {"error": "AccessDeniedException", "status": 400}


@dataclass(frozen=True)
class Scene:
    """One failure.

    Attributes:
        what: For people.
        why: What a person has to read to know the cause: a pattern.
        prepare: Lets it happen.
        update: Whether it is an update of an endpoint that serves; else a create.
        fault: What the containers do.
        role: The execution role.
    """

    what: str
    why: str
    prepare: Callable[[Place], Any] = lambda _place: None
    update: bool = False
    fault: str = ""
    role: str = "serving"


@dataclass
class Seen:
    """What a side did in a scene.

    Attributes:
        code: Its exit code.
        told: Whether the cause is in what it said.
        left: What was there afterwards and had not been before, by kind.
        seconds: How long the command took.
        said: Its last lines.
    """

    code: int
    told: bool
    left: Mapping[str, int]
    seconds: float
    said: list[str] = field(default_factory=list)


def _fault(operation: str, **more: Any) -> Callable[[Place], Any]:
    return lambda place: place.double.fault(operation, **more)


def _denied(action: str) -> Callable[[Place], Any]:
    words = f"User: arn:aws:iam::123456789012:user/deployer is not authorized to perform: sagemaker:{action}"
    return _fault(action, **_DENIED, message=words, times=20)


SCENES = (
    Scene("create: the container cannot import a package", "tabulate", fault="load"),
    Scene("create: AWS has no such instances", "(?i)capacity",
          _fault("CreateEndpoint", outcome="Failed", reason="capacity")),
    Scene("create: the quota is used up", "(?i)ml.m5.large for endpoint usage",
          lambda place: place.double.tell("PUT", "quotas", {"ml.m5.large": 0})),
    Scene("create: there is no such execution role", "nobody", role="nobody"),
    Scene("create: no right to CreateEndpoint", "sagemaker:CreateEndpoint", _denied("CreateEndpoint")),
    Scene("create: the role may not read the image", "(?i)image",
          _fault("CreateEndpoint", outcome="Failed", reason="images")),
    Scene("update: the container cannot import a package", "tabulate", update=True, fault="load"),
    Scene("update: AWS takes it back, without capacity", "(?i)capacity",
          _fault("UpdateEndpoint", outcome="RolledBack", reason="capacity"), update=True),
    Scene("update: taking it back fails, too", "UpdateRollbackFailed|(?i:roll.?back (has )?failed|take.* back)",
          _fault("UpdateEndpoint", outcome="UpdateRollbackFailed", reason="capacity"), update=True),
    Scene("update: no right to UpdateEndpoint", "sagemaker:UpdateEndpoint", _denied("UpdateEndpoint"), update=True),
)  # fmt: skip


class Bench:
    """The scenes of both sides.

    Args:
        sides: Ours, and MLflow's.
        folder: For what is made meanwhile.
        registry: Where deployer's images are.
    """

    def __init__(self, sides: tuple[Side, Side], folder: Path, registry: str) -> None:
        self.sides, self._folder, self._registry = sides, folder, registry

    def counted(self, side: Side) -> dict[str, tuple[int, int, float]]:
        """Calls, changing calls and seconds of a create, an update and a delete that go well."""
        found: dict[str, tuple[int, int, float]] = {}

        def scene(place: Place) -> None:
            side.prepare(place)
            for verb in (side.create, side.update, side.delete):
                place.calls()
                said = _well(verb(place))
                found[verb.__name__] = (*place.calls(), round(said.seconds, 1))
            found["left"] = (len(place.things()), 0, 0.0)

        self._on_a_double(scene)
        return found

    def seen(self, side: Side, scene: Scene) -> Seen:
        """What a side does in a scene."""
        found: list[Seen] = []

        def play(place: Place) -> None:
            side.prepare(place)
            if scene.update:
                _well(side.create(place))
            before = place.things()
            scene.prepare(place)
            said = side.update(place, scene.fault) if scene.update else side.create(place, scene.role, scene.fault)
            new = sorted(place.things() - before)
            left = {kind: len([each for each in new if each.startswith(f"{kind} ")]) for kind in LEFT}
            told = re.search(scene.why, _answer(said.text)) is not None
            found.append(Seen(said.code, told, left, round(said.seconds, 1), said.text.splitlines()[-12:]))

        self._on_a_double(play)
        return found[0]

    def _on_a_double(self, play: Callable[[Place], None]) -> None:
        prefix = f"bench-{secrets.token_hex(3)}/"
        words = ["--in-process", "bench.contest.hosted:containers", "--registry", self._registry]
        words += ["--registry-proxy", "--registry-prefix", prefix]
        with tempfile.TemporaryDirectory(dir=self._folder) as folder, Spawned(words) as double:
            (Path(folder) / ".git").mkdir()
            play(Place(double, Path(folder), f"{self._registry}/{prefix}"))


def _answer(text: str) -> str:
    """What a command said, without the lines that repeat what it was asked for."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("Usage:"))


def _well(said: Said) -> Said:
    if said.code != 0:
        raise SystemExit(f"not measured: a command that was to go well ended with {said.code}\n{said.text}")
    return said


def table(bench: Bench, calls: Sequence[Mapping[str, tuple[int, int, float]]], scenes: Sequence[Sequence[Seen]]) -> str:
    """For people, as Markdown."""
    names = [side.name for side in bench.sides]
    lines = [f"| calls to AWS (that change something) | {' | '.join(names)} |", "|---|---:|---:|"]
    lines += [
        f"| {verb} | {' | '.join(f'{each[verb][0]} ({each[verb][1]})' for each in calls)} |"
        for verb in ("create", "update", "delete")
    ]
    lines.append(f"| left after the delete | {' | '.join(str(each['left'][0]) for each in calls)} |")
    lines += [
        "",
        f"| what goes wrong | {' | '.join(f'{name}: left | why' for name in names)} |",
        "|---|---|---|---|---|",
    ]
    for scene, seen in zip(SCENES, scenes, strict=True):
        cells = " | ".join(f"{_left(each.left)} | {'told' if each.told else 'not told'}" for each in seen)
        lines.append(f"| {scene.what} | {cells} |")
    sums = [sum(sum(each[number].left.values()) for each in scenes) for number in range(len(names))]
    told = [sum(each[number].told for each in scenes) for number in range(len(names))]
    total = " | ".join(f"{left} | {count} of {len(SCENES)}" for left, count in zip(sums, told, strict=True))
    return "\n".join([*lines, f"| in all | {total} |"])


def _left(left: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in left.items() if count) or "nothing"


def _mlflow(cache: Path) -> Path:
    """MLflow's command, of an environment of its own with boto3; made once."""
    version = requirements()["mlflow-skinny"]
    folder = cache / f"mlflow-hosting-{version}"
    if not (folder / "bin" / "mlflow").exists():
        uv = [str(Path(sys.executable).with_name("uv")), "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
        into = ["--compile-bytecode", "--python", str(folder / "bin" / "python")]
        subprocess.run([*uv, "pip", "install", *into, f"mlflow=={version}", "boto3"], check=True)
    return folder / "bin" / "mlflow"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether deployer did as it promises."""
    parser = argparse.ArgumentParser(description="Compare with MLflow's deployments to SageMaker.")
    parser.add_argument("--at-once", type=int, default=3, help="scenes at once, by default 3")
    parser.add_argument("--report", type=Path, help="all of it as JSON")
    asked = parser.parse_args(arguments)
    registry, base = (os.environ.get(f"DEPLOYER_TEST_{each}") for each in ("REGISTRY", "BASE_IMAGE"))
    if not registry or not base:
        print("not measured: no registry; run: tests/engine/up FOLDER && set -a && . FOLDER/env")
        return 0
    cache = Path(os.environ.get("DEPLOYER_BENCH_CACHE") or Path.home() / ".cache" / "deployer-bench")
    cache.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = str(ROOT)  # the double finds its containers
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ours = Side("deployer", Path(sys.executable).with_name("deployer"), MODELS, base, cache / "hosting")
        bench = Bench((ours, Side("mlflow", _mlflow(cache), MODELS, base, cache / "hosting")), Path(folder), registry)
        with ThreadPoolExecutor(asked.at_once) as pool:
            calls = [*pool.map(bench.counted, bench.sides)]
            waiting = [[pool.submit(bench.seen, side, scene) for side in bench.sides] for scene in SCENES]
            scenes = [[each.result() for each in row] for row in waiting]
    print(table(bench, calls, scenes))
    if asked.report:
        told = [{"what": scene.what, **{side.name: asdict(each) for side, each in zip(bench.sides, seen, strict=True)}}
                for scene, seen in zip(SCENES, scenes, strict=True)]  # fmt: skip
        asked.report.write_text(json.dumps({"calls": calls, "scenes": told}, indent=2) + "\n")
    good = all(seen[0].told and not any(seen[0].left.values()) and seen[0].code for seen in scenes)
    return 0 if good and not calls[0]["left"][0] else 1


if __name__ == "__main__":
    sys.exit(main())
