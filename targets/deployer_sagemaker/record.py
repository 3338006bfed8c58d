"""The Record of an endpoint as an S3 object, which is written conditionally: what is sent, and what is read. Pure.

S3 compares and swaps by ETag (PutObject's ``If-None-Match: *`` and ``If-Match``, DeleteObject's ``If-Match``; User
Guide, conditional-requests), which for a small object is a digest of its bytes; so each text has a random word in it,
and two equal Records are two versions.
"""

from __future__ import annotations

from dataclasses import dataclass

from deployer.endpoint import Record
from deployer.target.stored import record_bytes
from deployer.value import JSON

__all__ = ["Bucket"]


@dataclass(frozen=True)
class Bucket:
    """Where Records and models lie.

    Attributes:
        name: The bucket's.
        owner: The account that must have it: the name of one that was deleted can be taken by anybody.
        region: The endpoints' own; endpoints of two regions may share a bucket.
        prefix: What all keys begin with.
    """

    name: str
    owner: str
    region: str
    prefix: str = "deployer"

    def object(self, key: str) -> dict[str, JSON]:
        """What names one of its objects in a request."""
        return {"Bucket": self.name, "Key": key, "ExpectedBucketOwner": self.owner}

    @property
    def records(self) -> str:
        """What keys of Records begin with."""
        return f"{self.prefix}/{self.region}/records/"

    def key(self, endpoint: str) -> str:
        """Of an endpoint's Record."""
        return f"{self.records}{endpoint}.json"

    def endpoint(self, key: str) -> str | None:
        """Whose Record a key is of; None for another's."""
        name = key.removeprefix(self.records).removesuffix(".json")
        return name if key == self.key(name) and "/" not in name else None

    def adopted(self, endpoint: str) -> dict[str, JSON]:
        """GetObject, DeleteObject and the beginning of PutObject: where names of what was taken over are kept."""
        return self.object(f"{self.prefix}/{self.region}/adopted/{endpoint}.json")

    @property
    def weights(self) -> str:
        """Where models of ``image.weights: mount`` lie; each region's own, as are the Records that name them."""
        return f"s3://{self.name}/{self.prefix}/{self.region}/models"

    def get(self, endpoint: str) -> dict[str, JSON]:
        """GetObject."""
        return self.object(self.key(endpoint))

    def put(self, record: Record, expected: str | None, word: str) -> dict[str, JSON]:
        """PutObject.

        Args:
            record: What is written.
            expected: The ETag of what it is written over; None: there must be none.
            word: A random one, another each time.
        """
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        body = record_bytes(record, word)
        return {**self.object(self.key(record.endpoint)), "Body": body, "ContentType": "application/json", **condition}

    def delete(self, endpoint: str, expected: str) -> dict[str, JSON]:
        """DeleteObject."""
        return {**self.object(self.key(endpoint)), "IfMatch": expected}
