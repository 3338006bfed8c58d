"""Which tests must have run: the plug-in that CI holds us to."""

from __future__ import annotations

from collections import Counter

from tests.plugins.required import complaints

LISTED = Counter({("docker", "t.py::both"): 1, ("cluster", "t.py::both"): 1, ("docker", "t.py::one"): 1})


def test_a_test_of_two_kinds_must_run_where_both_must_be_there() -> None:
    ran = Counter({"t.py::one": 1})
    assert complaints(LISTED, (), ran, frozenset({"docker"})) == []
    told = complaints(LISTED, (), ran, frozenset({"docker", "cluster"}))
    assert told == ["t.py::both: 0 of 1 ran (cluster)", "t.py::both: 0 of 1 ran (docker)"]


def test_a_test_that_vanished_and_one_that_is_not_listed_are_told() -> None:
    seen = [("docker", "t.py::new")]
    told = complaints(LISTED, seen, Counter(), frozenset({"docker"}))
    assert told[0] == "t.py::one: 0 of 1 ran (docker)"
    assert "t.py::new: not in" in told[1]
