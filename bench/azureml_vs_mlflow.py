"""deployer against ``mlflow deployments`` with azureml-mlflow: calls, orphans, and whether one is told why.

Both deploy to the double of Azure ML (`deployer.testing.azureml`), in one run; each scene has a double of its own, so
that whatever is there afterwards is that scene's. Containers are threads that answer both, since building an image of
an MLflow model, which azureml-mlflow leaves to Azure, is nothing that a double does. azureml-mlflow comes by Azure's
own names through the double's proxy, with its models registered before; it stands in an environment of its own, since
it pins an old MLflow. Needs a registry of tests/engine/up for deployer's own images, and a package index.

    --at-once            scenes at once, by default 3
    --only deployer|mlflow   one side alone, to try it
    --report FILE        all of it as JSON
    DEPLOYER_BENCH_CACHE          where azureml-mlflow and layers are kept, by default ~/.cache/deployer-bench
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

from bench.contest.azure_hosting import Counted, Place, Said, Side  # noqa: E402 - found by the line above
from deployer.testing.azureml import Spawned  # noqa: E402

PEER = "azureml-mlflow==1.62.0.post6"
MODELS = (ROOT / "examples" / "models" / "iris", ROOT / "examples" / "models" / "iris-v2")
LEFT = ("endpoint", "deployment", "environment", "autoscale", "model", "blob")
IMPATIENT = 60.0
"""Seconds that a person waits in scenes where Azure does."""
_TAKES = 5.0
"""Seconds that Azure takes for what it does while nobody knows; in truth minutes."""
_DENIED = {"error": "AuthorizationFailed", "status": 403, "times": 99}


@dataclass(frozen=True)
class Scene:
    """One thing that goes wrong.

    Attributes:
        what: For people.
        why: What a person has to read to know the cause: a pattern. Empty where the command can go well all the same.
        prepare: Lets it happen.
        verb: Which command it happens to: ``create``, ``update``, ``delete``.
        fault: What the containers do.
        waits: Whether Azure never comes to an end, and the person has had enough after `IMPATIENT` seconds.
    """

    what: str
    why: str = ""
    prepare: Callable[[Place], Any] = lambda _place: None
    verb: str = "create"
    fault: str = ""
    waits: bool = False


@dataclass
class Seen:
    """What a side did in a scene.

    Attributes:
        code: Its exit code.
        told: Whether the cause is in what it said.
        left: What was there afterwards and had not been before, by kind.
        kept: Whether clients reach what they reached before; None where that is no question.
        seconds: How long it took.
        said: Its last lines.
    """

    code: int
    told: bool
    left: Mapping[str, int]
    kept: bool | None
    seconds: float
    said: list[str] = field(default_factory=list)


def _faults(*operations: str, **more: Any) -> Callable[[Place], Any]:
    """The two sides do some things by different calls: each fault waits for its own."""
    told = [{"operation": each, **more} for each in operations]
    return lambda place: place.double.tell("POST", "faults", told)


def _denied(operation: str, action: str) -> Callable[[Place], Any]:
    words = (
        "The client 'x' with object id 'x' does not have authorization to perform action "
        f"'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/{action}' over scope 'y' or the scope is "
        "invalid."
    )
    return _faults(operation, message=words, **_DENIED)


def _quota(cores: int) -> Callable[[Place], Any]:
    return lambda place: place.double.tell("PUT", "quotas", {"standardDSv2Family": cores})


_TRAFFIC = ("PutEndpoint", "PatchEndpoint")
_SHORT = "(?i)not enough quota"

SCENES = (
    Scene("create: the quota is used up", _SHORT, _quota(0)),
    Scene("create: the image cannot be pulled", "(?i)(pull|download)[^.]* image",
          _faults("PutDeployment", outcome="Failed", reason="image")),
    Scene("create: the container cannot import a package", "tabulate", fault="load"),
    Scene("create: it does not answer its probe", "(?i)probe",
          _faults("PutDeployment", outcome="Failed", reason="liveness")),
    Scene("create: Azure has no such machines", "(?i)capacity",
          _faults("PutDeployment", outcome="Failed", reason="capacity")),
    Scene("create: somebody in the region has the name", "(?i)unique within a region",
          lambda place: place.double.tell("PUT", "taken", ["iris"])),
    Scene("create: no right to write deployments", "deployments/write", _denied("PutDeployment", "deployments/write")),
    Scene("create: Azure never comes to an end", "(?i)not (ready|healthy) after|timed out",
          _faults("PutDeployment", outcome="Stuck"), waits=True),
    Scene("create: an answer is lost", "", _faults("PutDeployment", lost=True, delay=_TAKES)),
    Scene("create: Azure throttles", "", _faults("PutEndpoint", error="TooManyRequests", status=429, retry=1)),
    Scene("update: the container cannot import a package", "tabulate", verb="update", fault="load"),
    Scene("update: the quota is enough for one alone", _SHORT, _quota(8),
          verb="update"),
    Scene("update: traffic cannot be moved", "(?i)internal error",
          _faults(*_TRAFFIC, outcome="Failed", reason="service"), verb="update"),
    Scene("update: no right to write the endpoint", "onlineEndpoints/write",
          lambda place: [_denied(each, "write")(place) for each in _TRAFFIC], verb="update"),
    Scene("delete: an answer is lost", "", _faults("DeleteEndpoint", lost=True, delay=_TAKES), verb="delete"),
)  # fmt: skip


class Bench:
    """The scenes of each side.

    Args:
        folder: For what is made meanwhile.
        registry: Where deployer's images are.
    """

    def __init__(self, folder: Path, registry: str) -> None:
        self._folder, self._registry = folder, registry

    def counted(self, side: Side) -> dict[str, Counted | int]:
        """The calls of a create, an update and a delete that go well, and how many things are left."""
        found: dict[str, Counted | int] = {}

        def scene(place: Place) -> None:
            side.prepare(place)
            before = place.things()
            for verb in (side.create, side.update, side.delete):
                place.calls()
                _well(verb(place))
                found[verb.__name__] = place.calls()
            found["left"] = len(place.things() - before)

        self._on_a_double(scene)
        return found

    def seen(self, side: Side, scene: Scene) -> Seen:
        """What a side does in a scene."""
        found: list[Seen] = []

        def play(place: Place) -> None:
            side.prepare(place)
            if scene.verb != "create":
                _well(side.create(place))
            before, traffic = place.things(), place.traffic()
            scene.prepare(place)
            said = self._said(side, scene, place)
            new = sorted(place.things() - before)
            left = {kind: len([each for each in new if each.startswith(f"{kind} ")]) for kind in LEFT}
            told = bool(scene.why) and re.search(scene.why, _answer(said.text)) is not None
            kept = place.traffic() == traffic if scene.verb == "update" else None
            found.append(Seen(said.code, told, left, kept, round(said.seconds, 1), said.text.splitlines()[-12:]))

        self._on_a_double(play)
        return found[0]

    def _said(self, side: Side, scene: Scene, place: Place) -> Said:
        if scene.verb == "delete":
            return side.delete(place)
        verb = side.update if scene.verb == "update" else side.create
        return verb(place, scene.fault, IMPATIENT) if scene.waits else verb(place, scene.fault)

    def _on_a_double(self, play: Callable[[Place], None]) -> None:
        words = ["--in-process", "bench.contest.azure_hosted:containers", "--built", "azure:1", "--proxy"]
        words += ["--registry", self._registry, "--registry-prefix", f"bench-{secrets.token_hex(3)}/"]
        # azureml-mlflow asks every 30 s, where Azure does not say when.
        words += ["--retry-after", "250"]
        with tempfile.TemporaryDirectory(dir=self._folder) as folder, Spawned(words) as double:
            (Path(folder) / ".git").mkdir()
            play(Place(double, Path(folder)))


def _answer(text: str) -> str:
    """What a command said, in one line, since terminals break them; without what repeats what it was asked for."""
    return " ".join(" ".join(line for line in text.splitlines() if not line.startswith("Usage:")).split())


def _well(said: Said) -> Said:
    if said.code != 0:
        raise SystemExit(f"not measured: a command that was to go well ended with {said.code}\n{said.text}")
    return said


def good(scene: Scene, seen: Seen) -> bool:
    """Whether it went as it should: done where that is possible, else without a trace, and with the cause told."""
    if not scene.why:
        return seen.code == 0
    return bool(seen.code) and seen.told and not any(seen.left.values()) and seen.kept is not False


def cell(scene: Scene, seen: Seen) -> str:
    """What is left, and whether one is told, of one side in one scene."""
    if not scene.why:
        return "done | " if seen.code == 0 else f"failed; {_left(seen.left)} | "
    words = _left(seen.left) + ("" if seen.kept is not False else "; traffic changed")
    return f"{words} | {'told' if seen.told else 'not told'}"


def table(names: Sequence[str], calls: Sequence[Mapping[str, Counted | int]], scenes: Sequence[Sequence[Seen]]) -> str:
    """For people, as Markdown."""
    lines = [f"| calls to Azure (that change something; polls) | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    lines += [
        f"| {verb} | {' | '.join(_calls(each[verb]) for each in calls)} |" for verb in ("create", "update", "delete")
    ]
    lines.append(f"| left after the delete | {' | '.join(str(each['left']) for each in calls)} |")
    lines += ["", f"| what goes wrong | {' | '.join(f'{name}: left | why' for name in names)} |"]
    lines.append("|---|" + "---|---|" * len(names))
    for scene, seen in zip(SCENES, scenes, strict=True):
        lines.append(f"| {scene.what} | {' | '.join(cell(scene, each) for each in seen)} |")
    sides, total = [*zip(*scenes, strict=True)], len([each for each in SCENES if each.why])
    sums = [
        f"{sum(sum(each.left.values()) for scene, each in zip(SCENES, side, strict=True) if scene.why or each.code)}"
        f" | {sum(each.told for scene, each in zip(SCENES, side, strict=True) if scene.why)} of {total}"
        for side in sides
    ]
    return "\n".join([*lines, f"| in all | {' | '.join(sums)} |"])


def _calls(counted: Counted | int) -> str:
    return f"{counted.all} ({counted.changes}; {counted.polls})" if isinstance(counted, Counted) else str(counted)


def _left(left: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in left.items() if count) or "nothing"


def _peer(cache: Path) -> Path:
    """MLflow's command, of an environment of its own with azureml-mlflow; made once."""
    folder = cache / PEER.replace("==", "-")
    if not (folder / "bin" / "mlflow").exists():
        uv = [str(Path(sys.executable).with_name("uv")), "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
        into = ["--compile-bytecode", "--python", str(folder / "bin" / "python")]
        subprocess.run([*uv, "pip", "install", *into, PEER], check=True)
    return folder / "bin" / "mlflow"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether deployer did as it promises."""
    parser = argparse.ArgumentParser(description="Compare with azureml-mlflow's deployments to Azure ML.")
    parser.add_argument("--at-once", type=int, default=3, help="scenes at once, by default 3")
    parser.add_argument("--only", choices=["deployer", "mlflow"], help="one side alone")
    parser.add_argument("--report", type=Path, help="all of it as JSON")
    asked = parser.parse_args(arguments)
    registry, base = (os.environ.get(f"DEPLOYER_TEST_{each}") for each in ("REGISTRY", "BASE_IMAGE"))
    if not registry or not base:
        print("not measured: no registry; run: tests/engine/up FOLDER && set -a && . FOLDER/env")
        return 0
    cache = Path(os.environ.get("DEPLOYER_BENCH_CACHE") or Path.home() / ".cache" / "deployer-bench")
    cache.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = str(ROOT)  # the double finds its containers
    programs = {"deployer": Path(sys.executable).with_name("deployer"), "mlflow": _peer(cache)}
    sides = [
        Side(name, program, MODELS, base, cache / "hosting")
        for name, program in programs.items()
        if asked.only in (None, name)
    ]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ThreadPoolExecutor(asked.at_once) as pool:
        bench = Bench(Path(folder), registry)
        calls = [*pool.map(bench.counted, sides)]
        waiting = [[pool.submit(bench.seen, side, scene) for side in sides] for scene in SCENES]
        scenes = [[each.result() for each in row] for row in waiting]
    print(table([side.name for side in sides], calls, scenes))
    if asked.report:
        asked.report.write_text(json.dumps(_report(sides, calls, scenes), indent=2) + "\n")
    if asked.only == "mlflow":
        return 0
    bad = [scene.what for scene, seen in zip(SCENES, scenes, strict=True) if not good(scene, seen[0])]
    for each in bad:
        print(f"not as promised: {each}", file=sys.stderr)
    return 1 if bad or calls[0]["left"] else 0


def _report(
    sides: Sequence[Side], calls: Sequence[Mapping[str, Counted | int]], scenes: Sequence[Sequence[Seen]]
) -> dict[str, Any]:
    numbers = [
        {verb: asdict(each) if isinstance(each, Counted) else each for verb, each in one.items()} for one in calls
    ]
    told = [
        {"what": scene.what, **{side.name: asdict(each) for side, each in zip(sides, seen, strict=True)}}
        for scene, seen in zip(SCENES, scenes, strict=True)
    ]
    return {"peer": PEER, "calls": dict(zip([side.name for side in sides], numbers, strict=True)), "scenes": told}


if __name__ == "__main__":
    sys.exit(main())
