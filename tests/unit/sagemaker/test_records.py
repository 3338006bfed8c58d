"""Records in S3, against the double."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from deployer.errors import ClaimLost, Conflict, SpecError, TargetUnavailable
from deployer.target.stored import record_bytes
from deployer_sagemaker.client import Aws
from deployer_sagemaker.records import Records
from tests.unit.sagemaker.values import record

POLICY = None
"""Where infra/aws makes no bucket, the target makes its own; and there are other buckets here."""
_NUMBERS = itertools.count()


@pytest.fixture
def records(aws: Aws) -> Records:
    return Records(aws)


@pytest.fixture
def name() -> str:
    return f"iris{next(_NUMBERS)}"


def test_what_was_written_is_read_with_its_version(records: Records, name: str) -> None:
    assert records.read(name) is None
    wish = record(endpoint=name, locks={"l" * 64: "numpy==1\n" * 9})
    version = records.write(wish, None)
    assert records.read(name) == (wish, version)
    later = wish.model_copy(update={"generation": 2})
    newer = records.write(later, version)
    assert newer != version
    assert records.read(name) == (later, newer)
    assert name in list(records.names())


def test_the_first_write_makes_the_bucket_if_its_name_is_ours_to_choose(new_aws: Callable[..., Aws]) -> None:
    aws = new_aws(region="eu-north-1")
    records = Records(aws)
    assert records.bucket.name == "deployer-123456789012-eu-north-1"
    assert list(records.names()) == []
    assert records.read("iris") is None
    records.write(record(), None)
    assert list(records.names()) == ["iris"]
    place = aws.ask("s3", "GetBucketLocation", {"Bucket": records.bucket.name})
    assert place["LocationConstraint"] == "eu-north-1"


def test_a_bucket_that_was_named_is_not_made(new_aws: Callable[..., Aws]) -> None:
    with pytest.raises(SpecError, match="no bucket of-mine"):
        Records(new_aws(bucket="of-mine")).write(record(), None)


def test_a_bucket_of_another_account_gets_nothing(new_aws: Callable[..., Aws], double: object) -> None:
    aws = new_aws(bucket="taken")
    aws.ask("s3", "CreateBucket", {"Bucket": "taken", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}})
    double.world.owners.set("taken", "210987654321")  # type: ignore[attr-defined]
    records = Records(aws)
    with pytest.raises(TargetUnavailable, match="PERMISSION"):
        records.write(record(), None)
    with pytest.raises(TargetUnavailable, match="PERMISSION"):
        records.read("iris")


def test_of_two_writers_one_wins(records: Records, name: str) -> None:
    wish = record(endpoint=name)
    version = records.write(wish, None)
    with pytest.raises(ClaimLost):
        records.write(wish, None)
    records.write(wish, version)  # equal to what is there, and yet another version
    with pytest.raises(ClaimLost):
        records.write(wish, version)


def test_a_record_that_is_gone_is_not_written_again(records: Records, name: str) -> None:
    version = records.write(record(endpoint=name), None)
    records.forget(name, version)
    assert records.read(name) is None
    records.forget(name, version)  # once more is no error
    with pytest.raises(ClaimLost):
        records.write(record(endpoint=name), version)


def test_another_version_is_not_removed(records: Records, name: str) -> None:
    version = records.write(record(endpoint=name), None)
    newer = records.write(record(endpoint=name), version)
    with pytest.raises(ClaimLost):
        records.forget(name, version)
    assert records.read(name) == (record(endpoint=name), newer)


@pytest.mark.parametrize("first", [True, False])
def test_a_write_whose_answer_was_lost_is_known_again(
    records: Records, name: str, first: bool, faults: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = None if first else records.write(record(endpoint=name), None)
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    patient = Records(Aws(records._aws.options))  # one that sends it again
    faults("PutObject", lost=True)
    wish = record(endpoint=name, generation=7)
    newer = patient.write(wish, version)
    assert patient.read(name) == (wish, newer)  # a client that is made now is kept by none of the others


def test_two_writes_at_the_same_moment_are_told_apart_by_sending_it_again(
    records: Records, name: str, faults: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer_sagemaker.records._AGAIN", (0.0,))
    faults("PutObject", error="ConditionalRequestConflict", status=409, message="in the way", name="")
    assert records.write(record(endpoint=name), None)
    faults("PutObject", error="ConditionalRequestConflict", status=409, message="in the way", times=2)
    with pytest.raises(TargetUnavailable) as caught:
        records.write(record(endpoint=name), None)
    assert caught.value.transient


def test_what_cannot_be_read_is_written_over(records: Records, name: str, aws: Aws) -> None:
    records.write(record(endpoint=name), None)
    known = records.bucket.get(name)
    aws.ask("s3", "PutObject", {**known, "Body": record_bytes(record(endpoint=name), "w")[:90]})
    assert records.read(name) is None
    version = records.write(record(endpoint=name), None)
    assert records.read(name) == (record(endpoint=name), version)


def test_a_failure_is_no_answer(records: Records, name: str, faults: Callable[..., None]) -> None:
    faults("GetObject", error="InternalError", status=500, message="We encountered an internal error.")
    with pytest.raises(TargetUnavailable) as caught:
        records.read(name)
    assert caught.value.transient
    faults("PutObject", error="AccessDenied", status=403, message="Access Denied")
    with pytest.raises(TargetUnavailable, match="PERMISSION") as caught:
        records.write(record(endpoint=name), None)
    assert not caught.value.transient


def test_a_name_that_another_account_has_is_told(new_aws: Callable[..., Aws], faults: Callable[..., None]) -> None:
    records = Records(new_aws(region="ap-south-1"))
    faults("CreateBucket", error="BucketAlreadyExists", status=409, message="not available")
    with pytest.raises(Conflict, match="another account's"):
        records.write(record(), None)
