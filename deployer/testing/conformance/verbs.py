"""The verbs: idempotent, non-blocking, and each does its own thing only."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Phase, Traffic
from deployer.errors import ClaimLost, Conflict, DeployerError, NotFound, TargetUnavailable
from deployer.target import EnvironmentSink
from deployer.testing.conformance.workbench import still, unmoving
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from deployer.endpoint import Endpoint, Revision
    from deployer.target import Target
    from deployer.testing.conformance.workbench import Lot, Workbench

__all__ = ["VerbConformance"]


class VerbConformance:
    """`Target.configure`, `stage`, `route`, `retire`, `destroy`, `observe`, `list`, `invoke`, `sink`."""

    def test_an_endpoint_lives_from_configure_to_destroy(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        before = workbench.leftovers()
        release = workbench.release()
        writer = workbench.staged(target, name)
        staged = target.observe(name)
        assert staged is not None
        assert not staged.traffic  # staging moves none
        writer.route(Traffic.all_to(release.revision))
        seen = workbench.until(target, name, lambda: _serving(other, name, release.revision))
        assert (seen.name, seen.target, seen.managed, seen.owner) == (name, other.site.name, True, target.site.owner)
        assert seen.phase is Phase.HEALTHY
        assert [(each.id, each.wanted, each.ready) for each in seen.revisions] == [(release.revision, 1, 1)]
        assert unmoving(seen) in [unmoving(each) for each in other.list()]
        answer = other.invoke(name, workbench.request())
        assert (answer.status, answer.revision) == (200, release.revision)
        assert "predictions" in json.loads(answer.body)
        passed: list[bytes] = []
        heard = other.invoke(name, replace(workbench.request(), passed=passed.append))
        assert (heard.status, heard.revision, heard.body) == (200, release.revision, b"")
        assert json.loads(b"".join(passed)) == json.loads(answer.body)
        writer.destroy()
        workbench.await_gone(target, name)
        assert other.read_record(name) is None
        assert name not in {each.name for each in other.list()}
        with pytest.raises(NotFound):
            other.invoke(name, workbench.request())
        workbench.leave(before)

    def test_a_name_can_be_used_again(self, workbench: Workbench, target: Target, name: str) -> None:
        workbench.staged(target, name).destroy()
        workbench.await_gone(target, name)
        writer = workbench.staged(target, name)
        writer.route(Traffic.all_to(workbench.release().revision))
        workbench.until(target, name, lambda: _serving(target, name, workbench.release().revision))
        assert target.invoke(name, workbench.request()).status == 200

    @pytest.mark.parametrize("length", [3, 32])
    def test_every_valid_name_works(self, workbench: Workbench, target: Target, name: str, length: int) -> None:
        valid = (name.replace("-", "") * 4)[:length]
        writer = Writer(target, valid).begin(workbench.spec(valid))
        writer.configure(workbench.spec(valid))
        assert target.observe(valid) is not None
        writer.destroy()
        workbench.await_gone(target, valid)

    def test_the_sink_is_of_the_declared_kind(self, workbench: Workbench, target: Target, name: str) -> None:
        Writer(target, name).begin(workbench.spec(name))
        sink = target.sink(name)
        if workbench.kind.delivers == "environment":
            assert isinstance(sink, EnvironmentSink)
            assert sink.folder.is_dir()
        if workbench.kind.delivers == "nothing":
            assert sink is None

    def test_configure_makes_the_endpoint_and_is_seen(self, workbench: Workbench, target: Target, name: str) -> None:
        spec = workbench.spec(name, labels={"team": "risk"}, history_limit=3)
        writer = Writer(target, name).begin(spec)
        writer.configure(spec)
        seen = target.observe(name)
        assert seen is not None
        assert seen.managed
        assert not seen.revisions
        assert name in {each.name for each in target.list()}
        assert seen.settings.get("history_limit", 3) == 3
        assert seen.settings.get("labels", {"team": "risk"}) == {"team": "risk"}
        before = still(target, name)
        writer.configure(spec)
        assert still(target, name) == before

    def test_configure_changes_in_place(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = workbench.staged(target, name)
        release = workbench.release()
        writer.configure(workbench.spec(name, labels={"team": "fraud"}))
        seen = workbench.await_phase(target, name, release.revision)
        assert seen.settings.get("labels", {"team": "fraud"}) == {"team": "fraud"}

    def test_stage_again_changes_nothing(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = workbench.staged(target, name)
        before = still(target, name)
        writer.stage(workbench.spec(name), workbench.release())
        workbench.await_phase(target, name, workbench.release().revision)
        assert still(target, name) == before

    def test_the_count_changes_in_place_and_loses_no_request(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, name, lambda: _serving(target, name, release.revision))
        with workbench.calling(name) as caller:
            for count in (2, 1):
                writer.stage(workbench.spec(name, replicas=count), release)
                seen = workbench.until(target, name, functools.partial(_counting, target, name, count))
                assert [each.id for each in seen.revisions] == [release.revision]
                assert seen.traffic.same_as(Traffic.all_to(release.revision))
        assert caller.problem({release.revision}) is None

    def test_a_failed_revision_is_staged_anew(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, release = workbench.staged(target, name, "load-fails"), workbench.release("load-fails")
        seen = workbench.await_phase(target, name, release.revision, Phase.FAILED)
        began = _since(seen.find(release.revision))
        writer.stage(workbench.spec(name, "load-fails"), release)
        workbench.until(target, name, lambda: _since(_find(target, name, release.revision)) > began)
        workbench.await_phase(target, name, release.revision, Phase.FAILED)

    def test_route_moves_traffic_and_loses_no_request(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, first = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(first.revision))
        workbench.until(target, name, lambda: _serving(target, name, first.revision))
        second = workbench.add(writer, "second")
        workbench.await_phase(target, name, second.revision)
        with workbench.calling(name) as caller:
            writer.route(Traffic.all_to(second.revision))
            workbench.until(target, name, lambda: _serving(target, name, second.revision))
            before = still(target, name)
            writer.target.route(name, Traffic.all_to(second.revision), writer.claim)  # again, and nothing changes
            assert still(target, name) == before
            workbench.until(target, name, lambda: target.invoke(name, workbench.request()).revision == second.revision)
            writer.retire(first.revision, keep=True)
            workbench.await_gone(target, name, first.revision)
        assert caller.problem({first.revision, second.revision}) is None
        assert caller.last == second.revision

    def test_route_to_what_was_not_staged_is_refused(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        before = still(target, name)
        with pytest.raises(DeployerError) as caught:
            target.route(name, Traffic.all_to(workbench.release("second").revision), writer.claim)
        assert not isinstance(caught.value, ClaimLost)
        assert still(target, name) == before
        writer.retire(release.revision, keep=True)
        workbench.await_gone(target, name, release.revision)
        with pytest.raises(DeployerError):
            target.route(name, Traffic.all_to(release.revision), writer.claim)

    def test_traffic_can_be_taken_away_and_given_back(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, name, lambda: _serving(target, name, release.revision))
        writer.route(Traffic())
        workbench.until(target, name, lambda: (seen := target.observe(name)) and not seen.traffic)
        with pytest.raises(TargetUnavailable):
            target.invoke(name, workbench.request())
        assert _find(target, name, release.revision) is not None  # it runs on, for who asks for it alone
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, name, lambda: _serving(target, name, release.revision))
        assert target.invoke(name, workbench.request()).status == 200

    def test_retire_of_what_has_traffic_is_refused(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, name, lambda: _serving(target, name, release.revision))
        before = still(target, name)
        for keep in (True, False):
            with pytest.raises(Conflict) as caught:
                target.retire(name, release.revision, writer.claim, keep=keep)
            assert not isinstance(caught.value, ClaimLost)
        assert still(target, name) == before
        assert target.invoke(name, workbench.request()).status == 200

    def test_retire_of_what_is_not_there_is_no_error(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        for keep in (True, False):
            target.retire(name, "r0000000", writer.claim, keep=keep)
        writer.configure(workbench.spec(name))
        before = still(target, name)
        for keep in (True, False):
            target.retire(name, "r0000000", writer.claim, keep=keep)
        assert still(target, name) == before

    def test_what_was_kept_is_staged_again_without_delivery(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.retire(release.revision, keep=True)
        workbench.await_gone(target, name, release.revision)
        writer.retire(release.revision, keep=True)
        writer.stage(workbench.spec(name), release)
        workbench.await_phase(target, name, release.revision)

    def test_what_is_not_kept_leaves_nothing(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = workbench.staged(target, name)
        before = workbench.leftovers()
        second = workbench.add(writer, "second")
        workbench.await_phase(target, name, second.revision)
        writer.retire(second.revision, keep=False)
        workbench.await_gone(target, name, second.revision)
        writer.retire(second.revision, keep=False)
        workbench.leave(before)

    @pytest.mark.parametrize("half", ["record", "configured", "staged", "routed", "kept", "failed", "leaving"])
    def test_destroy_finishes_from_every_half_state(
        self, workbench: Workbench, target: Target, other: Target, name: str, half: str
    ) -> None:
        before = workbench.leftovers()
        writer = _half_made(workbench, target, name, half)
        writer.destroy()
        workbench.finish(other, name, writer)  # once more does no harm
        assert other.read_record(name) is None
        workbench.leave(before)

    def test_another_writer_finishes_a_destruction(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        workbench.staged(target, name).destroy()
        if other.observe(name) is not None:
            workbench.finish(other, name)
        assert other.read_record(name) is None

    def test_what_is_done_to_one_name_leaves_longer_names_alone(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        neighbour = f"{name}-b"
        writer, release = workbench.staged(target, neighbour), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, neighbour, lambda: _serving(target, neighbour, release.revision))
        before = still(target, neighbour)
        mine = workbench.staged(target, name)
        mine.retire(release.revision, keep=False)
        mine.destroy()
        workbench.await_gone(target, name)
        assert still(target, neighbour) == before
        assert target.invoke(neighbour, workbench.request()).revision == release.revision

    def test_a_request_to_nothing_is_not_found(self, workbench: Workbench, target: Target, name: str) -> None:
        with pytest.raises(NotFound):
            target.invoke(name, workbench.request())

    def test_an_error_answer_is_an_answer(self, workbench: Workbench, target: Target, name: str) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        workbench.until(target, name, lambda: _serving(target, name, release.revision))
        asked = workbench.request()
        answer = target.invoke(name, type(asked)(body=b"{", headers=asked.headers))
        assert (answer.status, answer.revision) == (400, release.revision)


def _serving(target: Target, name: str, revision: str) -> Endpoint | None:
    seen = target.observe(name)
    there = seen.find(revision) if seen else None
    settled = there is not None and there.settled and there.phase is Phase.HEALTHY
    return seen if seen is not None and settled and seen.traffic.same_as(Traffic.all_to(revision)) else None


def _counting(target: Target, name: str, count: int) -> Endpoint | None:
    seen = target.observe(name)
    return seen if seen and all((each.wanted, each.ready) == (count, count) for each in seen.revisions) else None


def _find(target: Target, name: str, revision: str) -> Revision | None:
    seen = target.observe(name)
    return seen.find(revision) if seen else None


def _since(revision: Revision | None) -> float:
    return (revision.since or 0.0) if revision else 0.0


def _half_made(workbench: Workbench, target: Target, name: str, half: str) -> Writer:
    if half in ("record", "configured"):
        writer = Writer(target, name).begin(workbench.spec(name))
        if half == "configured":
            writer.configure(workbench.spec(name))
        return writer
    lot: Lot = "load-fails" if half == "failed" else "first"
    writer, release = workbench.staged(target, name, lot), workbench.release(lot)
    if half == "routed":
        writer.route(Traffic.all_to(release.revision))
    if half == "kept":
        writer.retire(release.revision, keep=True)
    if half == "leaving":
        writer.destroy()
        if target.read_record(name) is None:
            return Writer(target, name).begin(workbench.spec(name))
    return writer
