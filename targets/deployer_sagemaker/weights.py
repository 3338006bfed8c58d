"""Models that their images leave out: files below a prefix of the bucket, which AWS brings to each instance.

A model is whole when its marker is there, which lies beside its folder (what is in the folder is what a container sees)
and is written last.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from deployer.errors import BuildError
from deployer.importing import library
from deployer.target import WeightStore
from deployer.target.pieces import Forwards, Pieces
from deployer_sagemaker.client import REQUEST, Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.record import Bucket

__all__ = ["KeptModel", "S3Weights"]

_PART, _MOST_PARTS = 16 * 2**20, 10_000
"""Bytes of a part of a large file, and how many parts S3 takes of one (S3 User Guide, "multipart upload limits")."""
_FOLDER = "model/"
_MARKER = re.compile(r"(?P<model>[0-9a-f]{64})\.whole")


@dataclass(frozen=True)
class KeptModel:
    """A model in the bucket.

    Attributes:
        model: Its digest.
        since: When it was put there, or begun: seconds since the epoch.
        whole: Whether it is all there.
    """

    model: str
    since: float
    whole: bool


class S3Weights(WeightStore):
    """The models of a bucket.

    Args:
        aws: The connection.
        bucket: Which.
    """

    def __init__(self, aws: Aws, bucket: Callable[[], Bucket]) -> None:
        self._aws = aws
        self._bucket = bucket

    def has(self, model: str) -> bool:
        """As the contract says."""
        bucket = self._bucket()
        with told("look for the weights", bucket.weights):
            try:
                answer = self._aws.ask("s3", "GetObject", bucket.object(_marker(bucket, model)))
            except Refused as refused:
                if refused.missing:
                    return False
                raise
            answer["Body"].close()
        return True

    def put(self, model: str, image: str, archive: Iterable[bytes]) -> None:  # noqa: ARG002 - no image is needed
        """As the contract says. No file is held in memory or written to disk on the way."""
        bucket, pieces, count, size = self._bucket(), Pieces(archive), 0, 0
        with told("store the weights", bucket.weights):
            with tarfile.open(fileobj=pieces, mode="r|", bufsize=2**20) as members:
                for member in members:
                    if member.isfile():
                        name = member.name.removeprefix(_FOLDER)
                        self._upload(
                            bucket, f"{_folder(bucket, model)}{name}", members.extractfile(member), member.size
                        )
                        count, size = count + 1, size + member.size
            pieces.drain()
            if not count:
                raise BuildError("the model has no files", where=bucket.weights)
            body = json.dumps({"files": count, "bytes": size}).encode()
            self._aws.ask("s3", "PutObject", {**bucket.object(_marker(bucket, model)), "Body": body})

    def kept(self) -> Iterator[KeptModel]:
        """All that are there.

        Raises:
            Refused: S3 answers with an error.
        """
        bucket = self._bucket()
        asked = {"Bucket": bucket.name, "Prefix": _root(bucket), "ExpectedBucketOwner": bucket.owner}
        newest: dict[str, float] = {}
        whole = set[str]()
        try:
            for each in self._aws.all("s3", "ListObjectsV2", "Contents", asked):
                name, _, rest = str(each["Key"]).removeprefix(_root(bucket)).partition("/")
                marker = _MARKER.fullmatch(name) if not rest else None
                model = marker["model"] if marker is not None else name
                if not re.fullmatch(r"[0-9a-f]{64}", model):
                    continue  # somebody else's
                whole |= {model} if marker is not None else set()
                newest[model] = max(newest.get(model, 0.0), float(each["LastModified"].timestamp()))
        except Refused as refused:
            if refused.code != "NoSuchBucket":
                raise
        yield from (KeptModel(model, since, model in whole) for model, since in sorted(newest.items()))

    def remove(self, model: str) -> None:
        """Take one away, the marker first: what is left of it, if this is broken off, is no model any more."""
        bucket = self._bucket()
        with told("remove the weights", bucket.weights):
            self._aws.ask("s3", "DeleteObject", bucket.object(_marker(bucket, model)))
            asked = {"Bucket": bucket.name, "Prefix": _folder(bucket, model), "ExpectedBucketOwner": bucket.owner}
            for each in [*self._aws.all("s3", "ListObjectsV2", "Contents", asked)]:
                self._aws.ask("s3", "DeleteObject", bucket.object(str(each["Key"])))

    def _upload(self, bucket: Bucket, key: str, source: IO[bytes] | None, size: int) -> None:
        """By the SDK's own transfers, which send the parts of a large file beside each other and again if need be."""
        if source is None:
            return
        sys.audit(REQUEST, "s3 Upload")
        manager = library("s3transfer.manager")
        config = manager.TransferConfig(multipart_chunksize=max(_PART, -(-size // (_MOST_PARTS - 1))))
        known = bucket.object(key)
        extra = {"ExpectedBucketOwner": known["ExpectedBucketOwner"]}
        with manager.TransferManager(self._aws.client("s3"), config) as transfers, self._aws.refusals("PutObject"):
            transfers.upload(Forwards(source), known["Bucket"], known["Key"], extra).result()


def _root(bucket: Bucket) -> str:
    return bucket.weights.partition("://")[2].partition("/")[2] + "/"


def _folder(bucket: Bucket, model: str) -> str:
    return f"{_root(bucket)}{model}/"


def _marker(bucket: Bucket, model: str) -> str:
    return f"{_root(bucket)}{model}.whole"
