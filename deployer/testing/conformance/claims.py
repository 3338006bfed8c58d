"""The claim: a verb whose claim does not hold changes nothing, and what is not ours is never touched."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Claim, Holder, Traffic
from deployer.errors import ClaimLost, DeployerError
from deployer.target import KeepsSecrets
from deployer.testing.conformance.workbench import still
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deployer.target import Target
    from deployer.testing.conformance.workbench import Workbench

__all__ = ["ClaimConformance", "verbs_of"]


class ClaimConformance:
    """What each mutating verb does with the claim that it is handed, and with foreign things."""

    def test_verbs_of_a_writer_that_was_overtaken_change_nothing(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        first = _serving_two(workbench, target, name)
        stale = first.claim
        Writer(other, name, by="other@conformance").begin(workbench.spec(name), "update")
        self._check_refused(workbench, target, name, stale)

    def test_verbs_with_a_claim_that_was_given_back_change_nothing(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        writer = _serving_two(workbench, target, name)
        claim = writer.claim
        writer.give_back()
        self._check_refused(workbench, target, name, claim)

    def test_verbs_of_another_generation_or_token_change_nothing(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        claim = _serving_two(workbench, target, name).claim
        for moved in ({"generation": claim.generation - 1}, {"generation": claim.generation + 1}, {"token": "other"}):
            self._check_refused(workbench, target, name, claim.model_copy(update=moved))

    def test_verbs_after_the_endpoint_is_gone_make_nothing(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        before = workbench.leftovers()
        writer = _serving_two(workbench, target, name)
        writer.destroy()
        workbench.await_gone(other, name)
        for verb, call in verbs_of(workbench, target, name, writer.claim).items():
            with pytest.raises(ClaimLost):
                call()
            assert target.observe(name) is None, verb
            assert target.read_record(name) is None, verb
        workbench.leave(before)

    def test_verbs_of_the_endpoint_before_leave_its_successor_alone(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        old = _serving_two(workbench, target, name)
        claim = old.claim
        old.destroy()
        workbench.await_gone(other, name)
        _serving_two(workbench, other, name)
        self._check_refused(workbench, target, name, claim)

    def test_a_renewed_claim_still_holds(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        old = writer.claim
        writer.write(claim=old.model_copy(update={"expires": old.expires + 60}))
        target.configure(workbench.spec(name), old)
        assert target.observe(name) is not None

    def test_the_overtaking_writer_goes_on(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        first = workbench.staged(target, name)
        release = workbench.release()
        second = Writer(other, name).begin(workbench.spec(name), "update")
        with pytest.raises(ClaimLost):
            first.write()
        second.route(Traffic.all_to(release.revision))
        workbench.until(other, name, lambda: _answers(other, workbench, name))

    def test_what_is_foreign_is_seen_and_never_touched(self, workbench: Workbench, target: Target, name: str) -> None:
        workbench.put_foreign(name)
        seen = target.observe(name)
        assert seen is not None
        assert not seen.managed
        assert seen.owner is None
        assert [each.managed for each in target.list() if each.name == name] == [False]
        now = target.now()
        holder = Holder(by="suite", host="conformance", pid=1, started="1")
        claim = Claim(token="nobody's", generation=1, holder=holder, verb="create", since=now, expires=now + 60)  # noqa: S106
        for verb, call in verbs_of(workbench, target, name, claim).items():
            with pytest.raises(DeployerError):
                call()
            assert workbench.foreign_untouched(name), verb
        assert target.read_record(name) is None

    def test_what_is_foreign_stays_when_its_neighbour_goes(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        workbench.put_foreign(f"{name}-a")
        writer = workbench.staged(target, name)
        writer.destroy()
        workbench.await_gone(target, name)
        assert workbench.foreign_untouched(f"{name}-a")

    def _check_refused(self, workbench: Workbench, target: Target, name: str, claim: Claim) -> None:
        before, left = still(target, name), workbench.leftovers()
        for verb, call in verbs_of(workbench, target, name, claim).items():
            with pytest.raises(ClaimLost):
                call()
            assert still(target, name) == before, verb
            assert workbench.leftovers() == left, verb
        assert target.invoke(name, workbench.request()).revision == workbench.release().revision


def verbs_of(workbench: Workbench, target: Target, name: str, claim: Claim) -> Mapping[str, Callable[[], None]]:
    """Each mutating verb, in a form that would change an endpoint which serves ``first`` and has ``second`` staged."""
    first, second, failing = workbench.release(), workbench.release("second"), workbench.release("load-fails")
    spec = workbench.spec(name, labels={"changed": "yes"}, history_limit=1)
    verbs: dict[str, Callable[[], None]] = {
        "configure": lambda: target.configure(spec, claim),
        "stage a new one": lambda: target.stage(workbench.spec(name, "load-fails"), failing, claim),
        "stage another count": lambda: target.stage(workbench.spec(name, replicas=2), first, claim),
        "route": lambda: target.route(name, Traffic.all_to(second.revision), claim),
        "retire": lambda: target.retire(name, second.revision, claim, keep=False),
        "destroy": lambda: target.destroy(name, claim),
    }
    if isinstance(target, KeepsSecrets):
        keeper = target
        verbs["keep_secrets"] = lambda: keeper.keep_secrets(name, {("LATE", 9): "late"}, claim)
    return verbs


def _serving_two(workbench: Workbench, target: Target, name: str) -> Writer:
    writer, first = workbench.staged(target, name), workbench.release()
    second = workbench.add(writer, "second")
    workbench.await_phase(target, name, second.revision)
    writer.route(Traffic.all_to(first.revision))
    workbench.until(target, name, lambda: _answers(target, workbench, name))
    return writer


def _answers(target: Target, workbench: Workbench, name: str) -> bool:
    try:
        return target.invoke(name, workbench.request()).status == 200
    except DeployerError:
        return False
