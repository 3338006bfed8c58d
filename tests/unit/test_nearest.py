"""Did you mean."""

from __future__ import annotations

import pytest

from deployer.nearest import closest, did_you_mean

WORDS = ("replicas", "resources", "requirements", "rollout", "history_limit", "local", "docker", "kubernetes")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("replcas", "replicas"),
        ("Replicas", "replicas"),
        ("history-limit", "history_limit"),
        ("locla", "local"),
        ("kube", "kubernetes"),
        ("xyz", None),
        ("", None),
        ("r", None),
    ],
)
def test_the_nearest_word(typed: str, meant: str | None) -> None:
    assert closest(typed, WORDS) == meant


def test_the_sentence() -> None:
    assert did_you_mean("dokcer", WORDS) == " (did you mean 'docker'?)"
    assert did_you_mean("xyz", WORDS) == ""
    assert did_you_mean("xyz", []) == ""
