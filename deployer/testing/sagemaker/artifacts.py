"""Brings a model's data from S3 to the folder that its container sees as /opt/ml/model."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["Missing", "fetch", "locate", "place"]


class Missing(Exception):
    """The data is not there, or is not what it should be.

    Args:
        url: Where it was looked for.
        why: In a few words.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.url = url


def locate(container: Mapping[str, Any]) -> tuple[str, bool, bool] | None:
    """Where a container's data is: (URL, whether it is a tar.gz, whether the URL is a prefix); None where it has none.

    Documented: ModelDataUrl is one gzipped tar; S3DataSource says by CompressionType and S3DataType what it is.
    """
    if url := container.get("ModelDataUrl"):
        return str(url), True, False
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return None
    return str(source["S3Uri"]), source["CompressionType"] == "Gzip", source["S3DataType"] == "S3Prefix"


def place(url: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` URL.

    Raises:
        Missing: It is none.
    """
    found = re.fullmatch(r"s3://([^/]+)/?(.*)", url)
    if found is None:
        raise Missing(url, "no s3:// URL")
    return found[1], found[2]


def fetch(s3: Any, container: Mapping[str, Any], folder: Path) -> bool:
    """Put a container's data below the folder.

    Args:
        s3: A botocore client.
        container: Of the model.
        folder: An empty one.

    Returns:
        Whether it has any.

    Raises:
        Missing: It is not there, is no tar.gz though it should be, or holds names that lead out of the folder.
    """
    located = locate(container)
    if located is None:
        return False
    url, packed, prefix = located
    bucket, key = place(url)
    keys = listed(s3, url) if prefix else [key]
    for each in keys:
        try:
            data = s3.get_object(Bucket=bucket, Key=each)["Body"].read()
        except s3.exceptions.ClientError as error:
            raise Missing(url, str(error)) from error
        if packed:
            _unpack(url, data, folder)
        else:
            relative = each.removeprefix(key).lstrip("/") if prefix else PurePosixPath(each).name
            if relative:
                _write(url, folder, relative, data)
    return True


def listed(s3: Any, url: str) -> list[str]:
    """The keys below a prefix.

    Raises:
        Missing: There is none, or no such bucket.
    """
    bucket, key = place(url)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    except s3.exceptions.ClientError as error:
        raise Missing(url, str(error)) from error
    if not keys:
        raise Missing(url, "no object below it")
    return keys


def _unpack(url: str, data: bytes, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for each in archive.getmembers():  # by hand: Python before 3.11.4 has no filters
                if not (each.isreg() or each.isdir()):
                    raise Missing(url, f"{each.name} is neither a file nor a folder")
                content = archive.extractfile(each)
                if content is not None:  # a folder has none
                    _write(url, folder, each.name.lstrip("/"), content.read())
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Missing(url, f"no tar.gz: {error}") from error


def _write(url: str, folder: Path, relative: str, data: bytes) -> None:
    if ".." in PurePosixPath(relative).parts:
        raise Missing(url, f"a key leads out of the folder: {relative}")
    if relative.endswith("/"):
        return
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
