"""Models of ``image.weights: mount``, in S3: put there whole or not at all, and found by whoever hosts them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import BuildError, TargetUnavailable
from deployer.testing.sagemaker.artifacts import fetch
from deployer_sagemaker.client import Aws
from deployer_sagemaker.models import Place, weights_uri
from deployer_sagemaker.records import Records
from deployer_sagemaker.weights import S3Weights

if TYPE_CHECKING:
    from deployer.testing.sagemaker import Double

FILES = {"MLmodel": b"flavors: {}", "data/weights.bin": b"\0" * 40_000_000, "empty": b""}
FIRST, SECOND = "a" * 64, "b" * 64


def _archive(files: dict[str, bytes], piece: int = 100_000) -> Iterator[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        folder = tarfile.TarInfo("model")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"model/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    whole = stream.getvalue()
    for at in range(0, len(whole), piece):
        yield whole[at : at + piece]


@pytest.fixture
def records(new_aws: Callable[..., Aws], double: Double) -> Records:
    return Records(new_aws())


@pytest.fixture
def store(records: Records, aws: Aws) -> Iterator[S3Weights]:
    bucket = records.bucket
    aws.ask("s3", "CreateBucket", {
        "Bucket": bucket.name, "CreateBucketConfiguration": {"LocationConstraint": bucket.region},
    })  # fmt: skip
    made = S3Weights(aws, lambda: bucket)
    yield made
    for each in made.kept():
        made.remove(each.model)
    aws.ask("s3", "DeleteBucket", {"Bucket": bucket.name})


def test_what_was_put_is_what_a_container_sees(store: S3Weights, records: Records, aws: Aws, tmp_path: Path) -> None:
    assert not store.has(FIRST)
    store.put(FIRST, "", _archive(FILES))
    assert store.has(FIRST)
    assert not store.has(SECOND)
    uri = weights_uri(Place("", records.bucket.weights, ""), FIRST)
    source = {"S3Uri": uri, "CompressionType": "None", "S3DataType": "S3Prefix"}
    fetch(aws.client("s3"), {"ModelDataSource": {"S3DataSource": source}}, tmp_path)
    seen = {str(each.relative_to(tmp_path)): each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    assert seen == FILES
    (kept,) = store.kept()
    assert (kept.model, kept.whole) == (FIRST, True)


def test_what_was_broken_off_is_not_there_and_is_put_again(store: S3Weights) -> None:
    def broken() -> Iterator[bytes]:
        for number, piece in enumerate(_archive(FILES)):
            if number == 200:
                raise BuildError("the model's files changed")
            yield piece

    with pytest.raises(BuildError, match="changed"):
        store.put(FIRST, "", broken())
    assert not store.has(FIRST)
    assert [each.whole for each in store.kept()] == [False]
    store.put(FIRST, "", _archive(FILES))
    assert store.has(FIRST)


def test_an_upload_that_s3_refuses_is_told_in_our_words(store: S3Weights, faults: Callable[..., None]) -> None:
    faults("PutObject", error="AccessDenied", status=403, message="not authorized to perform: s3:PutObject")
    with pytest.raises(TargetUnavailable, match=r"s3:PutObject"):
        store.put(FIRST, "", _archive({"MLmodel": b"1"}))
    assert not store.has(FIRST)


def test_what_is_removed_leaves_no_object(store: S3Weights, aws: Aws, records: Records) -> None:
    for model in (FIRST, SECOND):
        store.put(model, "", _archive({"MLmodel": model.encode()}))
    store.remove(FIRST)
    assert [each.model for each in store.kept()] == [SECOND]
    listed: list[Any] = [*aws.all("s3", "ListObjectsV2", "Contents", {"Bucket": records.bucket.name})]
    assert [each["Key"] for each in listed if FIRST in each["Key"]] == []


def test_models_of_another_region_in_the_same_bucket_are_not_ours_to_clear(
    store: S3Weights, records: Records, aws: Aws
) -> None:
    elsewhere = S3Weights(aws, lambda: replace(records.bucket, region="eu-north-1"))
    elsewhere.put(FIRST, "", _archive({"MLmodel": b"1"}))
    store.put(SECOND, "", _archive({"MLmodel": b"2"}))
    assert [each.model for each in store.kept()] == [SECOND]
    assert not store.has(FIRST)
    elsewhere.remove(FIRST)
