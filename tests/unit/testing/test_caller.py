from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response, Target
from deployer.testing.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable


class Answering:
    """The one verb that a caller uses."""

    def __init__(self, answer: Callable[[], Response]) -> None:
        self.answer = answer

    def invoke(self, endpoint: str, request: Request) -> Response:
        return self.answer()


def called(answer: Callable[[], Response], total: int = 3) -> Caller:
    with Caller(cast("Target", Answering(answer)), "iris", Request(), pause=0.001) as caller:
        until = time.monotonic() + 10
        while caller.total + len(caller.lost) < total and time.monotonic() < until:
            time.sleep(0.001)
    return caller


def test_answers_are_counted_by_revision() -> None:
    caller = called(lambda: Response(200, b"", {"deployer-revision": "r1"}))
    assert caller.total >= 3
    assert caller.last == "r1"
    assert caller.problem({"r1"}) is None
    assert "r1" in str(caller.problem({"r2"}))


def test_an_error_and_no_answer_are_lost_requests() -> None:
    def refuse() -> Response:
        raise TargetUnavailable("it is away")

    assert "lost" in str(called(refuse).problem({"r1"}))
    assert "lost" in str(called(lambda: Response(503, b"", {"deployer-revision": "r1"})).problem({"r1"}))


def test_one_request_is_sent_after_the_end() -> None:
    caller = called(lambda: Response(200, b"", {}), total=0)
    assert caller.total >= 1
    assert "None" in str(caller.problem({"r1"}))
