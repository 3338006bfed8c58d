"""The Record as a ConfigMap."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer_kubernetes.record import _document, record_of
from tests.unit.kubernetes.values import record


def _stored() -> dict[str, Any]:
    return _document(record(locks={"a" * 64: "numpy==2.0\n" * 1000}))


def test_it_comes_back_and_a_person_can_read_it() -> None:
    stored = _stored()
    assert record_of(stored) == record(locks={"a" * 64: "numpy==2.0\n" * 1000})
    assert '"endpoint": "iris"' in stored["data"]["record.json"]
    assert len(stored["binaryData"]["locks"]) < 1000
    assert record_of(_document(record())) == record()


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_one_is_none(text: str) -> None:
    stored = _stored()
    stored["data"]["record.json"] = text
    if text in ("[1]", "null"):
        with pytest.raises(TargetUnavailable):
            record_of(stored)
    else:
        assert record_of(stored) is None


def test_locks_that_cannot_be_unpacked() -> None:
    stored = _stored()
    stored["binaryData"]["locks"] = "AAAA"
    assert record_of(stored) is None


def test_one_of_another_version_is_told() -> None:
    stored = _stored()
    stored["data"]["record.json"] = stored["data"]["record.json"].replace('"format": 1', '"format": 2')
    with pytest.raises(TargetUnavailable, match="another version of deployer"):
        record_of(stored)


def test_one_that_is_not_ours() -> None:
    stored = _stored()
    stored["metadata"]["labels"] = {}
    assert record_of(stored) is None
