"""Times, sizes and counts as people say them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.cli.render.words import ago, counted, iso, joined, seconds, shorter, since, size


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0 s"), (0.23, "0.2 s"), (14.2, "14.2 s"), (130, "2 m 10 s"), (3900, "1 h 5 m"), (-1, "0.0 s")],
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("age", "long", "short"),
    [(0, "just now", "0 s"), (1, "1 second ago", "1 s"), (600, "10 minutes ago", "10 m"), (7200, "2 hours ago", "2 h"),
     (260000, "3 days ago", "3 d"), (-5, "just now", "0 s")],
)  # fmt: skip
def test_ages(age: float, long: str, short: str) -> None:
    assert (ago(1_000_000 - age, 1_000_000), since(1_000_000 - age, 1_000_000)) == (long, short)


def test_nobody_knows_when() -> None:
    assert (ago(None, 1), since(None, 1), iso(None)) == ("", "", None)


def test_iso() -> None:
    assert iso(0.25) == "1970-01-01T00:00:00.250Z"
    assert iso(1e300) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1, "1 byte"),
        (999, "999 bytes"),
        (48_000, "48 KB"),
        (1500, "1.5 KB"),
        (112e6, "112 MB"),
        (2.5e9, "2.5 GB"),
    ],
)
def test_sizes(value: float | None, text: str) -> None:
    assert size(value) == text


def test_counts_and_lists() -> None:
    assert [counted(1, "row"), counted(1284, "row")] == ["1 row", "1,284 rows"]
    assert [joined([]), joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_paths_are_said_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert shorter(str(tmp_path / "models" / "iris")) == "models/iris"
    assert shorter("models:/iris/3") == "models:/iris/3"
    assert shorter(f"vllm:1@sha256:{'0123' * 16}") == "vllm:1@sha256:012301230123"
    monkeypatch.chdir("/")
    assert shorter(str(tmp_path / "home" / "m")) == "~/m"
    assert shorter("/elsewhere/m") == "/elsewhere/m"
