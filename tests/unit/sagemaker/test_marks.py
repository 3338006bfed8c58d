"""Tags, and what is read from them."""

from __future__ import annotations

import re

import pytest

from deployer.endpoint import Traffic
from deployer_sagemaker.marks import (
    MOST_LABELS,
    Asked,
    Marks,
    Role,
    State,
    as_tags,
    labels_of,
    read_marks,
    shares_of,
    shares_text,
    tags_of,
    told,
    usable_label,
)
from tests.unit.sagemaker.values import OLD, OTHER, REVISION, release

FULL = Marks("team", "iris", Role.CONFIG, REVISION, State.KEPT, f"{REVISION}=100", Asked(OLD, 1764386040.125))


@pytest.mark.parametrize("marks", [FULL, Marks("team", "iris", Role.ENDPOINT), Marks("t", "iris", Role.VERIFY, OTHER)])
def test_marks_are_read_as_they_were_written(marks: Marks) -> None:
    assert read_marks(tags_of(as_tags(marks.tags({"team": "risk"})))) == marks


def test_ours_win_over_labels_and_fit_beside_the_most_of_them() -> None:
    tags = FULL.tags({"deployer:owner": "thief", **{f"label{n}": "" for n in range(MOST_LABELS - 1)}})
    assert tags["deployer:owner"] == "team"
    assert len({**tags, **told(release())}) <= 50


def test_every_mark_is_a_tag_that_aws_takes() -> None:
    for key, value in {**FULL.tags(), **told(release())}.items():
        assert re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]{1,128}", key)
        assert re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]{0,256}", value), value


def test_what_a_tag_cannot_hold_is_left_out() -> None:
    odd = release().model_copy(update={"model": release().model.model_copy(update={"resolved": "C:\\models\\iris"})})
    assert "deployer:model" not in told(odd)
    assert told(odd)["deployer:digest"] == odd.digest


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"deployer:managed-by": "somebody", "deployer:owner": "t", "deployer:endpoint": "e", "deployer:role": "model"},
        {"deployer:managed-by": "deployer", "deployer:endpoint": "e", "deployer:role": "model"},
        {"deployer:managed-by": "deployer", "deployer:owner": "t", "deployer:endpoint": "e", "deployer:role": "king"},
    ],
)
def test_what_is_not_ours_has_none(tags: dict[str, str]) -> None:
    assert read_marks(tags) is None


def test_a_broken_word_of_ours_is_no_word() -> None:
    found = read_marks({**FULL.tags(), "deployer:asked": "nonsense"})
    assert found is not None
    assert found.asked is None


def test_labels_are_what_is_neither_ours_nor_aws_s() -> None:
    assert labels_of({**FULL.tags({"team": "risk"}), "aws:cloudformation:stack": "x"}) == {"team": "risk"}


@pytest.mark.parametrize(
    ("key", "value", "usable"),
    [
        ("team", "risk & fraud", False),
        ("team", "Größe 1", True),
        ("aws:team", "x", False),
        ("Deployer:team", "x", False),
        ("k" * 129, "x", False),
        ("team", "v" * 257, False),
        ("", "x", False),
    ],
)
def test_which_labels_aws_takes(key: str, value: str, usable: bool) -> None:
    assert usable_label(key, value) is usable


def test_shares_as_text_and_from_weights() -> None:
    assert shares_text(Traffic({REVISION: 90, OTHER: 10})) == f"{REVISION}=90+{OTHER}=10"
    assert shares_of([(REVISION, 2.0), (OTHER, 1.0)]) == {REVISION: 67, OTHER: 33}
    assert shares_of([(REVISION, 1.0), (OTHER, 1.0), ("r0", 1.0)]) == {REVISION: 33, OTHER: 34, "r0": 33}
    assert shares_of([(REVISION, 1.0), (OTHER, 0.0)]) == {REVISION: 100}
    assert shares_of([(REVISION, 0.0)]) == {}
