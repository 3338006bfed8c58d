"""The Record as an S3 object: what is sent, and what is read."""

from __future__ import annotations

import json

import pytest

from deployer.errors import ClaimLost, TargetUnavailable
from deployer.target.stored import overtaken, record_bytes, record_of
from deployer_sagemaker.record import Bucket
from tests.unit.sagemaker.values import faults, record

BUCKET = Bucket("ours", "123456789012", "eu-west-1", "deployer")


def test_a_first_write_asks_that_there_is_none_and_whose_bucket_it_is() -> None:
    request = BUCKET.put(record(), None, "word")
    assert request["IfNoneMatch"] == "*"
    assert "IfMatch" not in request
    assert request["ExpectedBucketOwner"] == "123456789012"
    assert request["Key"] == "deployer/eu-west-1/records/iris.json"
    assert faults("PutObject", {**request, "Body": ""}, "s3") == []


def test_a_later_write_asks_for_what_was_read() -> None:
    request = BUCKET.put(record(), '"etag"', "word")
    assert request["IfMatch"] == '"etag"'
    assert "IfNoneMatch" not in request
    assert BUCKET.delete("iris", '"etag"')["IfMatch"] == '"etag"'
    assert faults("DeleteObject", BUCKET.delete("iris", '"etag"'), "s3") == []
    assert faults("GetObject", BUCKET.get("iris"), "s3") == []


def test_it_is_read_as_it_was_written() -> None:
    wished = record(locks={"l" * 64: "numpy==2.0\n" * 2000})
    stored = record_bytes(wished, "word")
    assert record_of(stored, "s3://x") == wished
    assert len(stored) < 5000
    assert json.loads(stored)["record"]["endpoint"] == "iris"


def test_equal_records_have_bytes_of_their_own() -> None:
    assert record_bytes(record(), "one") != record_bytes(record(), "two")


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"record": {}}', b'{"deployer": 1, "record": 2, "locks": "?"}'])
def test_a_damaged_one_is_none(stored: bytes) -> None:
    assert record_of(stored, "s3://x") is None


def test_one_of_another_version_is_left_alone() -> None:
    whole = json.loads(record_bytes(record(), "word"))
    for changed in ({"deployer": "deployer-record-9"}, {"record": {**whole["record"], "new": 1}}):
        with pytest.raises(TargetUnavailable, match="another version") as caught:
            record_of(json.dumps({**whole, **changed}).encode(), "s3://x")
        assert not caught.value.transient


def test_which_keys_are_records() -> None:
    assert BUCKET.endpoint(BUCKET.key("iris")) == "iris"
    for key in ("deployer/eu-west-1/records/a/b.json", "deployer/us-east-1/records/iris.json", "iris.json", "x"):
        assert BUCKET.endpoint(key) is None
    assert BUCKET.weights == f"s3://ours/deployer/{BUCKET.region}/models"


def test_who_was_faster_is_named() -> None:
    assert isinstance(overtaken("iris", None), ClaimLost)
    holder = {"by": "ada@laptop", "host": "h", "pid": 1, "started": "1"}
    claim = {"token": "t", "generation": 1, "holder": holder, "verb": "update", "since": 1.0, "expires": 2.0}
    assert "by ada@laptop" in overtaken("iris", record(claim=claim)).message
