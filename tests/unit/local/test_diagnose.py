"""From evidence to a Diagnosis."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code, Diagnosis
from deployer_local.diagnose import diagnosis_of, last_life
from deployer_local.facts import Facts
from tests.unit.local.values import REVISION, desired, facts, wanted, worker

ENDED: dict[str, Any] = {"alive": False, "state": "", "accepting": False, "pid": None}
STARTED = '{"time": "2026-01-01T00:00:00.000Z", "level": "info", "event": "started", "replica": 0}'
TRACE = [
    "Traceback (most recent call last):",
    '  File "/root/endpoints/iris/runtimes/bbbb/deployer_serving/scorer.py", line 5, in load',
    "    load_model(path)",
    '  File "/x/lib/python3.11/site-packages/mlflow/pyfunc/__init__.py", line 9, in load_model',
    '  File "/root/endpoints/iris/models/1111/code/features.py", line 7, in <module>',
    "    import category_encoders",
    "ModuleNotFoundError: No module named 'category_encoders'",
]


def _event(event: str = "load-failed", **fields: Any) -> str:
    plain = {"error_type": "ValueError", "error": "no", "traceback": TRACE, "missing_module": None, "where": None}
    return json.dumps({"time": "t", "level": "error", "event": event, **plain, **fields})


def _failed(*lines: str, exit_: dict[str, Any] | None = None, **changes: Any) -> Diagnosis | None:
    last = {"code": 1, "ran": 1.5, "ready": False, "asked": False, **(exit_ or {})}
    found = facts(worker(phase="failed", last_exit=last, **ENDED), **changes)
    return diagnosis_of(found, REVISION, {0: [STARTED, *lines]}, now=100.0)


def _some(found: Diagnosis | None) -> Diagnosis:
    assert found is not None
    return found


def test_a_missing_module() -> None:
    found = _some(_failed(_event(error_type="ModuleNotFoundError", missing_module="category_encoders.woe",
                                 where="code/features.py:7")))  # fmt: skip
    assert (found.code, found.subject) == (Code.MISSING_DEPENDENCY, "category_encoders")
    assert found.evidence == (
        "ModuleNotFoundError: No module named 'category_encoders.woe'",
        "  at code/features.py:7, while loading models:/iris/4",
    )
    hint = "deployer update iris --model models:/iris/4 --set requirements.extra=category-encoders"
    assert found.hint is not None
    assert found.hint.endswith(hint)


@pytest.mark.parametrize(("module", "package"), [("sklearn.tree", "scikit-learn"), ("yaml", "pyyaml"), ("a_b", "a-b")])
def test_a_module_s_package_is_named(module: str, package: str) -> None:
    assert f"requirements.extra={package}" in (_some(_failed(_event(missing_module=module))).hint or "")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (_event(error_type="UnpicklingError", error="invalid load key"), Code.MODEL_LOAD),
        (_event(error_type="MemoryError", error=""), Code.OUT_OF_MEMORY),
        (_event("example-failed", error="Failed to enforce schema of data"), Code.SIGNATURE_MISMATCH),
        (_event("example-failed", error="answered with 500: boom"), Code.MODEL_LOAD),
        (_event("start-failed", error="cannot listen"), Code.UNKNOWN),
    ],
)
def test_what_the_server_said(event: str, code: Code) -> None:
    found = _some(_failed("noise", event, "last words"))
    assert found.code is code
    assert all(len(line) <= 400 for line in found.evidence)


def test_frames_are_told_without_this_machine_s_paths() -> None:
    found = _some(_failed(_event(error_type="UnpicklingError", error="invalid load key")))
    assert found.evidence[0] == "UnpicklingError: invalid load key"
    assert "  deployer_serving/scorer.py:5 in load: load_model(path)" in found.evidence
    assert "  mlflow/pyfunc/__init__.py:9 in load_model" in found.evidence
    assert "/root" not in str(found)


def test_an_event_of_an_earlier_life_does_not_count() -> None:
    lines = [STARTED, _event(missing_module="old"), STARTED, "Killed"]
    assert last_life(lines) == ["Killed"]
    last = {"signal": "SIGKILL", "ran": 2.0, "ready": False, "asked": False}
    found = _some(diagnosis_of(facts(worker(phase="failed", last_exit=last, **ENDED)), REVISION, {0: lines}, 100.0))
    assert (found.code, found.subject) == (Code.UNKNOWN, "SIGKILL")
    assert "memory" in (found.hint or "")


def test_a_crash_loop_has_its_last_lines() -> None:
    last = {"signal": "SIGSEGV", "ran": 3.2, "ready": True, "asked": False}
    found = facts(worker(phase="waiting", restarts=6, looping=True, last_exit=last, **ENDED))
    seen = _some(diagnosis_of(found, REVISION, {0: [STARTED, *map(str, range(50))]}, 100.0))
    assert seen.code is Code.CRASH_LOOP
    assert seen.summary == "its worker was ended by SIGSEGV after 3 s 6 times"
    assert seen.evidence[-1] == "49"
    assert len(seen.evidence) == 12


def test_a_port_that_is_taken_is_no_verdict() -> None:
    found = _some(diagnosis_of(facts(port_trouble="taken", port_owner="nginx (pid 8)"), REVISION, {}, 100.0))
    assert (found.code, found.subject, found.is_verdict) == (Code.CONFLICT, "8321", False)
    assert found.summary == "port 8321 is taken by nginx (pid 8)"


def test_one_that_still_loads_is_told_after_a_while() -> None:
    loading = facts(worker(state="loading", accepting=False), was_ready=frozenset())
    assert diagnosis_of(loading, REVISION, {}, now=21.0) is None
    found = _some(diagnosis_of(loading, REVISION, {0: [STARTED, "downloading weights"]}, now=140.0))
    assert (found.code, found.evidence) == (Code.PROBE_TIMEOUT, ("downloading weights",))
    assert found.summary == "it still loads its model after 120 s"


@pytest.mark.parametrize(
    "found",
    [
        facts(),
        facts(worker(phase="stopping", last_exit={"code": 0, "asked": True}, **ENDED)),
        facts(worker(phase="failed", last_exit=None, **ENDED)),
        facts(desired=desired(None, r3333333=wanted())),
    ],
)
def test_what_is_well_or_cannot_be_told_has_none(found: Facts) -> None:
    assert diagnosis_of(found, REVISION, {}, now=22.0) is None


def test_a_broken_line_is_passed_over() -> None:
    found = _some(_failed('{"event": "load-failed", ', "{" * 3000 + "-failed"))
    assert found.code is Code.UNKNOWN
