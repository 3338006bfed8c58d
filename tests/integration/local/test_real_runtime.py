"""With the serving runtime itself, and models that MLflow loads: updates without loss, and what is diagnosed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import deployer.serving
from deployer.endpoint import Code, Diagnosis, Phase
from deployer.target import EnvironmentSink, Request, Target
from deployer_local.requests import artifacts_of
from deployer_local.target import LocalTarget
from tests.integration.local import place as places
from tests.integration.local.conftest import _end
from tests.integration.local.load import Load
from tests.integration.local.models import write_model
from tests.integration.local.place import LocalPlace, eventually, serves

BODY = b'{"dataframe_split": {"columns": ["a"], "data": [[1.0], [2.5]]}}'


class RealPlace(LocalPlace):
    """As `LocalPlace`, with the runtime and real models."""

    patience = 60.0

    def deliver(self, target: Target, spec: Any, release: Any) -> None:
        sink = target.sink(spec.name)
        assert isinstance(sink, EnvironmentSink)
        model, environment, runtime = (sink.folder / path for path in artifacts_of(release))
        lot = spec.model.removeprefix("models:/conformance-").removesuffix("/1")
        places._whole(model, lambda folder: write_model(folder, lot))
        places._whole(environment, places._environment)
        places._whole(runtime, _runtime)

    def request(self) -> Request:
        return Request(body=BODY, headers={"Content-Type": "application/json"}, timeout=20)


def _runtime(folder: Path) -> None:
    source = Path(deployer.serving.__file__).parent
    shutil.copytree(source, folder / "deployer_serving", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__main__.py").write_text("from deployer_serving.main import main\n\nraise SystemExit(main())\n")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RealPlace]:
    place = RealPlace(tmp_path / "local")
    yield place
    _end(place)


def test_an_update_under_load_loses_no_request(place: RealPlace, target: Target) -> None:
    writer = place.serving(target, "iris", replicas=2)
    first, second = place.release().revision, place.release("second").revision
    assert json.loads(target.invoke("iris", place.request()).body) == {"predictions": [2.0, 5.0]}
    seen = target.observe("iris")
    assert seen is not None
    with Load(seen.url or "", body=BODY) as closed, Load(seen.url or "", pause=0.002, body=BODY) as paused:
        eventually(lambda: closed.answered[first] > 50 and paused.answered[first] > 50, "load on the first")
        place.add(writer, "second", replicas=2)
        place.await_phase(target, "iris", second)
        place.give_traffic(writer, "second")
        writer.retire(first, keep=False)
        place.await_gone(target, "iris", first)
        so_far = closed.answered[second]
        eventually(lambda: closed.answered[second] > so_far + 50, "load on the second")
    assert (closed.failed, paused.failed) == ([], [])
    assert set(closed.answered) == {first, second}
    assert json.loads(target.invoke("iris", place.request()).body) == {"predictions": [3.0, 7.5]}
    writer.destroy()
    place.await_gone(target, "iris")
    eventually(lambda: place.processes() == [], "no process is left")


def _diagnosed(place: RealPlace, target: Target, lot: Any) -> Diagnosis:
    from deployer.testing.writer import Writer

    assert isinstance(target, LocalTarget)
    spec, release = place.spec("iris", lot), place.release(lot)
    writer = Writer(target, "iris").begin(spec)
    writer.configure(spec)
    place.add(writer, lot)
    place.await_phase(target, "iris", release.revision, Phase.FAILED)
    diagnosis = target.diagnose("iris", release.revision)
    assert diagnosis is not None
    return diagnosis


def test_a_missing_module_is_named_with_the_line_that_needs_it(place: RealPlace, target: Target) -> None:
    diagnosis = _diagnosed(place, target, "missing-dependency")
    assert diagnosis.code is Code.MISSING_DEPENDENCY
    assert diagnosis.subject == "category_encoders"
    assert diagnosis.summary == "cannot load its model: No module named 'category_encoders'"
    assert diagnosis.evidence[0] == "ModuleNotFoundError: No module named 'category_encoders'"
    model = "models:/conformance-missing-dependency/1"
    assert diagnosis.evidence[1] == f"  at code/features.py:7, while loading {model}"
    assert "category-encoders" in (diagnosis.hint or "")
    assert str(place.root) not in str(diagnosis)


def test_a_model_that_does_not_load_is_told_with_its_last_frames(place: RealPlace, target: Target) -> None:
    diagnosis = _diagnosed(place, target, "load-fails")
    assert diagnosis.code is Code.MODEL_LOAD
    assert "UnpicklingError" in diagnosis.summary
    assert any("code/features.py:7 in load" in line for line in diagnosis.evidence)
    assert diagnosis.is_verdict


def test_memory_that_is_not_there_is_told(place: RealPlace, target: Target) -> None:
    assert _diagnosed(place, target, "out-of-memory").code is Code.OUT_OF_MEMORY


def test_an_example_that_does_not_fit_the_signature_is_told(place: RealPlace, target: Target) -> None:
    assert _diagnosed(place, target, "wrong-example").code is Code.SIGNATURE_MISMATCH


def test_a_worker_that_is_killed_while_it_loads_is_told_honestly(place: RealPlace, target: Target) -> None:
    diagnosis = _diagnosed(place, target, "dies")
    assert diagnosis.code is Code.UNKNOWN
    assert diagnosis.subject == "SIGKILL"
    assert any("about to end" in line for line in diagnosis.evidence)


def test_a_host_of_another_name_is_refused_on_the_port(place: RealPlace, target: Target) -> None:
    place.serving(target, "iris")
    request = Request(body=BODY, headers={"Content-Type": "application/json", "Host": "evil.example"})
    assert target.invoke("iris", request).status in (403, 421)
    assert serves(target, "iris", place.release().revision)
