"""What containers wrote: as ours, told once each while it is followed, and of the right revision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import pytest

from deployer.errors import TargetUnavailable
from deployer_azureml.logs import Logbook, Told, time_of, timed
from tests.unit.azureml.parts import Parts, connected, rights_without
from tests.unit.azureml.values import OTHER, REVISION

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from deployer.testing.azureml import Double
    from deployer.testing.cloud.containers import Wish

Writes = list[Callable[[str], None]]
STAMP = '{"time": "2026-11-29T06:00:0%d.000Z", "event": "request"}'


def test_what_is_new_comes_behind_what_was_told() -> None:
    told = Told()
    assert told.new_in(["a", "b"]) == ("a", "b")
    assert told.new_in(["a", "b"]) == ()
    assert told.new_in(["b", "c"]) == ("c",)
    assert told.new_in(["b", "c", "c", "c"]) == ("c", "c")
    assert told.new_in(["c", "c", "d"]) == ("d",)
    assert told.new_in([]) == ()
    assert told.new_in(["d"]) == ()


def test_a_container_that_began_again_is_told_from_its_first_line() -> None:
    told = Told()
    told.new_in(["start", "crash"])
    assert told.new_in(["start"]) == ("start",)
    assert told.new_in(["start", "crash"]) == ("crash",)


def test_instances_that_answer_by_turns_are_known_apart() -> None:
    told = Told()
    told.new_in(["one: a", "one: b"])
    assert told.new_in(["two: a"]) == ("two: a",)
    assert told.new_in(["one: a", "one: b", "one: c"]) == ("one: c",)
    assert told.new_in(["two: a", "two: b"]) == ("two: b",)


def test_lines_that_may_be_missing_are_seen() -> None:
    told = Told()
    assert not told.knows(["a"])
    told.new_in(["a", "b"])
    assert told.knows(["b", "c"])
    assert told.knows([])
    assert not told.knows(["x", "y"])


def test_when_a_line_was_written() -> None:
    assert time_of(STAMP % 5) == pytest.approx(1795932005.0)
    assert time_of("2026-11-29T06:00:05+00:00 listening") == pytest.approx(1795932005.0)
    for line in ("", "{", '{"time": 3}', '["time"]', "2026-11-29", "2026-11-29T06:00:05 no zone", "Killed"):
        assert time_of(line) is None


def test_a_line_without_a_time_is_as_old_as_the_one_before() -> None:
    lines = ["first", STAMP % 1, "  traceback", STAMP % 2, STAMP % 1, "end\r"]
    found = [*timed(lines, REVISION)]
    assert [each.at and each.at - 1795932000 for each in found] == [None, 1, 1, 2, 2, 2]
    assert (found[-1].text, found[-1].revision) == ("end", REVISION)
    assert [each.text for each in timed(lines, REVISION, 1795932002)] == ["first", STAMP % 2, STAMP % 1, "end"]


# On the double.


@pytest.fixture
def writes() -> Writes:
    return []


@pytest.fixture
def double(writes: Writes) -> Generator[Double]:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, Durations, InProcess, Options
    from deployer.testing.azureml.echo import echo

    def server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
        writes.append(write)
        return echo(wish, write)

    with Double(Options(containers=InProcess({"": server}), durations=Durations(probe_every=0.01))) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(double, connected(double, monkeypatch))


def test_lines_of_each_revision(parts: Parts, writes: Writes) -> None:
    parts.serving()
    parts.stage(OTHER)
    book = Logbook(parts.azure, parts.surveyor.survey)
    writes[0](STAMP % 1)
    writes[1](STAMP % 2)
    found = [*book.read("iris", None, None, None)]
    assert {each.revision for each in found} == {REVISION, OTHER}
    assert [each.text for each in book.read("iris", REVISION, 1, None)] == [STAMP % 1]
    assert [each.text for each in book.read("iris", None, None, 1795932002)][-1] == STAMP % 2
    assert [*book.read("iris", "r0000000", None, None)] == []
    assert [*book.read("nobody", None, None, None)] == []
    assert book.written(parts.facts(), REVISION).lines[-1] == STAMP % 1


def test_it_is_followed_until_the_endpoint_is_gone(parts: Parts, writes: Writes) -> None:
    parts.serving()
    turns = itertools.count()

    def pause(_: float) -> None:
        turn = next(turns)
        if turn < 3:
            for number in range(3):
                writes[0](f"line {turn}.{number}")
        elif turn == 3:
            parts.azure.ask("DELETE", "onlineEndpoints/iris")
        else:
            parts.driver.pause()

    book = Logbook(parts.azure, parts.surveyor.survey, pause)
    found = [each.text for each in book.follow("iris", None, 1, None)]
    assert found[1:] == [f"line {turn}.{number}" for turn in range(3) for number in range(3)]
    assert found[0].startswith("serving ")


def test_more_lines_than_one_look_has_are_told_all(
    parts: Parts, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer_azureml.logs._WINDOW", 4)
    parts.serving()
    book = Logbook(parts.azure, parts.surveyor.survey, lambda _: [writes[0](f"line {each}") for each in range(20)])
    lines = book.follow("iris", None, None, None)
    assert next(lines).text.startswith("serving ")
    assert [next(lines).text for _ in range(20)] == [f"line {each}" for each in range(20)]
    lines.close()  # type: ignore[attr-defined]


def test_who_may_not_read_them_is_told_the_right(parts: Parts, double: Double) -> None:
    parts.serving()
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/getLogs/action"
    double.tell("PUT", "rights", rights_without(action))
    with pytest.raises(TargetUnavailable, match=action) as refused:
        list(Logbook(parts.azure, parts.surveyor.survey).read("iris", None, 5, None))
    assert "PERMISSION" in str(refused.value)
    assert refused.value.hint is not None
    assert action in refused.value.hint


def test_what_has_no_container_yet_wrote_nothing(parts: Parts, double: Double) -> None:
    parts.serving()
    double.fault("GetLogs", error="UserError", status=404, times=1)
    assert [*Logbook(parts.azure, parts.surveyor.survey).read("iris", None, None, None)] == []
