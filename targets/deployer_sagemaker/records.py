"""Where Records are read and written: one S3 object for each endpoint, in a bucket that is made when it is allowed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from deployer.endpoint import Record
from deployer.errors import Conflict, SpecError
from deployer.target.stored import overtaken, record_of, word_of
from deployer.value import digest
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.record import Bucket

__all__ = ["Records", "bucket_of"]

_AGAIN = (0.1, 0.3, 1.0)
"""Seconds before a write is sent again that another one was in the way of (409 ConditionalRequestConflict)."""
_NO_CONSTRAINT = "us-east-1"
"""The one region that is not named when a bucket is made in it (API reference, CreateBucket)."""


def bucket_of(aws: Aws) -> Bucket:
    """The bucket that is meant: the option's, else ``deployer-ACCOUNT-REGION``."""
    account, options = aws.identity.account, aws.options
    name = options.bucket or f"deployer-{account}-{aws.region}"
    return Bucket(name, account, aws.region, options.prefix)


class Records:
    """The Records of one account and region.

    Args:
        aws: The connection.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @cached_property
    def bucket(self) -> Bucket:
        """Where they lie."""
        return bucket_of(self._aws)

    @property
    def place(self) -> str:
        """A digest of it, as `deployer_sagemaker.marks.RECORDS` has it."""
        return digest(f"{self.bucket.name}/{self.bucket.records}")[:8]

    def read(self, endpoint: str) -> tuple[Record, str] | None:
        """The Record and its version, or None when there is none, or none that can be read.

        Raises:
            TargetUnavailable: S3 does not answer, or another version of deployer wrote it.
        """
        with told(f"read the record of {endpoint}", self._uri(endpoint)):
            found = self._get(endpoint)
        record = record_of(found[0], self._uri(endpoint)) if found is not None else None
        return (record, found[1]) if record is not None and found is not None else None

    def write(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`, but for the look at what is foreign."""
        with told(f"keep the record of {record.endpoint}", self._uri(record.endpoint)):
            return self._write(record, expected)

    def forget(self, endpoint: str, version: str) -> None:
        """Remove the Record, if it is still that version.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
        """
        with told(f"remove the record of {endpoint}", self._uri(endpoint)):
            try:
                self._patiently("DeleteObject", self.bucket.delete(endpoint, version))
            except Refused as refused:
                found = self._get(endpoint) if refused.overtaken else None
                if found is not None:
                    raise overtaken(endpoint, record_of(found[0], self._uri(endpoint))) from refused
                if not (refused.overtaken or refused.missing):
                    raise

    def names(self) -> Iterator[str]:
        """Of the endpoints that have one, whether it can be read or not."""
        request = {
            "Bucket": self.bucket.name, "Prefix": self.bucket.records, "ExpectedBucketOwner": self.bucket.owner,
        }  # fmt: skip
        with told("list the records", f"s3://{self.bucket.name}/{self.bucket.records}"):
            try:
                for each in self._aws.all("s3", "ListObjectsV2", "Contents", request):
                    name = self.bucket.endpoint(str(each["Key"]))
                    if name is not None:
                        yield name
            except Refused as refused:
                if refused.code != "NoSuchBucket":
                    raise

    # What was taken over has names of its own, by which nobody would find it once its endpoint is gone.

    def adopted(self, endpoint: str) -> tuple[str, ...]:
        """Configurations of the endpoint that somebody else made, and that are ours since.

        Raises:
            Refused: S3 answers with an error.
        """
        try:
            answer = self._aws.ask("s3", "GetObject", self.bucket.adopted(endpoint))
        except Refused as refused:
            if refused.missing:
                return ()
            raise
        return tuple(str(each) for each in json.loads(answer["Body"].read()))

    def keep_adopted(self, endpoint: str, configs: Iterable[str]) -> None:
        """Note them; none forgets what was noted."""
        known = self.bucket.adopted(endpoint)
        names = [*configs]
        with told(f"note what {endpoint} was made of", self._uri(endpoint)):
            if names:
                self._aws.ask("s3", "PutObject", {**known, "Body": json.dumps(names).encode()})
            else:
                self._aws.ask("s3", "DeleteObject", known)

    # S3.

    def _uri(self, endpoint: str) -> str:
        return f"s3://{self.bucket.name}/{self.bucket.key(endpoint)}"

    def _get(self, endpoint: str) -> tuple[bytes, str] | None:
        """The object's bytes and its ETag."""
        try:
            answer = self._aws.ask("s3", "GetObject", self.bucket.get(endpoint))
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return bytes(answer["Body"].read()), str(answer["ETag"])

    def _write(self, record: Record, expected: str | None) -> str:
        word = uuid.uuid4().hex
        try:
            return self._put(record, expected, word)
        except Refused as refused:
            if refused.code == "NoSuchBucket" and expected is None:
                self._make_bucket()
                return self._put(record, expected, word)
            if not (refused.overtaken or (refused.missing and expected is not None)):
                raise
            found = self._get(record.endpoint)
            if found is not None and word_of(found[0]) == word:
                return found[1]  # it was done, and the answer was lost on its way
            known = record_of(found[0], self._uri(record.endpoint)) if found is not None else None
            if found is not None and known is None and expected is None:
                return self._put(record, found[1], word)  # what cannot be read is no Record
            raise overtaken(record.endpoint, known) from refused

    def _put(self, record: Record, expected: str | None, word: str) -> str:
        return str(self._patiently("PutObject", self.bucket.put(record, expected, word))["ETag"])

    def _patiently(self, operation: str, request: dict[str, Any]) -> Any:
        for pause in _AGAIN:
            try:
                return self._aws.ask("s3", operation, request)
            except Refused as refused:
                if refused.code != "ConditionalRequestConflict":
                    raise
            time.sleep(pause)
        return self._aws.ask("s3", operation, request)

    def _make_bucket(self) -> None:
        """The bucket, where its name is ours to choose."""
        name, options = self.bucket.name, self._aws.options
        if options.bucket is not None:
            raise SpecError(
                f"there is no bucket {name}", where="bucket",
                hint=f"aws s3api create-bucket --bucket {name} ..., or infra/aws; or leave the option out",
            )  # fmt: skip
        request: dict[str, Any] = {"Bucket": name, "ObjectOwnership": "BucketOwnerEnforced"}
        if self._aws.region != _NO_CONSTRAINT:
            request["CreateBucketConfiguration"] = {"LocationConstraint": self._aws.region}
        try:
            self._aws.ask("s3", "CreateBucket", request)
        except Refused as refused:
            if refused.code == "BucketAlreadyExists":
                raise Conflict(
                    f"the bucket {name} is another account's", where="bucket",
                    hint="name one of yours: bucket in deployer.toml",
                ) from refused  # fmt: skip
            if refused.code not in ("BucketAlreadyOwnedByYou", "OperationAborted"):
                raise
