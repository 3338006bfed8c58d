"""Models in the bucket that nobody mounts any more."""

from __future__ import annotations

import io
import tarfile
import uuid
from typing import Any

import pytest

from deployer.target.named import models_in
from deployer_sagemaker.client import Aws
from deployer_sagemaker.mounted import Mounted
from deployer_sagemaker.naming import Naming
from deployer_sagemaker.records import Records
from deployer_sagemaker.weights import S3Weights
from tests.unit.sagemaker.living import REVISION, ROLE, Living
from tests.unit.sagemaker.values import record as plain_record

AGED = -5.0
"""Seconds: AWS's clock is read to a second."""


@pytest.fixture
def mounted(aws: Aws) -> Mounted:
    records = Records(aws)
    return Mounted(aws, records, Naming(aws, records))


@pytest.fixture
def model(living: Living, aws: Aws) -> str:
    """One in the bucket, by its digest."""
    digest, packed = uuid.uuid4().hex * 2, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model/MLmodel"), io.BytesIO())
    S3Weights(aws, lambda: Records(aws).bucket).put(digest, "", [packed.getvalue()])
    return digest


def _names(mounted: Mounted, older_than: float = AGED) -> set[str]:
    return {each.identity.partition("@")[0] for each in mounted.find(older_than)}


def _release(living: Living, model: str, image: dict[str, Any] | None) -> Any:
    release = living.release()
    changed = {"model": release.model.model_copy(update={"digest": model}), "spec": {**release.spec, "image": image}}
    return release.model_copy(update=changed)


def test_only_who_mounts_a_model_needs_it(living: Living) -> None:
    def named(image: dict[str, Any] | None) -> frozenset[str]:
        release = _release(living, "d" * 64, image)
        return models_in([plain_record(releases={REVISION: release})])

    assert named({"weights": "mount"}) == {"d" * 64}
    assert named({"weights": "bake"}) == named(None) == set()


def test_what_nobody_mounts_is_found_and_removed(living: Living, mounted: Mounted, model: str, aws: Aws) -> None:
    assert f"weights:{model}" not in _names(mounted, 3600.0), "too young"
    (found,) = [each for each in mounted.find(AGED) if model in each.identity]
    assert (found.what, found.endpoint) == (f"model {model[:12]} of image.weights: mount", None)
    assert not mounted.remove(found, 3600.0)
    living.begin()
    assert _names(mounted) == set(), "somebody changes an endpoint, and may mount it"
    assert not mounted.remove(found, AGED)
    living.writer.write(releases={REVISION: _release(living, model, {"weights": "mount"})})
    living.writer.give_back()
    assert f"weights:{model}" not in _names(mounted), "a release mounts it"
    assert not mounted.remove(found, AGED)
    living.writer.begin(living.spec(), "update")
    living.writer.write(releases={})
    living.writer.give_back()
    assert living.target.remove_orphan(found, older_than=AGED)
    assert not S3Weights(aws, lambda: Records(aws).bucket).has(model)
    assert not living.target.remove_orphan(found, older_than=AGED)


def test_a_model_of_sagemaker_keeps_it_whoever_made_it(mounted: Mounted, model: str, aws: Aws) -> None:
    place = f"{Records(aws).bucket.weights}/{model}/"
    source = {"S3DataSource": {"S3Uri": place, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": "good:1", "ModelDataSource": source}
    name = {"ModelName": f"theirs-{model[:8]}", "ExecutionRoleArn": ROLE}
    aws.ask("sagemaker", "CreateModel", {**name, "PrimaryContainer": container})
    assert f"weights:{model}" not in _names(mounted)


def test_what_is_put_again_is_another_thing(living: Living, mounted: Mounted, model: str) -> None:
    (found,) = [each for each in mounted.find(AGED) if model in each.identity]
    name, _, since = found.identity.partition("@")
    before = type(found)(f"{name}@{float(since) - 60:.0f}", found.what)
    assert not living.target.remove_orphan(before, older_than=AGED)


def test_none_is_found_where_it_cannot_be_looked_at(mounted: Mounted, model: str, faults: Any) -> None:
    faults("ListModels", error="AccessDeniedException", message="not authorized to perform: sagemaker:ListModels")
    assert _names(mounted) == set()
