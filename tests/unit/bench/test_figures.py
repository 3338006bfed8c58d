"""Goals and ratios are judged as the benchmark's table says."""

from __future__ import annotations

import json

import pytest

from bench.contest.figures import LINES, OURS, PEER, Figures, Line, document, table

SHARE = next(line for line in LINES if line.share == 0.5)
MOST = next(line for line in LINES if line.most == 1)


def figures(line: Line, ours: list[float], peer: list[float]) -> Figures:
    made = Figures()
    for who, values in ((OURS, ours), (PEER, peer)):
        for value in values:
            made.add(line.key, who, value)
    return made


@pytest.mark.parametrize(("ours", "met"), [([4, 5, 90], True), ([6], False)])
def test_a_share_is_of_the_medians(ours: list[float], met: bool) -> None:
    verdict = figures(SHARE, ours, [10, 10, 11]).verdict(SHARE)
    assert (verdict.ratio, verdict.met) == (ours[len(ours) // 2] / 10, met)


def test_a_bound_needs_no_peer() -> None:
    assert figures(MOST, [0.9], []).verdict(MOST).met is True
    assert figures(MOST, [1.1], [100]).verdict(MOST).met is False


def test_what_was_not_measured_is_neither_met_nor_short() -> None:
    nothing = Figures()
    assert {nothing.verdict(line).met for line in LINES} == {None}
    assert nothing.short() == []
    assert figures(SHARE, [1], []).verdict(SHARE).met is None


def test_the_table_says_what_falls_short_and_each_remark_once() -> None:
    made = figures(SHARE, [9], [10])
    for _ in range(2):
        made.note(SHARE.key, "a remark")
    lines = list(table(made))
    assert lines[-1] == f"falls short: ({SHARE.key}) {SHARE.what}: 0.900 of MLflow's where 0.5 is the goal"
    assert sum("a remark" in line for line in lines) == 1
    assert sum("not measured" in line for line in lines) == sum(
        line is not SHARE and (line.share or line.most) is not None for line in LINES
    )


def test_the_document_has_every_line() -> None:
    told = json.loads(document(figures(MOST, [1, 2], [8]), {"at": "now"}))
    assert [line["key"] for line in told["lines"]] == [line.key for line in LINES]
    (line,) = [line for line in told["lines"] if line["key"] == MOST.key]
    assert (line["median"], line["met"]) == ({OURS: 1.5, PEER: 8}, False)
