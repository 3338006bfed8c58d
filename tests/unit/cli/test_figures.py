"""What a revision uses and how it answers, in one line each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.cli.render.documents import status_document
from deployer.cli.render.figures import answered, places, used
from deployer.cli.render.status import status_lines
from deployer.target import Figures
from tests.unit.cli.values import NEW, NOW, endpoint, observed

FIGURES = Figures(412, 3, {"p50": 0.0031, "p95": 0.0094, "p99": 0.0204}, window=300.0, until=NOW)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"pids": [1, 2]}, ""),
        ({"cpu": 0.1234, "memory": 212_000_000}, "0.12 cores, 212 MB of memory"),
        ({"image": "sha256:" + "1c5aa6fb0c58" + "0" * 52}, "image sha256:1c5aa6fb0c58"),
        ({"image": "r.example/ml/iris@sha256:" + "a" * 64}, "image r.example/ml/iris@sha256:aaaaaaaaaaaa"),
        ({"cpu": True, "memory": "much", "image": 7}, ""),
        ({"memory": 0}, "0 bytes of memory"),
    ],
)  # fmt: skip
def test_what_it_uses(facts: dict[str, object], said: str) -> None:
    assert used(facts) == said


def test_what_was_measured_counts() -> None:
    image = {"image": "sha256:" + "1c5aa6fb0c58" + "0" * 52, "memory": 1}
    assert used(image, FIGURES) == "1 byte of memory, image sha256:1c5aa6fb0c58"
    measured = replace(FIGURES, memory=212_000_000, cpu=0.1234)
    assert used(image, measured) == "0.12 cores, 212 MB of memory, image sha256:1c5aa6fb0c58"


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (None, ""),
        (FIGURES, "412 requests in 5 m, 3 errors, p50 3.1 ms, p95 9.4 ms, p99 20 ms"),
        (Figures(0, 0, window=90.0), "no requests in 1.5 m"),
        (Figures(1, 1, window=7200.0, delay=60.0), "1 request in 2 h, 1 error (counted up to 1 m late)"),
        (Figures(2, 0, {"mean": 1.5}), "2 requests, 0 errors, mean 1500 ms"),
    ],
)
def test_how_it_answers(figures: Figures | None, said: str) -> None:
    assert answered(figures) == said


def test_both_stand_below_their_revision() -> None:
    serving = endpoint().revisions[0].model_copy(update={"facts": {"cpu": 0.5, "memory": 1_500_000_000}})
    found = endpoint(revisions=(serving,))
    lines = status_lines(found, observed(), {}, curl=None, address=["iris"], now=NOW, figures={NEW: FIGURES})
    assert lines[2].startswith("  runs      re02b774, ")
    assert lines[3:5] == [
        "              0.50 cores, 1.5 GB of memory",
        "              412 requests in 5 m, 3 errors, p50 3.1 ms, p95 9.4 ms, p99 20 ms",
    ]


def test_the_document_has_units_that_do_not_change() -> None:
    document = status_document(endpoint(), observed(), {}, None, {NEW: FIGURES})
    assert document["figures"] == {
        NEW: {
            "requests": 412, "errors": 3, "latency": FIGURES.latency, "window": 300.0, "resolution": 0.0, "delay": 0.0,
            "until": "2023-11-14T22:13:20.000Z", "error_rate": 3 / 412, "memory": None, "cpu": None,
        }
    }  # fmt: skip


def test_pods_are_told_one_by_one() -> None:
    assert places({"pods": {"b": "on no node, not ready", "a\x1b[1m": "on node1, ready, 2 restarts"}}) == [
        "pod a\\x1b[1m on node1, ready, 2 restarts",
        "pod b on no node, not ready",
    ]
    assert places({"pods": ["a"]}) == places({}) == []


def test_who_has_the_count() -> None:
    assert used({"autoscaler": "1 to 3, now 2"}) == "autoscaler 1 to 3, now 2"
