"""From evidence to a Diagnosis."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code, Traffic
from deployer_docker.diagnose import diagnosis_of
from tests.unit.docker.values import ADDRESS, REVISION, container, facts, loaded, routing

ID = "c" * 64
LOAD = {
    "time": "t", "event": "load-failed", "error_type": "ValueError", "error": "damaged\nmore", "missing_module": None,
    "where": "code/served.py:1", "traceback": ['  File "/opt/ml/model/code/served.py", line 1, in <module>', "    x"],
}  # fmt: skip
MISSING = {**LOAD, "error_type": "ModuleNotFoundError", "missing_module": "sklearn.tree"}
ONCE: dict[str, Any] = {"status": "restarting", "restarts": 1, "exit_code": 1}


def _of(lines: list[str] | None = None, *, now: float = 100.0, **how: Any) -> Any:
    wished = routing(Traffic())
    found = facts(replicas=(container(**how),), wished=wished, loaded=loaded(wished, {ADDRESS: "down"}))
    return diagnosis_of(found, REVISION, {ID: lines or []}, now)


@pytest.mark.parametrize(
    ("how", "lines", "code"),
    [
        (ONCE, [json.dumps(LOAD)], Code.MODEL_LOAD),
        (ONCE, [json.dumps(MISSING)], Code.MISSING_DEPENDENCY),
        (ONCE, [json.dumps({**LOAD, "event": "example-failed", "error": "schema"})], Code.SIGNATURE_MISMATCH),
        ({**ONCE, "oom": True}, ["loading"], Code.OUT_OF_MEMORY),
        (ONCE, ["Traceback", "MemoryError"], Code.OUT_OF_MEMORY),
        (ONCE, ["exec /usr/bin/python3: exec format error"], Code.IMAGE_ARCHITECTURE),
        ({"status": "created", "error": "exec format error"}, [], Code.IMAGE_ARCHITECTURE),
        ({"status": "created", "error": 'exec: "x": executable file not found in $PATH'}, [], Code.IMAGE_MANIFEST),
        ({"status": "created", "error": "no such device"}, [], Code.UNKNOWN),
        ({**ONCE, "restarts": 3, "was_ready": True, "exit_code": 139}, ["Segmentation fault"], Code.CRASH_LOOP),
        ({"status": "exited", "exit_code": 3}, ["boom"], Code.UNKNOWN),
        ({"status": "running", "started": 1.0}, ["slow"], Code.PROBE_TIMEOUT),
    ],
)
def test_codes(how: dict[str, Any], lines: list[str], code: Code) -> None:
    found = _of(lines, **how)
    assert found.code is code
    assert found.summary
    assert any(line.strip() for line in found.evidence)


def test_a_missing_module_names_its_package_and_what_to_type() -> None:
    found = _of([json.dumps(MISSING)], **ONCE)
    assert found.subject == "sklearn"
    assert '"scikit-learn"' in found.hint
    assert "deployer update iris --model models:/iris/4 --set requirements.extra=scikit-learn" in found.hint


def test_the_place_is_told_from_the_model_s_folder() -> None:
    found = _of([json.dumps(LOAD)], **ONCE)
    assert found.evidence[0] == "ValueError: damaged"
    assert "  code/served.py:1 in <module>: x" in found.evidence


def test_what_is_well_or_has_just_begun_or_is_not_there_has_none() -> None:
    assert diagnosis_of(facts(), REVISION, {}, 100.0) is None
    assert diagnosis_of(facts(), "r0000000", {}, 100.0) is None
    assert _of(status="running", started=99.0) is None


def test_a_gateway_that_does_not_answer_is_a_circumstance() -> None:
    found = facts(loaded=None, gateway_trouble="its gateway does not run")
    said = diagnosis_of(found, REVISION, {}, 100.0)
    assert said is not None
    assert (said.code, said.is_verdict) == (Code.NOT_REACHABLE, False)


def test_lines_are_cut() -> None:
    found = _of(["x" * 5000] * 40, status="exited", exit_code=3)
    assert len(found.evidence) == 12
    assert all(len(line) <= 400 for line in found.evidence)


def test_a_ready_image_that_is_asked_at_the_wrong_place_is_told_where() -> None:
    labels = {"routes": "9000 /nowhere /v1/infer", "model": "own:1"}
    found = _of(["asked GET /nowhere 404"], status="running", started=1.0, labels=labels)
    assert found.code is Code.PROBE_TIMEOUT
    assert found.evidence == ("asked GET /nowhere 404", "it must answer 200 to GET /nowhere on port 9000")
    assert "config.routes" in found.hint
