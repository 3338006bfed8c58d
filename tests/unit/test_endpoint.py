from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployer.endpoint import (
    HISTORY_ENTRIES,
    Code,
    Diagnosis,
    Endpoint,
    HistoryEntry,
    ModelRef,
    Observed,
    Phase,
    Record,
    Release,
    Result,
    Revision,
    Traffic,
    revision_id,
)
from deployer.value import canonical, digest

SHARES = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(
    lambda cuts: {"a": min(cuts), "b": max(cuts) - min(cuts), "c": 100 - max(cuts)}
)


@given(SHARES)
def test_traffic(shares: dict[str, int]) -> None:
    traffic = Traffic(shares)
    assert bool(traffic)
    assert sum(percent for _, percent in traffic.items()) == 100
    assert all(traffic.share(each) for each in traffic.served)
    assert traffic.same_as(Traffic({**shares, "zero": 0}))
    assert [traffic.share(each) for each in traffic.served] == sorted(
        (traffic.share(each) for each in traffic.served), reverse=True
    )
    assert Traffic.model_validate_json(traffic.model_dump_json()) == traffic


@pytest.mark.parametrize("shares", [{"a": 99}, {"a": 101}, {"a": -1, "b": 101}, {"a": 0}])
def test_traffic_that_is_none(shares: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="sums to 100"):
        Traffic(shares)


def test_traffic_in_words() -> None:
    assert str(Traffic()) == "none"
    assert not Traffic()
    assert Traffic().share("a") == 0
    assert str(Traffic({"b": 10, "a": 90})) == "90 % -> a, 10 % -> b"
    assert Traffic.all_to("a").served == ("a",)


def test_every_code_is_a_verdict_or_a_circumstance() -> None:
    circumstances = {each for each in Code if not Diagnosis(code=each, summary="x").is_verdict}
    assert circumstances == {
        Code.CAPACITY, Code.QUOTA, Code.PERMISSION, Code.CREDENTIALS, Code.NOT_REACHABLE, Code.UNSCHEDULABLE,
        Code.CONFLICT,
    }  # fmt: skip


def test_values_are_frozen_and_know_their_fields() -> None:
    revision = Revision(id="r1", phase=Phase.HEALTHY)
    with pytest.raises(ValidationError):
        revision.ready = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Revision.model_validate({"id": "r1", "phase": "healthy", "more": 1})


def test_endpoint() -> None:
    one = Revision(id="r1", phase=Phase.HEALTHY)
    endpoint = Endpoint(
        name="iris", target="local", phase=Phase.HEALTHY, revisions=(one,), traffic=Traffic.all_to("r1")
    )
    assert endpoint.revision == one
    assert endpoint.find("r2") is None
    assert Endpoint(name="iris", target="local", phase=Phase.PENDING).revision is None
    assert Observed().absent
    assert Observed(endpoint=endpoint).revisions == {"r1": one}
    with pytest.raises(TypeError, match="plain value"):
        endpoint.predict([])
    assert Endpoint.model_validate_json(endpoint.model_dump_json()) == endpoint


def test_revision_ids() -> None:
    assert revision_id("7c1e09a" + "0" * 57) == "r7c1e09a"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_equal_values_have_equal_bytes(value: dict[str, Any]) -> None:
    turned = dict(reversed([*value.items()]))
    assert canonical(value) == canonical(turned)
    assert digest(value) == digest(turned)
    assert len(digest(value)) == 64


# The history


def _release(name: str) -> Release:
    model = ModelRef(uri="m", resolved="m", digest="d")
    return Release(revision=name, digest="d", model=model, lock="", runtime="t")


def _entry(revision: str, result: Result, at: float) -> HistoryEntry:
    return HistoryEntry(revision=revision, model="m", at=at, by="ada", verb="update", result=result)


@given(
    st.lists(st.tuples(st.sampled_from(["r1", "r2", "r3", "r4"]), st.sampled_from(Result)), max_size=60),
    st.sets(st.sampled_from(["r1", "r2", "r3"])),
)
def test_history_is_bounded_and_remembers_what_is_kept(entries: list[tuple[str, Result]], kept: set[str]) -> None:
    record = Record(
        endpoint="iris", owner="o", generation=1, created=0.0, spec={}, releases={each: _release(each) for each in kept}
    )
    everything: list[HistoryEntry] = []
    for at, (revision, result) in enumerate(entries):
        entry = _entry(revision, result, float(at))
        everything.insert(0, entry)
        record = record.with_history(entry)
        assert record.history[0] == entry
    assert len(record.history) <= HISTORY_ENTRIES
    assert [each.at for each in record.history] == sorted((each.at for each in record.history), reverse=True)
    for revision in kept:
        newest = next((e for e in everything if e.revision == revision and e.result is Result.RELEASED), None)
        assert record.released(revision) == (newest is not None)
        assert newest is None or newest in record.history
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_rejected_until_it_is_released() -> None:
    record = Record(endpoint="iris", owner="o", generation=1, created=0.0, spec={})
    assert record.rejected("r1") is None
    record = record.with_history(_entry("r1", Result.REJECTED, 1.0))
    for result in (Result.FAILED, Result.UNDONE, Result.CHANGED):
        record = record.with_history(_entry("r1", result, 2.0))
    assert record.rejected("r1") is not None
    assert record.rejected("r2") is None
    assert record.with_history(_entry("r1", Result.RELEASED, 3.0)).rejected("r1") is None
