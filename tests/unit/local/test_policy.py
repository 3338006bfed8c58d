"""Restarts, and the moves of traffic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployer_local.supervisor.policy import HEALTHY_AGAIN, Moves, Restart, Standing, after_exit, backoff, moves

STANDINGS = st.lists(
    st.builds(
        Standing, key=st.tuples(st.sampled_from("ab"), st.integers(0, 3)), ready=st.booleans(), accepting=st.booleans(),
        wanted=st.booleans(),
    ),
    unique_by=lambda each: each.key,
)  # fmt: skip


def test_waits_double_up_to_half_a_minute() -> None:
    assert [backoff(crashes) for crashes in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff(10_000) == 30


def test_what_was_never_ready_is_not_tried_again() -> None:
    assert after_exit(was_ready=False, crashes=0, healthy=0.0) == Restart(1, None)


def test_crashes_are_forgotten_after_a_healthy_minute() -> None:
    assert after_exit(was_ready=True, crashes=4, healthy=HEALTHY_AGAIN) == Restart(1, 0.5)
    assert after_exit(was_ready=True, crashes=4, healthy=HEALTHY_AGAIN - 1) == Restart(5, 8.0)


def test_traffic_moves_only_when_somebody_accepts() -> None:
    old = Standing(("a", 0), ready=True, accepting=True, wanted=True)
    new = Standing(("b", 0), ready=True, accepting=False, wanted=True)
    assert moves("b", [old, new]) == Moves((("b", 0),), ())
    now = Standing(("b", 0), ready=True, accepting=True, wanted=True)
    assert moves("b", [old, now]) == Moves((), (("a", 0),))
    assert moves(None, [old, now]) == Moves((), (("a", 0), ("b", 0)))


@given(STANDINGS)
def test_nobody_ceases_while_nobody_of_the_routed_revision_accepts(standing: list[Standing]) -> None:
    found = moves("b", standing)
    ours = [each for each in standing if each.key[0] == "b" and each.wanted]
    assert set(found.accept) == {each.key for each in ours if each.ready and not each.accepting}
    if not any(each.accepting for each in ours):
        assert found.cease == ()
    else:
        assert set(found.cease) == {each.key for each in standing if each.accepting and each not in ours}
