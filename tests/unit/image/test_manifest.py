"""Manifests, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.errors import BuildError, SpecError
from deployer.image.manifest import (
    Blob,
    base_layers,
    blob_of,
    chosen,
    index_of,
    manifest_of,
    parsed,
    read_document,
)

A, B, C = (Blob("sha256:" + letter * 64, 1) for letter in "abc")


def entry(blob: Blob, architecture: str | None, **more: str) -> dict[str, Any]:
    platform = {"platform": {"os": "linux", "architecture": architecture, **more}} if architecture else {}
    return {"digest": blob.digest, "size": blob.size, **platform}


def test_the_platform_is_chosen() -> None:
    index = {"manifests": [entry(A, "amd64"), entry(B, "arm64", variant="v8"), entry(C, "arm", variant="v7")]}
    assert chosen(index, "linux/amd64", "x") == A
    assert chosen(index, "linux/arm64", "x") == B
    attested = {
        "manifests": [
            entry(A, "arm64"),
            {**entry(B, "unknown"), "platform": {"os": "unknown", "architecture": "unknown"}},
        ]
    }
    with pytest.raises(SpecError, match="is for linux/arm64, not for linux/amd64") as caught:
        chosen(attested, "linux/amd64", "x")
    assert caught.value.hint == "image.platform=linux/arm64, or another image.base"
    assert chosen({"manifests": [entry(A, None)]}, "linux/amd64", "x") == A
    assert chosen({"config": {}, "layers": []}, "linux/amd64", "x") is None


@pytest.mark.parametrize("oci", [True, False])
def test_what_is_written_is_read(oci: bool) -> None:
    document = read_document(manifest_of(A, [B, C], oci=oci), "x")
    found = parsed(document, "x")
    assert (found.config, [blob for _, blob in found.layers]) == (A, [B, C])
    assert ("oci" in json.dumps(document)) == oci
    layers = base_layers(found, ["sha256:1", "sha256:2"], "x")
    assert [(each.diff_id, each.digest) for each in layers] == [("sha256:1", B.digest), ("sha256:2", C.digest)]
    with pytest.raises(BuildError, match="different layers"):
        base_layers(found, ["sha256:1"], "x")
    index = index_of({"linux/arm64": A, "linux/amd64": B}, oci=oci)
    assert chosen(read_document(index, "x"), "linux/arm64", "x") == A
    assert index == index_of({"linux/amd64": B, "linux/arm64": A}, oci=oci)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "given up in 2017"),
        ({"config": {}, "layers": []}, "not an image that runs"),
        ({"config": entry(A, None), "layers": [{**entry(B, None), "urls": ["http://x"]}]}, "may not be carried"),
        ({"config": entry(A, None), "layers": [{"digest": "md5:1", "size": 1}]}, "without a SHA-256"),
        ({"config": entry(A, None), "layers": [{"digest": B.digest}]}, "without a SHA-256"),
    ],
)
def test_what_is_no_image_for_us(document: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        parsed(document, "x")


@pytest.mark.parametrize("content", [b"<html>", b"[]", b""])
def test_what_is_no_json(content: bytes) -> None:
    with pytest.raises(BuildError, match="not JSON"):
        read_document(content, "x")


def test_blob_of() -> None:
    assert blob_of(b"") == Blob("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0)
