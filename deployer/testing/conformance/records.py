"""The Record: written conditionally, never otherwise."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Before, Code, Diagnosis, HistoryEntry, Result, Rollout, Traffic
from deployer.errors import ClaimLost, Conflict
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deployer.target import Target
    from deployer.testing.conformance.workbench import Workbench

__all__ = ["RecordConformance"]


class RecordConformance:
    """`Target.read_record`, `Target.write_record`."""

    def test_nothing_is_there_at_first(self, target: Target, name: str) -> None:
        assert target.read_record(name) is None
        assert target.observe(name) is None
        assert name not in {each.name for each in target.list()}

    def test_what_is_written_is_read_by_everybody(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        writer.write(**_full(workbench))
        assert other.read_record(name) == (writer.record, writer.version)

    def test_a_large_record_fits(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        entry = _full(workbench)["history"][0]
        locks = {str(n): "".join(f"package-{line}==1.{n}.{line}\n" for line in range(2000)) for n in range(4)}
        writer.write(history=(entry,) * 20, locks=locks)
        assert target.read_record(name) == (writer.record, writer.version)

    def test_the_record_alone_is_observed_and_listed(self, workbench: Workbench, target: Target, name: str) -> None:
        Writer(target, name).begin(workbench.spec(name))
        seen = target.observe(name)
        assert seen is not None
        assert (seen.name, seen.target, seen.managed, seen.owner) == (name, target.site.name, True, target.site.owner)
        assert not seen.revisions
        assert not seen.traffic
        assert name in {each.name for each in target.list()}

    def test_a_second_first_write_loses(self, workbench: Workbench, target: Target, other: Target, name: str) -> None:
        first = Writer(target, name).begin(workbench.spec(name))
        assert first.record is not None
        with pytest.raises(ClaimLost):
            other.write_record(first.record.model_copy(update={"owner": "late"}), None)
        assert other.read_record(name) == (first.record, first.version)

    def test_a_write_on_an_old_version_loses(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        first = Writer(target, name).begin(workbench.spec(name))
        old = first.version
        second = Writer(other, name).begin(workbench.spec(name))
        assert first.record is not None
        assert second.version != old
        with pytest.raises(ClaimLost):
            target.write_record(first.record, old)
        assert target.read_record(name) == (second.record, second.version)

    def test_equal_records_have_versions_of_their_own(self, workbench: Workbench, target: Target, name: str) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        old = writer.version
        writer.write()
        assert writer.record is not None
        assert writer.version != old
        with pytest.raises(ClaimLost):
            target.write_record(writer.record, old)

    def test_of_many_first_writes_one_wins(self, workbench: Workbench, name: str) -> None:
        writers = [Writer(workbench.connect(), name, by=f"w{number}") for number in range(8)]
        start = threading.Barrier(len(writers))
        won: list[Writer] = []
        lost: list[ClaimLost] = []

        def race(writer: Writer) -> None:
            start.wait()
            try:
                won.append(writer.begin(workbench.spec(name)))
            except ClaimLost as error:
                lost.append(error)

        _together(race, writers)
        versions = {writer.version for writer in won}
        stored = workbench.connect().read_record(name)
        assert stored is not None
        assert len(won) + len(lost) == len(writers)
        assert len(versions) == len(won)  # those that won after another had: each on a version of its own
        assert stored[0].generation == len(won)

    def test_of_many_writes_on_one_version_one_wins(self, workbench: Workbench, target: Target, name: str) -> None:
        first = Writer(target, name).begin(workbench.spec(name))
        targets = [workbench.connect() for _ in range(8)]
        start = threading.Barrier(len(targets))
        won: list[str] = []

        def race(each: Target) -> None:
            assert first.record is not None
            start.wait()
            try:
                won.append(each.write_record(first.record, first.version))
            except ClaimLost:
                return

        _together(race, targets)
        assert len(won) == 1
        assert target.read_record(name) == (first.record, won[0])

    def test_a_version_from_before_a_destruction_is_worth_nothing(
        self, workbench: Workbench, target: Target, name: str
    ) -> None:
        writer = Writer(target, name).begin(workbench.spec(name))
        record, old = writer.record, writer.version
        assert record is not None
        writer.destroy()
        workbench.await_gone(target, name)
        with pytest.raises(ClaimLost):
            target.write_record(record, old)
        assert target.read_record(name) is None
        again = Writer(target, name).begin(workbench.spec(name))
        with pytest.raises(ClaimLost):
            target.write_record(record, old)
        assert target.read_record(name) == (again.record, again.version)

    def test_a_foreign_name_gets_no_record(self, workbench: Workbench, target: Target, name: str) -> None:
        workbench.put_foreign(name)
        with pytest.raises(Conflict) as caught:
            Writer(target, name).begin(workbench.spec(name))
        assert not isinstance(caught.value, ClaimLost)
        assert target.read_record(name) is None
        assert workbench.foreign_untouched(name)


def _together(race: Callable[[Any], None], items: Sequence[Any]) -> None:
    threads = [threading.Thread(target=race, args=(each,)) for each in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _full(workbench: Workbench) -> dict[str, Any]:
    release = workbench.release()
    diagnosis = Diagnosis(code=Code.MODEL_LOAD, summary="größer", evidence=("x" * 2000, "[/foo] \x1b[31m ::error::"))
    ended = {"at": 1.5, "by": "ada", "verb": "update", "result": Result.REJECTED, "diagnosis": diagnosis}
    entry = HistoryEntry.model_validate({"revision": release.revision, "model": "m", **ended})
    before = Before(spec={"a": [1, None]})
    rollout = Rollout(verb="update", revision=release.revision, by="ada", started=2.5, before=before)
    return {
        "traffic": Traffic.all_to(release.revision),
        "releases": {release.revision: release},
        "locks": {release.lock: "numpy==2.0 --hash=sha256:0\n"},
        "rollout": rollout,
        "history": (entry,),
    }
