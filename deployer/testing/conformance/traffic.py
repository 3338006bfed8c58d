"""Weighted traffic, requests to one revision, and the headers by which a verification counts."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Mirrored, Traffic
from deployer.errors import ClaimLost, Conflict, DeployerError, NotFound, TargetUnavailable
from deployer.target import InvokesRevision, Mirrors, Request, WeightedTraffic
from deployer.testing.conformance.workbench import still

if TYPE_CHECKING:
    from deployer.target import Response, Target
    from deployer.testing.conformance.workbench import Workbench
    from deployer.testing.writer import Writer

__all__ = ["TrafficConformance"]


class TrafficConformance:
    """`WeightedTraffic`, `Mirrors`, `InvokesRevision`, and the headers of `Target.invoke`."""

    def test_shares_are_met_or_refused(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, shares = _two(workbench, target, name), Traffic({})
        first, second = workbench.release().revision, workbench.release("second").revision
        shares = Traffic({first: 75, second: 25})
        before = still(target, name)
        if not isinstance(target, WeightedTraffic) or not workbench.shares:
            with pytest.raises(DeployerError) as caught:
                target.route(name, shares, writer.claim)
            assert not isinstance(caught.value, ClaimLost)
            assert still(target, name) == before
            return
        with workbench.calling(name) as caller:
            writer.route(shares)
            workbench.until(target, name, lambda: _traffic(target, name).same_as(shares))
            caller.answered.clear()
            workbench.until(target, name, lambda: caller.total >= 200)
        assert caller.problem({first, second}) is None
        part = caller.answered.get(second, 0) / caller.total
        assert 0.1 < part < 0.4
        writer.route(Traffic.all_to(second))
        workbench.until(target, name, lambda: _traffic(target, name).same_as(Traffic.all_to(second)))

    def test_copies_go_where_they_are_wished_and_nobody_gets_their_answers(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        if not isinstance(target, Mirrors) or not workbench.shares:
            pytest.skip(f"{target.kind} copies no requests here")
        writer = _two(workbench, target, name)
        first, second = workbench.release().revision, workbench.release("second").revision
        with pytest.raises(Conflict):
            target.mirror(name, Mirrored(revision="r0000000", percent=50), writer.claim)
        with pytest.raises(Conflict):
            target.mirror(name, Mirrored(revision=first, percent=50), writer.claim)
        assert _mirror(target, name) is None
        copied = Mirrored(revision=second, percent=workbench.copies)
        target.mirror(name, copied, writer.claim)
        workbench.until(target, name, lambda: _mirror(target, name) == copied)
        before = workbench.answered(target, name, second)
        for _ in range(20):
            assert target.invoke(name, workbench.request()).revision == first
        some = 20 if workbench.copies == 100 else 1  # of a share it is chance how many
        workbench.until(target, name, lambda: workbench.answered(target, name, second) >= before + some)
        target.mirror(name, None, writer.claim)
        workbench.until(target, name, lambda: _mirror(target, name) is None)
        target.mirror(name, copied, writer.claim)
        workbench.until(target, name, lambda: _mirror(target, name) == copied)
        writer.route(Traffic.all_to(second))  # who gets it gets no copies of it
        workbench.until(target, name, lambda: _traffic(target, name).same_as(Traffic.all_to(second)))
        workbench.until(target, name, lambda: _mirror(target, name) is None)

    def test_an_answer_names_its_revision_and_refuses_another_s(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        _two(workbench, target, name)
        first, second = workbench.release().revision, workbench.release("second").revision
        asked = workbench.request()
        assert target.invoke(name, asked).revision == first
        assert target.invoke(name, _with(asked, "Deployer-Revision", first)).status == 200
        other = target.invoke(name, _with(asked, "Deployer-Revision", second))
        # A route by that header answers with the revision that was named: never is it another one's answer.
        assert (other.status, other.revision) in ((421, first), (200, second))

    def test_a_verification_says_whether_the_answers_are_equal(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        _two(workbench, target, name)
        answer = target.invoke(name, _with(workbench.request(), "Deployer-Verify", "1"))
        assert answer.status == 200
        assert answer.headers["deployer-parity"] == "equal"
        assert "deployer-parity" not in target.invoke(name, workbench.request()).headers

    def test_a_revision_without_traffic_answers_who_asks_for_it(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        if not isinstance(target, InvokesRevision):
            pytest.skip(f"{target.kind} cannot invoke a revision without traffic")
        _two(workbench, target, name)
        second = workbench.release("second").revision
        asked = _with(workbench.request(), "Deployer-Revision", second)
        answer = target.invoke_revision(name, second, asked)
        assert (answer.status, answer.revision) == (200, second)
        assert target.invoke(name, workbench.request()).revision == workbench.release().revision
        with pytest.raises((NotFound, TargetUnavailable)):
            target.invoke_revision(name, "r0000000", asked)
        with pytest.raises((NotFound, TargetUnavailable)):
            target.invoke_revision(f"{name}-no", second, asked)

    def test_a_revision_that_is_not_ready_says_so(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, InvokesRevision):
            pytest.skip(f"{target.kind} cannot invoke a revision without traffic")
        workbench.staged(target, name, "load-fails")
        try:
            answer = target.invoke_revision(name, workbench.release("load-fails").revision, workbench.request())
        except TargetUnavailable as error:
            said: tuple[int, bool] = (503, error.transient)
        else:
            said = (answer.status, True)
        assert said == (503, True)


def _two(workbench: Workbench, target: Target, name: str) -> Writer:
    writer, first = workbench.staged(target, name), workbench.release()
    second = workbench.add(writer, "second")
    workbench.await_phase(target, name, second.revision)
    writer.route(Traffic.all_to(first.revision))
    workbench.until(target, name, lambda: _traffic(target, name).same_as(Traffic.all_to(first.revision)))
    workbench.until(target, name, lambda: _answer(target, workbench, name) is not None)
    return writer


def _traffic(target: Target, name: str) -> Traffic:
    seen = target.observe(name)
    return seen.traffic if seen else Traffic()


def _mirror(target: Target, name: str) -> Mirrored | None:
    seen = target.observe(name)
    return seen.mirror if seen else None


def _answer(target: Target, workbench: Workbench, name: str) -> Response | None:
    try:
        return target.invoke(name, workbench.request())
    except TargetUnavailable:
        return None


def _with(request: Request, header: str, value: str) -> Request:
    return replace(request, headers={**request.headers, header: value})
