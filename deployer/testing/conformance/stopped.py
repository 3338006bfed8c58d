"""A writer that is stopped before each call, while another finishes, and then goes on."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Traffic
from deployer.errors import TargetUnavailable
from deployer.testing.conformance.workbench import still
from deployer.testing.puppet import Puppet
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deployer.target import Target
    from deployer.testing.conformance.workbench import Workbench

__all__ = ["StoppedWriterConformance"]

VERBS = ["configure", "stage", "route", "retire", "destroy"]


class StoppedWriterConformance:
    """The slow writer is a process of its own, stopped by SIGSTOP as a laptop's lid or a hypervisor would."""

    @pytest.mark.parametrize("verb", VERBS)
    def test_stopped_before_a_verb_it_changes_nothing(
        self, workbench: Workbench, target: Target, name: str, verb: str
    ) -> None:
        slow = _two(workbench, target, name)
        with _puppet(workbench) as puppet:
            puppet.begin(verb, **_arguments(workbench, slow, verb), stop_at=0)
            puppet.await_stop(workbench.patience)
            _finish(workbench, target, name)
            before = still(target, name)
            assert puppet.go_on(workbench.patience) == "ClaimLost"
        assert still(target, name) == before
        assert target.invoke(name, workbench.request()).revision == workbench.release().revision

    @pytest.mark.parametrize("verb", VERBS)
    def test_stopped_within_a_verb_the_next_apply_repairs_what_slipped_through(
        self, workbench: Workbench, target: Target, name: str, verb: str
    ) -> None:
        stop_at, ended = 1, False
        slow = _two(workbench, target, name)
        while not ended:
            with _puppet(workbench) as puppet:
                puppet.begin(verb, **_arguments(workbench, slow, verb), stop_at=stop_at)
                ended = not puppet.await_stop(workbench.patience)
                if not ended:
                    slow = self._overtake(
                        workbench, target, slow.name, puppet, verb=verb, next_name=f"{name}-{stop_at}"
                    )
            stop_at += workbench.stride
        assert stop_at > 1 + workbench.stride  # it was stopped within the verb at least once

    def _overtake(
        self, workbench: Workbench, target: Target, name: str, puppet: Puppet, *, verb: str, next_name: str
    ) -> Writer:
        """Another writer finishes meanwhile; returns the one that is next to be slow."""
        first, second = workbench.release().revision, workbench.release("second").revision
        if verb == "destroy":  # what it had begun may have gone on without it
            puppet.go_on(workbench.patience)
            workbench.finish(target, name)
            return _two(workbench, target, next_name)
        fast = _finish(workbench, target, name)
        record = target.read_record(name)
        assert puppet.go_on(workbench.patience) in ("ClaimLost", "done")
        assert target.read_record(name) == record  # the Record is written conditionally, whatever else is not
        fast.configure(workbench.spec(name))
        fast.stage(workbench.spec(name), workbench.release())
        workbench.await_phase(target, name, first)
        fast.route(Traffic.all_to(first))
        workbench.until(target, name, lambda: _revision_of(workbench, target, name) == first)
        fast.retire(second, keep=False)
        workbench.await_gone(target, name, second)
        assert target.invoke(name, workbench.request()).revision == first
        workbench.add(fast, "second")
        workbench.await_phase(target, name, second)
        return fast


def _puppet(workbench: Workbench) -> contextlib.AbstractContextManager[Puppet]:
    return Puppet(workbench.address, workbench.options.model_dump(mode="json"), workbench.kind.name)


def _two(workbench: Workbench, target: Target, name: str) -> Writer:
    """Serves ``first``, has ``second`` staged."""
    writer, first = workbench.staged(target, name), workbench.release()
    second = workbench.add(writer, "second")
    workbench.await_phase(target, name, second.revision)
    writer.route(Traffic.all_to(first.revision))
    workbench.until(target, name, lambda: _revision_of(workbench, target, name) == first.revision)
    return writer


def _arguments(workbench: Workbench, writer: Writer, verb: str) -> Mapping[str, object]:
    second = workbench.release("second")
    claim = writer.claim.model_dump(mode="json")
    changed = workbench.spec(writer.name, labels={"slow": "yes"}, replicas=2).wish()
    arguments: dict[str, dict[str, object]] = {
        "configure": {"spec": changed, "claim": claim},
        "stage": {"spec": changed, "release": workbench.release().model_dump(mode="json"), "claim": claim},
        "route": {"endpoint": writer.name, "traffic": {second.revision: 100}, "claim": claim},
        "retire": {"endpoint": writer.name, "revision": second.revision, "claim": claim, "keep": False},
        "destroy": {"endpoint": writer.name, "claim": claim},
    }
    return arguments[verb]


def _finish(workbench: Workbench, target: Target, name: str) -> Writer:
    """Another writer takes the claim over and finishes what it wants: ``first`` serves on."""
    fast = Writer(target, name, by="fast@conformance").begin(workbench.spec(name), "update")
    fast.configure(workbench.spec(name))
    fast.route(Traffic.all_to(workbench.release().revision))
    workbench.until(target, name, lambda: _revision_of(workbench, target, name) == workbench.release().revision)
    return fast


def _revision_of(workbench: Workbench, target: Target, name: str) -> str | None:
    """Who answers; looked at first, as the engine waits: what a verb could not ask for yet is asked for by a look.

    None while nobody does, as where a move takes its time.
    """
    target.observe(name)
    try:
        return target.invoke(name, workbench.request()).revision
    except TargetUnavailable as error:
        if not error.transient:
            raise
        return None
