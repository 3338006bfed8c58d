from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.serving.parity import difference, header_text

NAN, INF = float("nan"), float("inf")
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(ANSWERS)
def test_an_answer_equals_itself_over_the_wire(answer: Any) -> None:
    assert difference(json.loads(json.dumps(answer)), answer, 0.0) is None


@pytest.mark.parametrize(
    ("sent", "plain"),
    [(1, 1.0), (None, NAN), (None, INF), (None, -INF), (NAN, NAN), (INF, INF), ({}, {}), ([], []), ("a", "a")],
)
def test_equal(sent: Any, plain: Any) -> None:
    assert difference(sent, plain, 0.0) is None


@pytest.mark.parametrize(
    ("sent", "plain"),
    [
        (1, 2),
        (0.1 + 0.2, 0.3),
        (True, 1),
        (0, False),
        ("1", 1),
        (None, 0),
        (None, "null"),
        (0, None),
        (INF, -INF),
        (1.0, NAN),
        ([], {}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1, 2], [1]),
        ([[1]], [1]),
    ],
)
def test_different(sent: Any, plain: Any) -> None:
    assert difference(sent, plain, 0.0)


@pytest.mark.parametrize(
    ("sent", "plain", "tolerance", "equal"),
    [
        (0.1 + 0.2, 0.3, 1e-9, True),
        (1000.0, 1000.5, 1e-3, True),
        (1000.0, 1002.0, 1e-3, False),
        (0.0, 0.0005, 1e-3, True),
        (True, 1, 10.0, False),
        ("a", "b", 10.0, False),
        (1.0, NAN, 10.0, False),
    ],
)
def test_tolerance(sent: Any, plain: Any, tolerance: float, equal: bool) -> None:
    assert (difference([sent], [plain], tolerance) is None) is equal


def test_the_first_difference_is_named() -> None:
    sent = {"predictions": [{"price": 1.0}, {"price": 1.5}, {"price": 9}]}
    plain = {"predictions": [{"price": 1.0}, {"price": 1.25}, {"price": 8}]}
    assert difference(sent, plain, 0.0) == "predictions[1].price: 1.5 is sent, 1.25 by plain pyfunc"
    assert difference([1], [1, 2], 0.0) == "answer: 1 items are sent, 2 by plain pyfunc"
    assert len(difference("x" * 10_000, "y" * 10_000, 0.0) or "") < 200


def test_header_text() -> None:
    assert header_text("a\r\nb: é\x00" + "x" * 500) == "a??b: ??" + "x" * 192
