"""What a verb leaves to later looks. Pure, with a maker that only notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import Claim, Holder
from deployer.errors import ClaimLost, Conflict, DeployerError, DeploymentFailed, TargetUnavailable
from deployer_azureml.calls import Call, Due
from deployer_azureml.duties import Duties, Duty
from deployer_azureml.facts import Facts
from tests.unit.azureml.values import endpoint, facts

PUT = Call("PutDeployment", "onlineEndpoints/iris/deployments/r1a2b3c4", {})
DELETE = Call("DeleteDeployment", PUT.path)
MAIN = Call("PutEndpoint", "onlineEndpoints/iris", {})
HOLDER = Holder(by="t", host="h", pid=1, started="1")
CLAIM = Claim(token="t", generation=1, holder=HOLDER, verb="update", since=0.0, expires=1.0)


class _Maker:
    """Notes what it is told to make.

    Attributes:
        busy: Operations that Azure takes not now.
        fails: Operation -> what it is answered with.
    """

    def __init__(self) -> None:
        self.made: list[str] = []
        self.busy: set[str] = set()
        self.fails: dict[str, DeployerError] = {}

    def make(self, call: Call) -> bool:
        if call.operation in self.fails:
            raise self.fails[call.operation]
        if call.operation in self.busy:
            return False
        self.made.append(call.operation)
        return True


@pytest.fixture
def maker() -> _Maker:
    return _Maker()


@pytest.fixture
def duties(maker: _Maker) -> Duties:
    made: Any = maker
    return Duties(CLAIM, made, facts)


def _steps(*dues: Due) -> Callable[[Facts], Due]:
    """What is due at each look, the last for ever."""
    left = [*dues]

    def due(_seen: Facts) -> Due:
        return left.pop(0) if len(left) > 1 else left[0]

    return due


def test_what_is_left_is_done_by_later_looks(duties: Duties, maker: _Maker) -> None:
    ended: list[str] = []
    due = _steps(Due((PUT,), "more"), Due((), "Azure is at it"), Due((DELETE,)))
    duties.begin(Duty("retire", due, "r2", end=lambda: ended.append("over")), facts())
    assert (maker.made, duties.over) == (["PutDeployment"], False)
    duties._made.clear()
    duties.go_on(facts())
    assert maker.made == ["PutDeployment"]
    duties.go_on(facts())
    assert (maker.made, ended, duties.over) == (["PutDeployment", "DeleteDeployment"], ["over"], True)


def test_after_one_that_cannot_be_made_none_is(duties: Duties, maker: _Maker) -> None:
    maker.busy = {"PutEndpoint"}
    duties.begin(Duty("stage", _steps(Due((MAIN, PUT))), "r1"), facts())
    assert (maker.made, duties.over) == ([], False)
    maker.busy.clear()
    duties.go_on(facts())
    assert maker.made == ["PutEndpoint", "PutDeployment"]


def test_what_was_done_is_kept_until_another_verb_ends_it(duties: Duties, maker: _Maker) -> None:
    kept = _steps(Due((), "it is staged"), Due((PUT,)))
    duties.begin(Duty("stage", _steps(Due((PUT,))), "r1", keep=kept), facts())
    duties.go_on(facts())
    assert (maker.made, duties.over) == (["PutDeployment"], False)
    duties.begin(Duty("stage", _steps(Due((), "x")), "r2"), facts())  # another revision's
    duties.begin(Duty("retire", _steps(Due()), "r1"), facts())
    assert [*duties._waiting] == [("stage", "r2")]
    duties.begin(Duty("destroy", _steps(Due((), "it goes"))), facts())
    assert [*duties._waiting] == [("destroy", "")]


def test_what_failed_is_not_made_again_and_again(duties: Duties, maker: _Maker) -> None:
    again = Due((DELETE,), "it has to be gone before it is made anew")
    duties.begin(Duty("stage", _steps(Due((PUT,), "it has to run"), again), "r1"), facts())
    duties.go_on(facts())
    assert (maker.made, duties.over) == (["PutDeployment"], True)
    duties.begin(Duty("stage", _steps(again, Due((PUT,))), "r1"), facts())  # a person wishes it again
    duties.go_on(facts())
    assert maker.made == ["PutDeployment", "DeleteDeployment", "PutDeployment"]


def test_an_endpoint_that_could_not_be_made_is_told(duties: Duties) -> None:
    lost = Due((Call("DeleteEndpoint", MAIN.path),), "it has to be gone")
    duties.begin(Duty("configure", _steps(Due((MAIN,), "Azure makes it"), lost)), facts())
    trouble = "OutOfCapacity: lack of Azure Machine Learning capacity. https://aka.ms/oe-tsg#error-outofcapacity"
    seen = facts(endpoint=endpoint(state="Failed", trouble=trouble, scoringUri=None))
    with pytest.raises(DeploymentFailed, match="did not make the endpoint iris"):
        duties.go_on(seen)
    assert duties.over


def test_what_passes_is_asked_again_and_what_does_not_is_told_once(duties: Duties, maker: _Maker) -> None:
    duties.begin(Duty("stage", _steps(Due((), "wait"), Due((PUT,))), "r1"), facts())
    maker.fails["PutDeployment"] = TargetUnavailable("throttled", transient=True)
    duties.go_on(facts())
    assert not duties.over
    maker.fails["PutDeployment"] = TargetUnavailable("not allowed")
    with pytest.raises(TargetUnavailable, match="not allowed"):
        duties.go_on(facts())
    assert duties.over


def test_a_claim_that_is_lost_ends_them_all(duties: Duties, maker: _Maker) -> None:
    for revision in ("r1", "r2"):
        duties.begin(Duty("stage", _steps(Due((), "wait"), Due((PUT,))), revision), facts())
    maker.fails["PutDeployment"] = ClaimLost("somebody else has it")
    with pytest.raises(ClaimLost):
        duties.go_on(facts())
    assert duties.over


def test_a_retirement_is_forgiven_to_what_gets_traffic(duties: Duties) -> None:
    duties.begin(Duty("retire", _steps(Due((), "wait")), "r1"), facts())
    duties.forgive("r1")
    assert duties.over


def test_one_verb_may_wait_for_another(duties: Duties, maker: _Maker) -> None:
    adopt = Duty("adopt", _steps(Due((), "Azure is at it"), Due((MAIN,)), Due()))
    duties.begin(adopt, facts())
    due = duties.in_turn(duties.left_of("adopt"), _steps(Due((DELETE,))))
    duties.begin(Duty("destroy", due), facts())
    for _ in range(3):
        duties.go_on(facts())
    assert maker.made == ["PutEndpoint", "DeleteDeployment"]
    assert duties.in_turn(None, adopt.due) is adopt.due


def test_a_conflict_is_for_the_one_who_waits(duties: Duties, maker: _Maker) -> None:
    duties.begin(Duty("route", _steps(Due((), "wait"), Due((MAIN,)))), facts())
    maker.fails["PutEndpoint"] = Conflict("it is somebody else's")
    with pytest.raises(Conflict):
        duties.go_on(facts())
    assert duties.over


def test_what_is_forgiven_while_it_is_looked_at_is_not_put_back(duties: Duties) -> None:
    looked: list[str] = []

    def due(_seen: Facts) -> Due:
        if looked:
            duties.forgive("r1")  # by a verb of another thread
        looked.append("")
        return Due((), "Azure is at it")

    duties.begin(Duty("retire", due, "r1"), facts())
    assert not duties.over
    duties.go_on(facts())
    assert duties.over
