"""An asynchronous endpoint asked as if it answered at once: the request into its queue, the answer from S3."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator

from deployer.errors import SpecError, TargetUnavailable
from deployer.target import Request, Response
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.invoking import async_invocation
from deployer_sagemaker.record import Bucket

__all__ = ["Queue"]

INLINE = 128_000
"""Bytes of a request that needs no place in S3 (botocore: InvokeEndpointAsync, Body)."""
_PAUSES = (0.1, 2.0)
"""Seconds between two looks for the answer, the shortest and the longest."""
_USUAL, _LONGEST = 900.0, 3600.0
"""Seconds that AWS gives a request by itself, and at most (API reference, InvokeEndpointAsync)."""


class Queue:
    """Asks asynchronous endpoints.

    Args:
        aws: The connection.
        bucket: Where large requests lie while they wait.
    """

    def __init__(self, aws: Aws, bucket: Callable[[], Bucket]) -> None:
        self._aws = aws
        self._bucket = bucket

    def ask(self, endpoint: str, request: Request) -> Response:
        """Ask, and wait for the answer as long as the request allows.

        Raises:
            NotFound: There is no such endpoint.
            TargetUnavailable: No answer came in time; it may come yet, to S3.
        """
        until = time.monotonic() + request.timeout
        seconds = min(_LONGEST, request.timeout) if request.timeout > _USUAL else None
        with told(f"ask {endpoint}", endpoint), self._placed(request) as location:
            asked = async_invocation(endpoint, request, location=location, seconds=seconds)
            taken = self._aws.ask("sagemaker-runtime", "InvokeEndpointAsync", asked)
            places = {200: taken.get("OutputLocation"), 500: taken.get("FailureLocation")}
            pause = _PAUSES[0]
            while True:
                for status, place in places.items():
                    body = self._read(str(place)) if place else None
                    if body is not None:
                        return Response(status, body)
                left = until - time.monotonic()
                if left <= 0:
                    raise TargetUnavailable(
                        f"no answer within {request.timeout:.0f} s; it will be at {places[200]}", transient=True,
                        where=endpoint, hint="give it longer: --timeout",
                    )  # fmt: skip
                time.sleep(min(pause, left))
                pause = min(_PAUSES[1], 1.5 * pause)

    @contextlib.contextmanager
    def _placed(self, request: Request) -> Iterator[str | None]:
        """Where a large request lies, as long as it is needed; None for one that goes along with the call."""
        if len(request.body) <= INLINE:
            yield None
            return
        bucket = self._bucket()
        key = f"{bucket.prefix}/{bucket.region}/requests/{uuid.uuid4().hex}"
        known = {"Bucket": bucket.name, "Key": key, "ExpectedBucketOwner": bucket.owner}
        self._aws.ask("s3", "PutObject", {**known, "Body": request.body})
        try:
            yield f"s3://{bucket.name}/{key}"
        finally:
            self._aws.ask("s3", "DeleteObject", known)

    def _read(self, place: str) -> bytes | None:
        bucket, _, key = place.removeprefix("s3://").partition("/")
        try:
            answer = self._aws.ask("s3", "GetObject", {"Bucket": bucket, "Key": key})
        except Refused as refused:
            if refused.code == "NoSuchBucket":
                raise SpecError(
                    f"answers go to s3://{bucket}, and there is no such bucket", where="config.async_inference",
                    hint=f"aws s3 mb s3://{bucket}",
                ) from refused  # fmt: skip
            if refused.missing:
                return None
            raise
        return bytes(answer["Body"].read())
