"""Data capture: what was asked and answered, as lines of JSON in S3.

Documented (Developer Guide, model-monitor-data-capture-endpoint): below the destination
``ENDPOINT/VARIANT/YYYY/MM/DD/HH/``, a line for each request. The service gathers lines into files; here each
has its own.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.artifacts import place

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Endpoint, Region
    from deployer.testing.sagemaker.world import World

__all__ = ["keep"]


def keep(world: World, region: Region, endpoint: Endpoint, variant: str, **parts: tuple[str, bytes]) -> None:
    """Write one request down, if the endpoint's configuration asks for it.

    Args:
        world: The double.
        region: Where.
        endpoint: Which was asked.
        variant: Which answered.
        parts: ``input`` and ``output``, each its content type and its bytes.
    """
    config = endpoint.fleet.config.request.get("DataCaptureConfig") if endpoint.fleet is not None else None
    if not config or not config.get("EnableCapture"):
        return
    if random.random() * 100 >= float(config["InitialSamplingPercentage"]):  # noqa: S311 - it samples
        return
    now = datetime.fromtimestamp(world.clock.now(), UTC)
    wanted = {str(each["CaptureMode"]).lower() for each in config["CaptureOptions"]}
    if "inputandoutput" in wanted:
        wanted = {"input", "output"}
    name = str(uuid.uuid4())
    line = {
        "captureData": {f"endpoint{key.title()}": _part(key, *parts[key], config) for key in sorted(wanted)},
        "eventMetadata": {"eventId": name, "inferenceTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "eventVersion": "0",
    }
    bucket, prefix = place(str(config["DestinationS3Uri"]))
    path = f"{endpoint.name}/{variant}/{now:%Y/%m/%d/%H/%M-%S-%f}-{name}.jsonl"
    key = f"{prefix.rstrip('/')}/{path}".lstrip("/")
    client = world.inside.client("s3", region.name, region.account)
    client.put_object(Bucket=bucket, Key=key, Body=json.dumps(line).encode() + b"\n")


def _part(key: str, kind: str, data: bytes, config: Mapping[str, Any]) -> dict[str, str]:
    kinds = config.get("CaptureContentTypeHeader") or {}
    told, encoding = "", "BASE64"
    if kind in (kinds.get("JsonContentTypes") or ["application/json"]):
        told, encoding = data.decode(errors="replace"), "JSON"
    elif kind in (kinds.get("CsvContentTypes") or ["text/csv"]):
        told, encoding = data.decode(errors="replace"), "CSV"
    else:
        told = base64.b64encode(data).decode()
    return {"observedContentType": kind, "mode": key.upper(), "data": told, "encoding": encoding}
