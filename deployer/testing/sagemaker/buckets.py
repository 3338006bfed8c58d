"""What moto's S3 lacks: a bucket has an owner, and a request may say who it must be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deployer.testing.sagemaker.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call

__all__ = ["Owners"]


class Owners:
    """Which account has which bucket.

    Args:
        usual: Of buckets that nobody was seen to make.
    """

    def __init__(self, usual: str) -> None:
        self._usual = usual
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def set(self, bucket: str, account: str) -> None:
        """Note whose it is."""
        with self._lock:
            self._owners[bucket] = account

    def check(self, call: Call) -> None:
        """Refuse a call that expects another owner (documented: S3 User Guide, bucket-owner-condition).

        Raises:
            Refusal: ``AccessDenied``, 403.
        """
        expected = call.parameters.get("ExpectedBucketOwner")
        with self._lock:
            owner = self._owners.get(str(call.parameters.get("Bucket", "")), self._usual)
        if expected is not None and str(expected) != owner:
            raise Refusal("AccessDenied", "Access Denied", 403)
