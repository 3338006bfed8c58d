"""What can be told of an endpoint that somebody else made."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.spec import DeploymentSpec
from deployer_sagemaker.configs import Side, config_of, create_config
from deployer_sagemaker.facts import read_config_fact
from deployer_sagemaker.foreign import adoption_of, identity_of, unadoptable
from deployer_sagemaker.marks import Marks, Role, State
from deployer_sagemaker.models import create_model
from deployer_sagemaker.refusing import refuse
from tests.unit.sagemaker.values import ARN, IMAGE, REVISION, at, place, release, spec

VARIANT = {
    "VariantName": "AllTraffic", "ModelName": "iris-model-8pwr", "InitialInstanceCount": 1,
    "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0,
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "EndpointConfigName": "iris-config-8pwr", "EndpointConfigArn": "arn", "CreationTime": at(1),
    "ProductionVariants": [VARIANT],
}  # fmt: skip
MODEL: dict[str, Any] = {
    "ModelName": "iris-model-8pwr", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/mlflow",
    "PrimaryContainer": {
        "Image": IMAGE, "ModelDataUrl": "s3://mlflow-sagemaker/iris/model.tar.gz",
        "Environment": {"MLFLOW_DEPLOYMENT_FLAVOR_NAME": "python_function", "API_TOKEN": "hunter2-hunter2"},
    },
}  # fmt: skip


def _endpoint(**fields: Any) -> dict[str, Any]:
    return {
        "EndpointName": "iris", "EndpointArn": ARN, "EndpointStatus": "InService", "CreationTime": at(10),
        "EndpointConfigName": "iris-config-8pwr",
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic", "DesiredInstanceCount": 3,
                "DeployedImages": [{"SpecifiedImage": "x", "ResolvedImage": IMAGE}],
            }
        ],
        **fields,
    }  # fmt: skip


def test_what_mlflow_made_is_told() -> None:
    found = adoption_of(_endpoint(), CONFIG, MODEL)
    assert found.what == "endpoint iris (3 of ml.m5.large)"
    assert found.spec == {
        "image": {"use": IMAGE},
        "replicas": 3,
        "network": {"egress": "internet"},
        "env": {"MLFLOW_DEPLOYMENT_FLAVOR_NAME": "python_function"},
        "config": {"instance_type": "ml.m5.large", "role": "arn:aws:iam::123456789012:role/mlflow"},
    }
    assert set(found.untold) == {"env.API_TOKEN", "model"}
    assert "hunter2" not in str(found)
    assert found.image is not None
    assert found.image.id == "sha256:" + "b" * 64
    told = DeploymentSpec(**{"name": "iris", "target": "sagemaker", **found.spec})
    assert not [*refuse(told)]


def test_its_identity_is_another_when_it_is_made_or_changed() -> None:
    one = identity_of(_endpoint())
    assert identity_of(_endpoint()) == one
    assert identity_of(_endpoint(CreationTime=at(11))) != one
    assert identity_of(_endpoint(EndpointConfigName="other")) != one


def test_an_autoscaler_is_told_by_its_bounds() -> None:
    found = adoption_of(_endpoint(), CONFIG, MODEL, (1, 5))
    assert found.spec["replicas"] == {"min": 1, "max": 5}
    assert "replicas.value" in found.untold


@pytest.mark.parametrize(
    "fields",
    [
        {
            "config": {
                "instance_type": "ml.m5.xlarge",
                "volume": "30Gi",
                "startup": "20m",
                "kms_key": "key1",
                "shell": True,
            }
        },
        {"config": {"instance_type": "ml.m5.large", "vpc": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}}},
        {
            "config": {"serverless": {"memory": "3Gi", "max_concurrency": 7, "provisioned": 2}},
            "network": {"egress": "internet"},
        },
        {
            "config": {
                "instance_type": "ml.m5.large",
                "data_capture": {
                    "to": "s3://models-of-ours/c",
                    "percent": 7,
                    "what": "input",
                    "csv_types": ["text/csv"],
                },
                "async_inference": {"output": "s3://models-of-ours/o", "concurrency": 3},
                "routing": "random",
            }
        },
    ],
)
def test_what_is_told_would_make_the_same_again(fields: dict[str, Any]) -> None:
    wish = spec(image={"use": IMAGE}, **fields)
    config, model = _made(wish)
    told = adoption_of(_endpoint(ProductionVariants=[]), config, model)
    again = DeploymentSpec(**{"name": "iris", "target": "sagemaker", **told.spec})
    assert _made(again) == (config, model)


def _made(wish: DeploymentSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    model = create_model(wish, release(), config_of(wish), place())
    return create_config([Side(wish, release(), "m")], place()), model


@pytest.mark.parametrize(
    ("endpoint", "config", "model", "words"),
    [
        ({"EndpointStatus": "Updating"}, {}, {}, "Updating"),
        ({}, {"ProductionVariants": [VARIANT, VARIANT]}, {}, "2 variants"),
        ({}, {"ProductionVariants": [{"VariantName": "x"}]}, {}, "inference components"),
        ({}, {"ShadowProductionVariants": [VARIANT]}, {}, "variants"),
        ({}, {}, {"PrimaryContainer": None, "Containers": [{"Image": "a"}, {"Image": "b"}]}, "several containers"),
        ({}, {}, {"PrimaryContainer": {"Image": "a", "Mode": "MultiModel"}}, "multi-model"),
        ({}, {}, {"PrimaryContainer": {"ModelPackageName": "p"}}, "model package"),
    ],
)
def test_what_cannot_be_taken_over(endpoint: Any, config: Any, model: Any, words: str) -> None:
    assert words in (unadoptable(_endpoint(**endpoint), {**CONFIG, **config}, {**MODEL, **model}) or "")
    assert unadoptable(_endpoint(), CONFIG, MODEL) is None


def test_what_was_taken_over_is_known_by_its_mark_since_its_names_are_its_own() -> None:
    found = read_config_fact(CONFIG, Marks("team", "iris", Role.CONFIG, REVISION, State.STAGED).tags())
    assert found is not None
    assert found.runs == {"AllTraffic": REVISION}
