"""Health policies as pure functions, and the waiting that is driven by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.endpoint import Code, Diagnosis, Phase, Revision
from deployer.engine.health import Answer, Failed, Passed, Seen, Waiting, consecutive, ready, soak
from deployer.engine.keys import key_headers
from deployer.engine.question import judge
from deployer.errors import DeploymentFailed, TargetUnavailable
from deployer.spec import SecretRef
from deployer.target import Response
from tests.unit.engine.place import Heard, Place, packaged, wish

GOOD, BAD = Answer(good=True), Answer(good=False, detail="answers 500")


def _revision(**fields: Any) -> Revision:
    return Revision(**{"id": "r1", "phase": Phase.HEALTHY, "wanted": 1, "ready": 1, **fields})


def test_ready() -> None:
    assert ready()(Seen(0.0, None)) == Waiting("for the target to start it")
    assert ready()(Seen(0.0, _revision())) == Passed()
    assert ready()(Seen(0.0, _revision(wanted=3))) == Waiting("1 of 3 replicas are ready")
    assert ready()(Seen(0.0, _revision(settled=False, detail="moving"))) == Waiting("moving")
    assert isinstance(ready()(Seen(0.0, _revision(wanted=0, ready=0))), Waiting)
    failed = ready()(Seen(0.0, _revision(phase=Phase.FAILED, detail="exited 1")))
    assert isinstance(failed, Failed)
    assert failed.diagnosis == Diagnosis(code=Code.UNKNOWN, summary="exited 1")


@given(st.lists(st.booleans(), max_size=12), st.integers(1, 6))
def test_consecutive_counts_the_last_row_only(answers: list[bool], count: int) -> None:
    row = 0
    for good in answers:
        row = row + 1 if good else 0
    seen = Seen(0.0, _revision(), answers=tuple(GOOD if good else BAD for good in answers))
    verdict = consecutive(count)(seen)
    assert isinstance(verdict, Passed) == (row >= count)
    if isinstance(verdict, Waiting) and answers and not answers[-1]:
        assert verdict.reason == "answers 500"


def test_an_answer_that_condemns_fails_at_once() -> None:
    found = Diagnosis(code=Code.PARITY, summary="differs")
    seen = Seen(0.0, _revision(wanted=2), answers=(GOOD, Answer(good=False, diagnosis=found)))
    assert (ready() & consecutive(3))(seen) == Failed(found)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_soak(seconds: float, since: float, held: float) -> None:
    verdict = soak(seconds)(Seen(since + held, _revision(), good_since=since))
    assert isinstance(verdict, Passed) == (seconds <= 0 or (since + held) - since >= seconds)
    assert isinstance(soak(1.0)(Seen(5.0, _revision(), good_since=None)), Waiting)


@given(st.booleans(), st.booleans())
def test_and_passes_when_both_do(one: bool, other: bool) -> None:
    seen = Seen(10.0, _revision(), answers=(GOOD,) if one else (), good_since=0.0 if other else 9.0)
    assert isinstance((consecutive(1) & soak(5.0))(seen), Passed) == (one and other)


@pytest.mark.parametrize(
    ("response", "asked", "good", "words"),
    [
        (Response(200, b"", {"deployer-revision": "r1", "deployer-parity": "equal"}), True, True, ""),
        (Response(200, b"", {"deployer-revision": "r1"}), False, True, ""),
        (Response(200, b"", {"deployer-revision": "r1"}), True, False, "was not compared"),
        (Response(200, b"", {"deployer-revision": "r0", "deployer-parity": "equal"}), True, False, "r0 answered"),
        (Response(200, b"", {}), True, False, "does not say its revision"),
        (Response(421, b"", {"deployer-revision": "r0"}), True, False, "r0 answered instead of r1"),
        (Response(503, b'{"message": "is  up"}', {"deployer-revision": "r1"}), True, False, "answers 503: is up"),
        (Response(429, b"slow", {"deployer-revision": "r1"}), True, False, "answers 429: slow"),
    ],
)  # fmt: skip
def test_judge(response: Response, asked: bool, good: bool, words: str) -> None:
    answer = judge(response, "r1", asked=asked)
    assert answer.good is good
    assert words in answer.detail
    assert answer.diagnosis is None


def test_judge_condemns() -> None:
    differs = Response(
        200, b"", {"deployer-revision": "r1", "deployer-parity": "differs", "deployer-parity-detail": "row 1"}
    )
    found = judge(differs, "r1", asked=True).diagnosis
    assert found is not None
    assert (found.code, found.evidence) == (Code.PARITY, ("row 1",))
    refuses = judge(Response(400, b'{"message": "bad"}', {"deployer-revision": "r1"}), "r1", asked=True).diagnosis
    assert refuses is not None
    assert (refuses.code, refuses.evidence) == (Code.SIGNATURE_MISMATCH, ("bad",))


# Under a clock


@pytest.fixture
def made(place: Place, first: Path) -> Place:
    place.deployer().create(wish(first))
    return place


def test_soak_takes_its_time_and_asks_gently(made: Place, second: Path) -> None:
    ada, began = made.deployer(), made.clock.time
    ada.update("iris", model=str(second), health={"soak": "60s"})
    assert 60.0 <= made.clock.time - began < 70.0
    assert made.target(ada).asked.count("invoke_revision") < 60 / made.target(ada).poll + 10


def test_probe_timeout_keeps_the_evidence(made: Place, first: Path) -> None:
    ada, began = made.deployer(), made.clock.time
    with pytest.raises(DeploymentFailed, match="did not become healthy in time") as caught:
        ada.update("iris", config={"behaviour": "never-ready"}, health={"timeout": "30s"})
    assert 30.0 <= made.clock.time - began < 35.0
    found = caught.value.diagnosis
    assert found is not None
    assert found.code is Code.PROBE_TIMEOUT
    assert "is not healthy after 30 s: the model is loading" in found.summary
    assert f"loading {first}" in found.evidence  # what the target said
    assert "the model is loading" in found.evidence  # what was waited for
    assert "health.timeout" in (found.hint or "")


def test_timeout_of_the_command_wins(made: Place) -> None:
    ada, began = made.deployer(), made.clock.time
    with pytest.raises(DeploymentFailed):
        ada.update("iris", config={"behaviour": "never-ready"}, conditions={"timeout": 3.0})
    assert made.clock.time - began < 6.0


def test_answers_of_the_wrong_revision_never_count(made: Place, second: Path) -> None:
    """A stale route answers, correctly and for ever."""
    ada = made.deployer()
    target = made.target(ada)
    right = target.invoke_revision

    def stale(endpoint: str, revision: str, request: Any) -> Response:
        answer = right(endpoint, revision, request)
        return Response(answer.status, answer.body, {**answer.headers, "deployer-revision": "r0ld0ne"})

    target.invoke_revision = stale  # type: ignore[method-assign]
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", model=str(second), health={"timeout": "20s"})
    found = caught.value.diagnosis
    assert found is not None
    assert found.code is Code.PROBE_TIMEOUT
    assert any("r0ld0ne answered instead of" in line for line in found.evidence)
    assert len(made.live().revisions) == 1


def test_parity_differs(made: Place) -> None:
    with pytest.raises(DeploymentFailed, match="does not answer as the packaged model does") as caught:
        made.deployer().update("iris", config={"behaviour": "differs"})
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.PARITY


def test_a_model_without_example_is_loaded_unverified_and_the_plan_says_so(place: Place, tmp_path: Path) -> None:
    ada = place.deployer()
    plan = ada.plan(wish(packaged(tmp_path / "bare", example=False)), verb="create")
    assert plan.warnings == (
        "the model carries no example and no health.request is given: it will be loaded, unverified",
    )
    ada.execute(plan)
    assert place.record().history[0].detail == "loaded, unverified: the model has no example"


def test_a_request_of_ones_own(place: Place, tmp_path: Path) -> None:
    request = tmp_path / "ask.csv"
    request.write_text("a\n1\n")
    spec = wish(packaged(tmp_path / "bare", example=False), health={"request": str(request)})
    plan = place.deployer().plan(spec, verb="create")
    assert plan.warnings == ()
    place.deployer().execute(plan)
    assert place.record().history[0].detail == "answers the request as the packaged model does (3 of 3)"


def test_crashing_during_the_soak_is_a_failure(made: Place, second: Path) -> None:
    with pytest.raises(DeploymentFailed, match="does not stay up") as caught:
        made.deployer().update(
            "iris", model=str(second), config={"behaviour": "crashes-later", "settle": {"crash": "10s"}},
            health={"soak": "60s"},
        )  # fmt: skip
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.evidence[-1] == "Fatal Python error: Segmentation fault"


def test_evidence_is_fetched_before_it_is_cleaned_up(made: Place) -> None:
    ada = made.deployer()
    with pytest.raises(DeploymentFailed):
        ada.update("iris", config={"behaviour": "load-fails"})
    asked = made.target(ada).asked
    assert asked.index("diagnose") < asked.index("retire")


def test_a_revision_that_vanishes_while_it_is_asked_is_not_an_error_of_its_own(made: Place, second: Path) -> None:
    ada = made.deployer()
    gone: list[str] = []

    def vanish(verb: str, _count: int) -> None:
        if verb == "invoke_revision" and not gone:
            revisions = made.store.state.endpoints["iris"].revisions
            gone.extend(each for each in revisions if not made.live().traffic.share(each))
            del revisions[gone[0]]

    made.target(ada).before = vanish
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", model=str(second), health={"timeout": "10s"})
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.PROBE_TIMEOUT


def test_diagnosis_that_cannot_be_had(made: Place) -> None:
    ada = made.deployer()

    def no_logs(verb: str, _count: int) -> None:
        if verb == "diagnose":
            raise TargetUnavailable("no", transient=False)

    made.target(ada).before = no_logs
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", config={"behaviour": "load-fails"})
    assert caught.value.diagnosis == Diagnosis(code=Code.UNKNOWN, summary="exited 1, three times in a row")


def test_progress_tells_since_when_nothing_has_changed(made: Place, second: Path) -> None:
    heard = Heard()
    made.deployer().update("iris", model=str(second), config={"settle": {"start": "20s"}}, on_event=heard)
    waits = [each for each in heard if each.event == "step-progress" and each.detail == "the model is loading"]
    assert len({each.since for each in waits}) == 1
    assert waits[-1].at - (waits[-1].since or 0.0) > 15.0


def test_a_key_that_is_not_set_is_what_is_missing() -> None:
    found = judge(Response(401, b"{}", {"deployer-revision": "r1"}), "r1", asked=True).diagnosis
    assert found is not None
    assert found.code is Code.CREDENTIALS


def test_our_own_requests_carry_the_first_key_that_is_set() -> None:
    keys = [SecretRef(env="KEY_A"), SecretRef(env="KEY_B")]
    assert key_headers(keys, {"KEY_B": "b"}) == {"X-API-Key": "b"}
    assert key_headers(keys, {"KEY_A": ""}) == {}
    assert key_headers([], {"KEY_A": "a"}) == {}
