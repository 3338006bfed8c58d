"""What is not ours can be told, and taken over while it runs; until then it is never touched."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import pytest

from deployer.endpoint import Endpoint, Traffic
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.target import Adoptable, Site, Target
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from deployer.testing.conformance.workbench import Failure, Workbench

__all__ = ["AdoptionConformance"]


def _skip(target: Target) -> NoReturn:
    pytest.skip(f"{target.kind} has no {Adoptable.word}")


class AdoptionConformance:
    """`Adoptable`."""

    def test_what_is_foreign_can_be_told(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        assert target.adoptable(name) is None
        workbench.put_foreign(name)
        found = target.adoptable(name)
        assert found is not None
        assert found.identity
        assert found.what
        assert not {"name", "target", "secrets"} & set(found.spec)
        assert target.adoptable(name) == found
        assert target.read_record(name) is None
        assert workbench.foreign_untouched(name)

    def test_what_deployer_made_is_not_foreign(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        workbench.staged(target, name)
        assert target.adoptable(name) is None

    def test_what_is_adopted_is_ours_and_runs_on(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        before = workbench.leftovers()
        workbench.put_foreign(name)
        running, found = workbench.running(name), target.adoptable(name)
        assert found is not None
        release = workbench.release()
        writer = Writer(target, name).adopt(workbench.spec(name), release, found.identity)
        seen = workbench.until(target, name, lambda: _ours(other, name))
        assert seen.owner == target.site.owner
        assert [each.id for each in seen.revisions] == [release.revision]
        assert seen.traffic.same_as(Traffic.all_to(release.revision))
        assert workbench.running(name) == running
        assert other.read_record(name) == (writer.record, writer.version)
        assert target.adoptable(name) is None
        writer.adopt(workbench.spec(name), release, found.identity)  # twice is once
        assert workbench.running(name) == running
        assert _ours(other, name) is not None
        writer.destroy()
        workbench.await_gone(target, name)
        workbench.leave(before)

    def test_only_the_very_thing_that_was_told_is_adopted(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        workbench.put_foreign(name)
        found = target.adoptable(name)
        assert found is not None
        with pytest.raises(Conflict):
            Writer(target, name).adopt(workbench.spec(name), workbench.release(), f"{found.identity}0")
        with pytest.raises(Conflict):
            Writer(target, f"{name}-x").adopt(workbench.spec(f"{name}-x"), workbench.release(), found.identity)
        assert target.read_record(name) is None
        assert target.read_record(f"{name}-x") is None
        assert target.adoptable(name) == found
        assert workbench.foreign_untouched(name)

    def test_the_second_of_two_who_adopt_loses(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        if not isinstance(target, Adoptable) or not isinstance(other, Adoptable):
            _skip(target)
        workbench.put_foreign(name)
        found = target.adoptable(name)
        assert found is not None
        first = Writer(target, name).adopt(workbench.spec(name), workbench.release(), found.identity)
        assert first.record is not None
        with pytest.raises(ClaimLost):
            other.adopt(first.record.model_copy(update={"owner": "eve"}), None, found.identity)
        stored = other.read_record(name)
        assert stored == (first.record, first.version)
        first.destroy()
        workbench.await_gone(target, name)

    def test_another_owner_s_endpoint_changes_hands_and_answers_all_the_while(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        theirs = workbench.connect(Site(workbench.kind.name, "theirs"))
        release = workbench.release()
        writer = workbench.staged(theirs, name)
        writer.route(Traffic.all_to(release.revision))
        workbench.until(theirs, name, lambda: _serving(theirs, name))
        writer.give_back()
        with workbench.calling(name) as caller:
            mine = Writer(target, name).adopt(workbench.spec(name), release, None)
            seen = workbench.until(target, name, lambda: _owned(target, name, target.site.owner))
        assert caller.problem({release.revision}) is None
        assert [each.id for each in seen.revisions] == [release.revision]
        with pytest.raises(ClaimLost):
            writer.write(generation=99)
        mine.destroy()
        workbench.await_gone(target, name)

    @pytest.mark.parametrize("failure", ["lost", "half"])
    def test_what_was_half_adopted_is_adopted_by_the_next(
        self, workbench: Workbench, target: Target, other: Target, name: str, failure: Failure
    ) -> None:
        if not isinstance(target, Adoptable):
            _skip(target)
        workbench.put_foreign(name)
        found = target.adoptable(name)
        assert found is not None
        if not workbench.inject("adopt", failure):
            pytest.skip("this place cannot fail so")
        with contextlib.suppress(TargetUnavailable):
            Writer(target, name).adopt(workbench.spec(name), workbench.release(), found.identity)
        writer = Writer(other, name).adopt(workbench.spec(name), workbench.release(), found.identity)
        workbench.until(other, name, lambda: _ours(other, name))
        writer.destroy()
        workbench.await_gone(other, name)


def _ours(target: Target, name: str) -> Endpoint | None:
    seen = target.observe(name)
    return seen if seen is not None and seen.managed and seen.revisions else None


def _owned(target: Target, name: str, owner: str) -> Endpoint | None:
    seen = target.observe(name)
    return seen if seen is not None and seen.owner == owner else None


def _serving(target: Target, name: str) -> bool:
    seen = target.observe(name)
    return bool(seen and seen.traffic)
