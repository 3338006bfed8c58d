"""The Record as a blob."""

from __future__ import annotations

import json

import pytest

from deployer.errors import TargetUnavailable
from deployer.target.stored import overtaken, record_bytes, record_of, word_of
from deployer_azureml.record import Blobs
from tests.unit.azureml.values import record

BLOBS = Blobs("https://store.blob.core.windows.net/azureml-blobstore-1", "team")


def test_names() -> None:
    assert BLOBS.address("iris") == (
        "https://store.blob.core.windows.net/azureml-blobstore-1/deployer/team/records/iris.json"
    )
    assert BLOBS.endpoint(BLOBS.name("iris")) == "iris"
    for other in ("deployer/other/records/iris.json", "deployer/team/records/a/b.json", "deployer/team/records/iris"):
        assert BLOBS.endpoint(other) is None
    assert BLOBS.listed["prefix"] == "deployer/team/records/"


def test_conditions() -> None:
    assert BLOBS.written(None)["If-None-Match"] == "*"
    assert "If-Match" not in BLOBS.written(None)
    assert BLOBS.written('"0x1"')["If-Match"] == '"0x1"'
    assert BLOBS.written(None)["x-ms-blob-type"] == "BlockBlob"
    assert BLOBS.removed('"0x1"')["If-Match"] == '"0x1"'


def test_it_comes_back_and_its_writer_knows_it_again() -> None:
    kept = record(locks={"d": "numpy==2\n" * 500})
    stored = record_bytes(kept, "word")
    assert record_of(stored, "x") == kept
    assert word_of(stored) == "word"
    assert len(stored) < 4000
    assert record_bytes(kept, "other") != stored
    for damaged in (b"", b"{", b"[]", b"3"):
        assert word_of(damaged) == ""


def test_what_cannot_be_read() -> None:
    stored = record_bytes(record(), "word")
    for damaged in (b"", b"{}", stored[:-40], b"[1]", stored.replace(b'"locks": "', b'"locks": "AAAA')):
        assert record_of(damaged, "x") is None
    whole = json.loads(stored)
    for change in ({"deployer": "deployer-record-9"}, {"record": {"format": 7}}):
        with pytest.raises(TargetUnavailable, match="another version of deployer") as caught:
            record_of(json.dumps({**whole, **change}).encode(), "x")
        assert caught.value.where == "x"


def test_who_was_first() -> None:
    claim = {
        "token": "t", "generation": 1, "verb": "update", "since": 1.0, "expires": 2.0,
        "holder": {"by": "ada@laptop", "host": "h", "pid": 1, "started": "s"},
    }  # fmt: skip
    assert "by ada@laptop" in overtaken("iris", record(claim=claim)).message
    assert overtaken("iris", None).message == "the record of iris was changed meanwhile"
