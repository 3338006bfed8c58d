"""The Record in labels: what is read out of a list of volumes."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer_docker.marks import PREFIX, Marks, Role
from deployer_docker.record import Lost, Version, pack, read_version, stored_of, unpack
from tests.unit.docker.values import record

LIFE, OTHER_LIFE = "a" * 12, "b" * 12


def _birth(life: str = LIFE) -> dict[str, Any]:
    return {"Name": "iris--record", "Labels": Marks("team", "iris", Role.BIRTH).labels(life=life)}


def _version(number: int, life: str = LIFE, **labels: str) -> dict[str, Any]:
    marks = Marks("team", "iris", Role.RECORD)
    return {"Name": f"iris--record.{life}.{number}", "Labels": marks.labels(token=f"t{number}", **labels)}


def test_a_record_comes_back_as_it_went() -> None:
    kept = record(locks={"l": "numpy==2.0 --hash=sha256:0\n" * 100})
    text = pack(kept)
    assert unpack(text) == kept
    assert len(text) < 2000
    assert text.isascii()


def test_what_is_damaged_is_lost_and_what_is_newer_is_told() -> None:
    for text in ("", "2:abc", "1:~~not base85", pack(record())[:-9]):
        with pytest.raises(Lost):
            unpack(text)
    assert read_version(Version("v", LIFE, 1, "t", (), "")) is None
    newer = pack(record()).replace("1:", "1:", 1)
    assert read_version(Version("v", LIFE, 1, "t", (), newer)) == record()
    unknown = pack(record().model_copy(update={"format": 2}))
    with pytest.raises(TargetUnavailable, match="another version of deployer"):
        read_version(Version("v", LIFE, 1, "t", (), unknown))


def test_the_highest_version_of_this_life_counts() -> None:
    volumes = [_version(2), _version(10, ancestors="t9 t8"), _birth(), _version(99, OTHER_LIFE), _version(9)]
    stored = stored_of(volumes, "iris")
    assert stored.life == LIFE
    assert [each.number for each in stored.versions] == [2, 9, 10]
    assert stored.current is not None
    assert (stored.current.name, stored.current.ancestors) == (f"{LIFE}.10.t10", ("t9", "t8"))
    assert stored.stale == (f"iris--record.{OTHER_LIFE}.99",)


def test_versions_without_a_life_are_no_record() -> None:
    stored = stored_of([_version(1), _version(2)], "iris")
    assert (stored.life, stored.current) == (None, None)
    assert len(stored.stale) == 2


def test_what_carries_no_marks_or_another_s_is_not_looked_at() -> None:
    foreign = {"Name": f"iris--record.{LIFE}.7", "Labels": {f"{PREFIX}token": "x"}}
    bare = {"Name": f"iris--record.{LIFE}.8", "Labels": None}
    other = {"Name": f"iris-b--record.{LIFE}.9", "Labels": Marks("team", "iris-b", Role.RECORD).labels(token="x")}
    stored = stored_of([_birth(), foreign, bare, other, _version(1)], "iris")
    assert [each.number for each in stored.versions] == [1]
