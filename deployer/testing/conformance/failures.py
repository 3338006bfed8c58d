"""Failures of the place, at each verb: mapped to our errors, and over when the same verb is sent again."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Traffic
from deployer.errors import TargetUnavailable
from deployer.target import Diagnoses, InvokesRevision, KeepsSecrets, Logs, Orphans
from deployer.testing.conformance.workbench import still
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deployer.target import Target
    from deployer.testing.conformance.workbench import Failure, Workbench

__all__ = ["FailureConformance"]


class FailureConformance:
    """Injected failures; skipped for those that the workbench cannot inject."""

    @pytest.mark.parametrize("failure", ["timeout", "throttled", "server-error", "permission"])
    def test_reading_fails_in_our_own_words(
        self, workbench: Workbench, target: Target, name: str, failure: Failure
    ) -> None:
        writer, release = workbench.staged(target, name), workbench.release()
        writer.route(Traffic.all_to(release.revision))
        for verb, call in _reading(workbench, target, name, release.revision).items():
            if not workbench.inject(verb, failure):
                pytest.skip(f"this place cannot inject a {failure} of {verb}")
            with pytest.raises(TargetUnavailable) as caught:
                call()
            assert caught.value.transient is (failure != "permission"), verb
            call()

    @pytest.mark.parametrize("failure", ["timeout", "throttled", "server-error", "permission"])
    def test_a_refused_change_changes_nothing(
        self, workbench: Workbench, target: Target, name: str, failure: Failure
    ) -> None:
        writer = workbench.staged(target, name)
        for verb, call in _changing(workbench, writer).items():
            before = still(target, name)
            if not workbench.inject(verb, failure):
                pytest.skip(f"this place cannot inject a {failure} of {verb}")
            with pytest.raises(TargetUnavailable) as caught:
                call()
            assert caught.value.transient is (failure != "permission"), verb
            assert still(target, name) == before, verb
            call()
            _settle(workbench, target, name, verb)
        workbench.await_gone(target, name)
        assert target.read_record(name) is None

    @pytest.mark.parametrize("failure", ["lost", "half"])
    def test_a_change_whose_answer_was_lost_is_sent_again(
        self, workbench: Workbench, target: Target, name: str, failure: Failure
    ) -> None:
        before = workbench.leftovers()
        writer = workbench.staged(target, name)
        for verb, call in _changing(workbench, writer).items():
            if not workbench.inject(verb, failure):
                pytest.skip(f"this place cannot inject a {failure} of {verb}")
            with pytest.raises(TargetUnavailable) as caught:
                call()
            assert caught.value.transient, verb
            if verb == "destroy":
                workbench.finish(target, name, writer)
            else:
                call()
            if verb == "stage":
                workbench.await_phase(target, name, workbench.release("second").revision)
        workbench.await_gone(target, name)
        assert target.read_record(name) is None
        workbench.leave(before)

    def test_a_record_whose_answer_was_lost_is_there(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        if not workbench.inject("write_record", "lost"):
            pytest.skip("this place cannot lose the answer of write_record")
        assert writer.record is not None
        wished = writer.record.model_copy(update={"traffic": Traffic.all_to("r1234567")})
        with pytest.raises(TargetUnavailable):
            target.write_record(wished, writer.version)
        stored = target.read_record(name)
        assert stored is not None
        assert stored[0] == wished


def _settle(workbench: Workbench, target: Target, name: str, verb: str) -> None:
    """Wait until what a verb began is over, so that nothing changes by itself any more."""
    first, second = workbench.release("first").revision, workbench.release("second").revision
    if verb == "stage":
        workbench.await_phase(target, name, second)
    if verb == "route":
        served = Traffic.all_to(second)
        workbench.until(target, name, lambda: (seen := target.observe(name)) and seen.traffic.same_as(served))
    if verb == "retire":  # what is ending is seen until it has ended
        workbench.await_gone(target, name, first)


def _reading(workbench: Workbench, target: Target, name: str, revision: str) -> Mapping[str, Callable[[], object]]:
    calls: dict[str, Callable[[], object]] = {
        "now": target.now,
        "observe": lambda: target.observe(name),
        "list": lambda: list(target.list()),
        "read_record": lambda: target.read_record(name),
        "invoke": lambda: target.invoke(name, workbench.request()),
    }
    if isinstance(target, Logs):
        logs = target.logs
        calls["logs"] = lambda: list(logs(name))
    if isinstance(target, Diagnoses):
        diagnose = target.diagnose
        calls["diagnose"] = lambda: diagnose(name, revision)
    if isinstance(target, InvokesRevision):
        invoke_revision = target.invoke_revision
        calls["invoke_revision"] = lambda: invoke_revision(name, revision, workbench.request())
    if isinstance(target, KeepsSecrets):
        holds = target.holds_secret
        calls["holds_secret"] = lambda: holds(name, "TOKEN", 1, "x")
    if isinstance(target, Orphans):
        orphans = target.orphans
        calls["orphans"] = lambda: list(orphans())
    return calls


def _changing(workbench: Workbench, writer: Writer) -> Mapping[str, Callable[[], object]]:
    """A roll-out from ``first`` to ``second`` and then the end, each verb as one call that may be sent again."""
    target, name, claim = writer.target, writer.name, writer.claim
    first, second = workbench.release(), workbench.release("second")
    spec = workbench.spec(name, "second", labels={"changed": "yes"})
    workbench.deliver(target, spec, second)
    calls: dict[str, Callable[[], object]] = {"configure": lambda: target.configure(spec, claim)}
    if isinstance(target, KeepsSecrets):
        keep = target.keep_secrets
        calls["keep_secrets"] = lambda: keep(name, {("A", 1): "a", ("B", 1): "b"}, claim)
    return {
        **calls,
        "stage": lambda: target.stage(spec, second, claim),
        "route": lambda: target.route(name, Traffic.all_to(second.revision), claim),
        "retire": lambda: target.retire(name, first.revision, claim, keep=False),
        "destroy": lambda: target.destroy(name, claim),
    }
