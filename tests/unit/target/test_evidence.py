"""From what our server says of a failed start to a Diagnosis."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Code
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words

SUBJECT = Subject("iris", "models:/iris/4", "/opt/ml/model", room="buy more")
EVENT: dict[str, Any] = {"event": "load-failed", "error_type": "ValueError", "error": "bad\nworse", "traceback": []}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.MODEL_LOAD),
        ({"missing_module": "cv2"}, Code.MISSING_DEPENDENCY),
        ({"error_type": "MemoryError"}, Code.OUT_OF_MEMORY),
        ({"traceback": ["numpy.core._exceptions._ArrayMemoryError: MemoryError"]}, Code.OUT_OF_MEMORY),
        ({"event": "example-failed"}, Code.MODEL_LOAD),
        ({"event": "example-failed", "error": "Failed to enforce schema"}, Code.SIGNATURE_MISMATCH),
        ({"event": "start-failed"}, Code.UNKNOWN),
    ],
)
def test_codes(changes: dict[str, Any], code: Code) -> None:
    found = diagnosis_of_event({**EVENT, **changes}, SUBJECT)
    assert found.code is code
    assert found.evidence
    if code is Code.OUT_OF_MEMORY:
        assert found.hint == "buy more"


def test_only_the_first_line_of_an_error_is_said() -> None:
    assert diagnosis_of_event(EVENT, SUBJECT).summary == "cannot load its model: ValueError: bad"


def test_frames_are_told_from_the_model_s_folder_and_the_packages() -> None:
    trace = [
        '  File "/opt/ml/model/code/a.py", line 3, in load', "    import b",
        '  File "<frozen importlib._bootstrap>", line 1176, in _find_and_load',
        '  File "/x/lib/python3.11/site-packages/b/c.py", line 9, in <module>',
    ]  # fmt: skip
    found = diagnosis_of_event({**EVENT, "traceback": trace}, SUBJECT)
    assert found.evidence[1:] == ("  code/a.py:3 in load: import b", "  b/c.py:9 in <module>")


def test_the_last_event_of_a_log_counts() -> None:
    lines = [json.dumps(EVENT), json.dumps({**EVENT, "error": "last"}), "x", '{"event": "load-failed"', "[]"]
    found = failure_event(lines)
    assert found is not None
    assert found["error"] == "last"
    assert failure_event(["", "x", '{"event": "ready"}', "{" * 100_000 + "load-failed"]) is None


def test_words_are_few_and_short() -> None:
    assert last_words([str(number) for number in range(20)] + ["", "  "]) == tuple(map(str, range(8, 20)))
    assert len(cut("x" * 1000)) == 400
