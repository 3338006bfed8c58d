"""Calls that are made: what is no failure, and what a verb left to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import Claim, Holder
from deployer.errors import ClaimLost, Conflict, DeployerError, TargetUnavailable
from deployer_sagemaker.calls import Call, Due, add_tags
from deployer_sagemaker.duties import Duties, Duty
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.making import Maker, words_of
from deployer_sagemaker.marks import Marks, Role, as_tags
from tests.unit.sagemaker.values import facts

CLAIM = Claim(
    token="t", generation=1, holder=Holder(by="me", host="here", pid=1, started="1"), verb="update", since=0, expires=9
)
TAGS = as_tags(Marks("team", "iris", Role.CONFIG, "r1a2b3c4").tags())
MADE = Call("CreateEndpointConfig", {"EndpointConfigName": "iris--x", "Tags": TAGS}, fine=("there",))


class FakeAws:
    """Answers as it is told."""

    def __init__(self, *answers: Any, tags: Any = ()) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.tags = tags

    def ask(self, service: str, operation: str, request: Any) -> Any:
        self.asked.append(operation)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:eu-west-1:123456789012:{resource}"

    def all(self, *_: Any) -> Any:
        if isinstance(self.tags, Exception):
            raise self.tags
        return iter(self.tags)


def _maker(aws: FakeAws, held: Callable[[], object] = lambda: None) -> Maker:
    return Maker(aws, held)  # type: ignore[arg-type]


def _refused(said: str, code: str = "ValidationException") -> Refused:
    return Refused(code, said)


@pytest.mark.parametrize("operation", ["DeleteModel", "DeleteEndpointConfig", "DeleteEndpoint"])
def test_what_is_gone_may_be_denied_since_it_has_no_tags_any_more(operation: str) -> None:
    name = {"DeleteModel": "ModelName", "DeleteEndpoint": "EndpointName"}.get(operation, "EndpointConfigName")
    call = Call(operation, {name: "iris--x"}, fine=("gone",))
    denied = _refused(f"not authorized to perform: sagemaker:{operation}", "AccessDeniedException")
    gone = FakeAws(denied, tags=_refused("Could not find it."))
    assert _maker(gone).make(call)
    with pytest.raises(TargetUnavailable, match=f"sagemaker:{operation}"):
        _maker(FakeAws(denied, tags=TAGS)).make(call)  # it is there
    with pytest.raises(TargetUnavailable, match=f"sagemaker:{operation}"):
        _maker(FakeAws(denied, tags=_refused("not authorized", "AccessDeniedException"))).make(call)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (MADE, "make the endpoint config iris--x"),
        (Call("UpdateEndpoint", {"EndpointName": "iris", "EndpointConfigName": "c"}), "change the endpoint iris"),
        (Call("DeleteModel", {"ModelName": "m"}), "remove the model m"),
        (add_tags("arn:aws:sagemaker:eu-west-1:1:endpoint/iris", []), "set the tags of endpoint/iris"),
        (Call("DeregisterScalableTarget", {"ResourceId": "endpoint/iris/variant/primary"}, "application-autoscaling"),
         "remove the scalable target endpoint/iris/variant/primary"),
    ],
)  # fmt: skip
def test_a_call_is_told_in_words(call: Call, words: str) -> None:
    assert words_of(call)[0] == words


def test_the_claim_is_looked_at_before_each_call() -> None:
    def lost() -> None:
        raise ClaimLost("gone")

    aws = FakeAws()
    with pytest.raises(ClaimLost):
        _maker(aws, lost).make(MADE)
    assert aws.asked == []


def test_an_equal_thing_of_ours_is_as_good_as_made() -> None:
    assert _maker(FakeAws(_refused("Cannot create already existing endpoint config"), tags=TAGS)).make(MADE)


@pytest.mark.parametrize(
    "tags", [[], [{"Key": "by", "Value": "hand"}], as_tags(Marks("team", "iris", Role.VERIFY, "r1a2b3c4").tags())]
)
def test_an_equal_name_of_another_is_a_conflict(tags: Any) -> None:
    with pytest.raises(Conflict, match="deployer did not make"):
        _maker(FakeAws(_refused("Cannot create already existing endpoint config"), tags=tags)).make(MADE)


def test_what_is_there_and_not_seen_yet_is_asked_for_again() -> None:
    aws = FakeAws(_refused("Cannot create already existing endpoint config"), tags=_refused("Could not find it"))
    with pytest.raises(TargetUnavailable, match="does not tell of it yet") as caught:
        _maker(aws).make(MADE)
    assert caught.value.transient


def test_gone_is_fine_and_busy_is_later() -> None:
    gone = Call("DeleteEndpoint", {"EndpointName": "iris"}, fine=("gone", "busy"))
    assert _maker(FakeAws(_refused("Could not find endpoint"))).make(gone)
    assert not _maker(FakeAws(_refused('Cannot update in-progress endpoint "iris"'))).make(gone)
    scaler = Call("DeregisterScalableTarget", {"ResourceId": "e"}, "application-autoscaling", ("gone",))
    assert _maker(FakeAws(_refused("No scalable target found", "ObjectNotFoundException"))).make(scaler)
    with pytest.raises(TargetUnavailable):
        _maker(FakeAws(_refused("Could not find endpoint"))).make(Call("UpdateEndpoint", {"EndpointName": "iris"}))


# Duties.


def _duties(aws: FakeAws, held: Callable[[], object] = lambda: None) -> Duties:
    return Duties(CLAIM, _maker(aws, held), facts)


def _waiting_then(*dues: Due) -> Callable[[Facts], Due]:
    left = list(dues)

    def due(_: Facts) -> Due:
        return left.pop(0) if len(left) > 1 else left[0]

    return due


STEP = Call("DeleteModel", {"ModelName": "m"})


def test_what_waits_is_gone_on_with_until_it_is_done() -> None:
    aws = FakeAws()
    duties, ended = _duties(aws), list[str]()
    due = _waiting_then(Due((STEP,), "busy"), Due((), "busy"), Due((STEP,)))
    duties.begin(Duty("destroy", due, end=lambda: ended.append("end")), facts())
    assert (aws.asked, duties.over) == (["DeleteModel"], False)
    duties.go_on(facts())
    assert (aws.asked, duties.over, ended) == (["DeleteModel"], False, [])
    duties.go_on(facts())
    assert (aws.asked, duties.over, ended) == (["DeleteModel"] * 2, True, ["end"])


def test_a_call_that_AWS_is_too_busy_for_is_made_again() -> None:  # noqa: N802
    aws = FakeAws(_refused("Cannot update in-progress endpoint"))
    duties = _duties(aws)
    duties.begin(Duty("route", lambda _: Due((Call("DeleteEndpoint", {}, fine=("busy",)),))), facts())
    assert not duties.over
    duties.go_on(facts())
    assert duties.over


def test_a_verb_takes_the_place_of_its_opposite() -> None:
    duties = _duties(FakeAws())
    waits = lambda _: Due((), "busy")  # noqa: E731 - short
    duties.begin(Duty("stage", waits, "r1"), facts())
    duties.begin(Duty("retire", waits, "r1"), facts())
    duties.begin(Duty("route", waits), facts())
    assert set(duties._waiting) == {("retire", "r1"), ("route", "")}
    duties.forgive("r1")
    assert set(duties._waiting) == {("route", "")}
    duties.begin(Duty("destroy", waits), facts())
    assert set(duties._waiting) == {("destroy", "")}


def test_what_fails_for_a_while_stays_and_what_fails_for_good_goes() -> None:
    busy = _waiting_then(Due((), "busy"), Due((STEP,)))
    duties = _duties(FakeAws(Refused("ThrottlingException", "Rate exceeded"), _refused("No such thing")))
    duties.begin(Duty("stage", busy, "r1"), facts())
    duties.go_on(facts())
    assert not duties.over
    with pytest.raises(DeployerError, match="No such thing"):
        duties.go_on(facts())
    assert duties.over


def test_a_retirement_that_is_refused_by_now_is_forgotten() -> None:
    def refused(_: Facts) -> Due:
        if not asked:
            asked.append(1)
            return Due((), "busy")
        raise Conflict("it has traffic")

    asked: list[int] = []
    duties = _duties(FakeAws())
    duties.begin(Duty("retire", refused, "r1"), facts())
    duties.go_on(facts())
    assert duties.over


def test_without_the_claim_all_is_forgotten() -> None:
    def lost() -> None:
        raise ClaimLost("gone")

    aws = FakeAws()
    duties = _duties(aws, lost)
    duties.begin(Duty("route", _waiting_then(Due((), "busy"), Due((STEP,)))), facts())
    duties.begin(Duty("retire", lambda _: Due((), "busy"), "r1"), facts())
    with pytest.raises(ClaimLost):
        duties.go_on(facts())
    assert duties.over
    assert aws.asked == []
