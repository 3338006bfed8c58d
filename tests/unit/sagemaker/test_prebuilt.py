"""AWS's own images by their names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_sagemaker.client import Aws
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.ecr import Ecr
from deployer_sagemaker.models import model_body
from deployer_sagemaker.prebuilt import is_prebuilt, prebuilt_image
from deployer_sagemaker.refusing import refuse
from tests.unit.sagemaker.values import place, release, spec


def test_only_the_prefix_makes_it_one() -> None:
    assert is_prebuilt("prebuilt:sklearn:1.2-1")
    assert not is_prebuilt("sklearn:1.2-1")
    assert not is_prebuilt(None)


def test_it_is_no_registry_that_aws_cannot_reach() -> None:
    assert [*refuse(spec(image={"use": "prebuilt:sklearn:1.2-1"}))] == []
    assert [each for each, _ in refuse(spec(image={"use": "ghcr.io/a/b:1"}))] == ["image.use"]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("s3://b/m.tar.gz", {"ModelDataUrl": "s3://b/m.tar.gz"}),
        (
            "s3://b/m/",
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
                }
            },
        ),
    ],
)
def test_a_ready_image_finds_its_model_in_s3(data: str, found: dict[str, Any]) -> None:
    wish = spec(image={"use": "prebuilt:sklearn:1.2-1"}, config={"model_data": data})
    made = model_body(wish, release(), config_of(wish), place())["PrimaryContainer"]
    assert isinstance(made, dict)
    assert {key: made[key] for key in made if key.startswith("ModelData")} == found
    assert [*refuse(wish)] == []


def test_data_is_for_a_ready_image_alone() -> None:
    assert [each for each, _ in refuse(spec(config={"model_data": "s3://b/m/"}))] == ["config.model_data"]


@pytest.mark.parametrize("use", ["prebuilt:", "prebuilt:a:b:c:d"])
def test_what_names_none_is_refused(use: str) -> None:
    with pytest.raises(SpecError, match="names no image"):
        prebuilt_image(use, "eu-west-1", None)


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sagemaker.core.image_uris", None)
    with pytest.raises(SpecError) as caught:
        prebuilt_image("prebuilt:sklearn:1.2-1", "eu-west-1", None)
    assert "pip install sagemaker-core" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("use", "kind", "image"),
    [
        (
            "sklearn:1.2-1",
            "ml.m5.large",
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        ),
        (
            "pytorch:2.3:py311",
            "ml.g5.xlarge",
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.3-gpu-py311",
        ),
        ("pytorch:2.3:py311", None, "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.3-cpu-py311"),
    ],
)
def test_the_sdk_knows_where_they_are(use: str, kind: str | None, image: str) -> None:
    pytest.importorskip(
        "sagemaker.core.image_uris", reason="the SageMaker SDK is not installed: pip install sagemaker-core"
    )
    assert prebuilt_image(f"prebuilt:{use}", "eu-west-1", kind) == image


@pytest.mark.parametrize("use", ["nothing:1", "sklearn:77"])
def test_what_the_sdk_does_not_know_is_refused(use: str) -> None:
    pytest.importorskip(
        "sagemaker.core.image_uris", reason="the SageMaker SDK is not installed: pip install sagemaker-core"
    )
    with pytest.raises(SpecError):
        prebuilt_image(f"prebuilt:{use}", "eu-west-1", None)


@pytest.mark.parametrize(
    ("registry", "ours"),
    [
        ("763104351884.dkr.ecr.eu-west-1.amazonaws.com", True),
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com", False),
        ("public.ecr.aws", False),
        ("ghcr.io", False),
    ],
)
def test_aws_s_login_is_for_ecr_in_the_region(new_aws: Callable[..., Aws], registry: str, ours: bool) -> None:
    login = Ecr(new_aws()).login_to(registry)
    assert (login is not None) is ours
    if login is not None:
        assert login().username == "AWS"
