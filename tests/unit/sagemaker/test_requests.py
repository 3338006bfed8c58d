"""From a spec and a release to what AWS is sent; each request is held against AWS's own service model."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.requirements import Requirement

from deployer.endpoint import Traffic
from deployer.errors import SpecError
from deployer_sagemaker import kind
from deployer_sagemaker.configs import Side, config_of, create_config, first_count, serverless_memory, variant_of
from deployer_sagemaker.marks import read_marks, tags_of
from deployer_sagemaker.models import create_model, largest_body, model_body
from deployer_sagemaker.names import CANDIDATE, PRIMARY
from deployer_sagemaker.requests import (
    change_count,
    create_endpoint,
    create_verify_endpoint,
    deployment_config,
    mark_asked,
    share_traffic,
    update_endpoint,
)
from deployer_sagemaker.scaling import identified, policy_name, scalable_target, scaling_policy
from tests.unit.sagemaker.values import ARN, IMAGE, NEW, OLD, OTHER, REVISION, config, faults, place, release, spec

VPC = {"subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
ASYNC = {
    "output": "s3://models-of-ours/out", "failures": "s3://models-of-ours/err", "concurrency": 4,
    "success_topic": "arn:aws:sns:eu-west-1:123456789012:done", "kms_key": "key1",
}  # fmt: skip


def _model(alone: bool = False, **fields: Any) -> dict[str, Any]:
    wish = spec(**fields)
    found = create_model(wish, release(), config_of(wish), place(), alone=alone)
    assert faults("CreateModel", found) == []
    return found


def _config(*, verify: bool = False, count: int = 1, **fields: Any) -> dict[str, Any]:
    found = create_config([Side(spec(**fields), release(), "iris--model", count)], place(), verify=verify)
    assert faults("CreateEndpointConfig", found) == []
    return found


def _update(scaled: bool = False, same: bool = True, **fields: Any) -> dict[str, Any]:
    found = update_endpoint(spec(config=fields), NEW, same_variants=same, scaled=scaled)
    assert faults("UpdateEndpoint", found) == []
    return found


# The model.


def test_a_model_is_what_a_revision_runs() -> None:
    found = _model(env={"LOG_LEVEL": "info"}, labels={"team": "risk"})
    container = found["PrimaryContainer"]
    assert container["Image"] == IMAGE
    environment = container["Environment"]
    assert environment["LOG_LEVEL"] == "info"
    assert environment["DEPLOYER_SERVING_REVISION"] == REVISION
    assert environment["DEPLOYER_SERVING_PORT"] == "8080"
    assert environment["DEPLOYER_SERVING_MAX_BODY"] == "6291456"
    assert float(environment["DEPLOYER_SERVING_DRAIN"]) < 30
    assert found["ExecutionRoleArn"].endswith(":role/models")
    assert found["EnableNetworkIsolation"] is True
    tags = tags_of(found["Tags"])
    marks = read_marks(tags)
    assert marks is not None
    assert (marks.owner, marks.endpoint, marks.revision) == ("team", "iris", REVISION)
    assert tags["team"] == "risk"
    assert tags["deployer:model"] == "models:/iris/4"


def test_its_name_is_made_of_what_it_is() -> None:
    name = _model()["ModelName"]
    assert name.startswith(f"iris--{REVISION}--")
    assert _model(labels={"team": "other"})["ModelName"] == name
    assert _model(config={"vpc": VPC})["ModelName"] != name
    assert _model(env={"A": "b"})["ModelName"] != name


def test_it_has_a_way_out_only_where_it_is_wished() -> None:
    assert "EnableNetworkIsolation" not in _model(network={"egress": "internet"})
    assert _model(config={"vpc": VPC})["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "Subnets": ["subnet-1", "subnet-2"],
    }


def test_secrets_are_references_and_never_values() -> None:
    found = _model(secrets={"API_TOKEN": {"ref": SECRET}}, network={"egress": "internet"})
    environment = found["PrimaryContainer"]["Environment"]
    assert environment["DEPLOYER_SERVING_VAULT_API_TOKEN"] == SECRET
    assert "API_TOKEN" not in environment
    assert "DEPLOYER_SERVING_SECRETS" not in environment


def test_what_asks_the_vault_is_in_images_with_such_secrets_alone() -> None:
    assert kind.runtime_needs(spec()) == ()
    (need,) = kind.runtime_needs(spec(secrets={"API_TOKEN": {"ref": SECRET}}))
    assert Requirement(need).name == "botocore"


def test_our_server_is_told_what_passes_headers_on() -> None:
    assert _model()["PrimaryContainer"]["Environment"]["DEPLOYER_SERVING_BEHIND"] == "sagemaker"


def test_a_mounted_model_is_a_folder_in_s3() -> None:
    source = _model(image={"weights": "mount"})["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source == {
        "S3Uri": f"s3://models-of-ours/deployer/models/{'d' * 64}/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }


def test_a_ready_image_gets_the_spec_s_variables_alone() -> None:
    assert _model(image={"use": IMAGE}, env={"A": "b"})["PrimaryContainer"]["Environment"] == {"A": "b"}


def test_a_registry_in_the_vpc() -> None:
    access = {"mode": "vpc", "credentials": "arn:aws:lambda:eu-west-1:123456789012:function:login"}
    found = _model(config={"image_access": access, "vpc": VPC})["PrimaryContainer"]["ImageConfig"]
    assert found["RepositoryAccessMode"] == "Vpc"
    assert found["RepositoryAuthConfig"]["RepositoryCredentialsProviderArn"].endswith(":login")


def test_a_pipeline() -> None:
    others = {
        "before": [{"image": "123/prepare@sha256:0", "env": {"A": "b"}, "model_data": "s3://models-of-ours/p.tar.gz"}],
        "after": [{"image": "123/finish@sha256:1", "hostname": "finish"}],
    }
    found = _model(config={"pipeline": others})
    assert "PrimaryContainer" not in found
    assert [each["Image"] for each in found["Containers"]] == ["123/prepare@sha256:0", IMAGE, "123/finish@sha256:1"]
    assert found["Containers"][1]["ContainerHostname"] == "model"
    assert found["InferenceExecutionConfig"] == {"Mode": "Serial"}
    alone = _model(alone=True, config={"pipeline": others})
    assert alone["PrimaryContainer"]["Image"] == IMAGE
    assert alone["ModelName"] != found["ModelName"]


def test_a_direct_pipeline_is_verified_as_a_whole() -> None:
    others = {"after": [{"image": "123/x@sha256:1", "hostname": "x"}], "mode": "direct"}
    assert _model(alone=True, config={"pipeline": others})["InferenceExecutionConfig"] == {"Mode": "Direct"}


def test_a_revision_without_an_image_is_none() -> None:
    bare = release().model_copy(update={"image": None})
    with pytest.raises(SpecError, match="has no image"):
        model_body(spec(), bare, config(), place())


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 6_291_456),
        ({"max_body": "1Mi"}, 2**20),
        ({"max_body": "1Gi"}, 6_291_456),
        ({"serverless": {}}, 4 * 2**20),
        ({"async_inference": ASYNC}, 2**30),
    ],
)
def test_the_largest_request_is_what_the_service_takes(fields: dict[str, Any], most: int) -> None:
    assert largest_body(config(**fields)) == most


# The configuration.


def test_a_configuration_is_one_constant_variant() -> None:
    found = _config(count=3)
    assert found["ProductionVariants"] == [
        {
            "VariantName": "primary",
            "ModelName": "iris--model",
            "InitialVariantWeight": 1.0,
            "ContainerStartupHealthCheckTimeoutInSeconds": 600,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 3,
        }
    ]
    marks = read_marks(tags_of(found["Tags"]))
    assert marks is not None
    assert (marks.revision, marks.state) == (REVISION, "staged")


def test_another_count_is_another_configuration() -> None:
    assert _config(count=1)["EndpointConfigName"] == _config(count=1, labels={"a": "b"})["EndpointConfigName"]
    assert _config(count=1)["EndpointConfigName"] != _config(count=2)["EndpointConfigName"]


def test_all_that_a_variant_can_be_told() -> None:
    found = _config(
        image={"weights": "mount"},
        config={
            "instance_type": "ml.m5.xlarge",
            "volume": "30Gi",
            "download": "20m",
            "provision": "10m",
            "routing": "least-outstanding-requests",
            "ami_version": "al2-ami-sagemaker-inference-gpu-2",
            "capacity_reservation": "arn:aws:sagemaker:eu-west-1:123456789012:training-plan/mine",
            "shell": True,
            "kms_key": "key1",
        },
    )
    variant = found["ProductionVariants"][0]
    assert variant["VolumeSizeInGB"] == 30
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 1200
    assert variant["VariantInstanceProvisionTimeoutInSeconds"] == 600
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    assert variant["EnableSSMAccess"] is True
    assert found["KmsKeyId"] == "key1"


def test_a_serverless_configuration_has_no_instances() -> None:
    found = _config(resources={"memory": "2500Mi"}, config={"serverless": {"max_concurrency": 9, "provisioned": 2}})
    variant = found["ProductionVariants"][0]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 9, "ProvisionedConcurrency": 2}
    assert not {"InstanceType", "InitialInstanceCount", "ContainerStartupHealthCheckTimeoutInSeconds"} & set(variant)


@pytest.mark.parametrize(
    ("asked", "mib"), [(None, 2048), ("100Mi", 1024), ("1Gi", 1024), ("1025Mi", 2048), ("9Gi", 6144)]
)
def test_serverless_memory_is_whole_gi(asked: str | None, mib: int) -> None:
    assert serverless_memory(spec(resources={"memory": asked}), config(serverless={})) == mib


def test_capture_and_queue_are_left_out_where_a_revision_is_verified() -> None:
    fields = {
        "data_capture": {"to": "s3://models-of-ours/c", "percent": 5, "csv_types": ["text/csv"]},
        "async_inference": ASYNC,
    }
    found = _config(config=fields)
    assert found["DataCaptureConfig"]["InitialSamplingPercentage"] == 5
    assert found["DataCaptureConfig"]["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    assert found["DataCaptureConfig"]["CaptureContentTypeHeader"] == {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json"],
    }
    assert found["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] == "s3://models-of-ours/out"
    assert found["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
    verified = _config(verify=True, config=fields)
    assert not {"DataCaptureConfig", "AsyncInferenceConfig"} & set(verified)
    assert "--verify-" in verified["EndpointConfigName"]


def test_two_variants_have_two_revisions() -> None:
    wish = spec(config={"verify": "variant"})
    sides = [
        Side(spec(config={"instance_type": "ml.m5.xlarge"}), release(), "iris--old", 2, weight=1.0),
        Side(wish, release(OTHER), "iris--new", 1, weight=0.0, variant=CANDIDATE),
    ]
    found = create_config(sides, place())
    assert faults("CreateEndpointConfig", found) == []
    assert found["EndpointConfigName"].startswith(f"iris--{REVISION}-{OTHER}--")
    assert [(each["VariantName"], each["InitialVariantWeight"]) for each in found["ProductionVariants"]] == [
        ("primary", 1.0),
        ("candidate", 0.0),
    ]
    assert [each["InstanceType"] for each in found["ProductionVariants"]] == ["ml.m5.xlarge", "ml.m5.large"]
    assert variant_of(PRIMARY) == CANDIDATE
    assert variant_of(CANDIDATE) == PRIMARY


def test_a_range_begins_where_what_serves_is() -> None:
    wish = spec(replicas={"min": 2, "max": 8, "value": 100})
    assert [first_count(wish, serving) for serving in (0, 1, 5, 20)] == [2, 2, 5, 8]
    assert first_count(spec(replicas={"min": 0, "max": 8, "value": 1})) == 1
    assert first_count(spec(replicas=3), 7) == 3
    with pytest.raises(ValueError, match="at least one"):
        Side(wish, release(), "m", 0)


# The endpoint.


def test_an_endpoint_that_is_only_staged_has_no_traffic() -> None:
    found = create_endpoint(spec(labels={"team": "risk"}), OLD, place(tags={"cost": "7"}))
    assert faults("CreateEndpoint", found) == []
    tags = tags_of(found["Tags"])
    assert (tags["team"], tags["cost"]) == ("risk", "7")
    marks = read_marks(tags)
    assert marks is not None
    assert marks.traffic is None
    given = create_endpoint(spec(), OLD, place(), Traffic.all_to(REVISION))
    assert tags_of(given["Tags"])["deployer:traffic"] == f"{REVISION}=100"


def test_a_revision_is_verified_on_an_endpoint_of_its_own() -> None:
    found = create_verify_endpoint(spec(), release(OTHER), "config", place())
    assert faults("CreateEndpoint", found) == []
    assert found["EndpointName"] == "iris--verify"
    assert tags_of(found["Tags"])["deployer:revision"] == OTHER


def test_an_update_without_guardrails_is_aws_s_own() -> None:
    assert _update() == {"EndpointName": "iris", "EndpointConfigName": NEW}


def test_an_update_keeps_the_count_that_an_autoscaler_has() -> None:
    found = _update(scaled=True)
    assert found["RetainAllVariantProperties"] is True
    kept = {each["VariantPropertyType"] for each in found["ExcludeRetainedVariantProperties"]}
    assert kept == {"DesiredWeight", "DataCaptureConfig"}


@pytest.mark.parametrize(
    ("wish", "policy"),
    [
        (
            {
                "kind": "canary",
                "size": "1",
                "wait": "5m",
                "termination_wait": "2m",
                "deadline": "1h",
                "alarms": ["a", "b"],
            },
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "CANARY",
                        "WaitIntervalInSeconds": 300,
                        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
                    },
                    "TerminationWaitInSeconds": 120,
                    "MaximumExecutionTimeoutInSeconds": 3600,
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]},
            },
        ),
        (
            {"kind": "linear", "size": "25%", "wait": "1m"},
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "LINEAR",
                        "WaitIntervalInSeconds": 60,
                        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                    },
                    "TerminationWaitInSeconds": 0,
                },
            },
        ),
        (
            {"kind": "rolling", "size": "50%", "wait": "1m", "deadline": "2h"},
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 60,
                    "MaximumExecutionTimeoutInSeconds": 7200,
                },
            },
        ),
        (
            {"alarms": ["a"]},
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                    "TerminationWaitInSeconds": 0,
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]},
            },
        ),
    ],
)
def test_guardrails_in_aws_s_words(wish: dict[str, Any], policy: dict[str, Any]) -> None:
    assert _update(guardrails=wish)["DeploymentConfig"] == policy
    assert "DeploymentConfig" not in _update(same=False, guardrails=wish)
    assert deployment_config(config(guardrails=wish).guardrails) == policy


def test_count_and_weights_change_in_place() -> None:
    counted = change_count("iris", "primary", 4)
    assert faults("UpdateEndpointWeightsAndCapacities", counted) == []
    assert counted["DesiredWeightsAndCapacities"] == [{"VariantName": "primary", "DesiredInstanceCount": 4}]
    shared = share_traffic("iris", {"primary": REVISION, "candidate": OTHER}, Traffic({REVISION: 90, OTHER: 10}))
    assert faults("UpdateEndpointWeightsAndCapacities", shared) == []
    assert [each["DesiredWeight"] for each in shared["DesiredWeightsAndCapacities"]] == [90.0, 10.0]
    with pytest.raises(SpecError, match="runs in no variant"):
        share_traffic("iris", {"primary": REVISION}, Traffic({REVISION: 90, OTHER: 10}))


def test_what_is_asked_for_is_marked_before_it_is() -> None:
    tags: Any = mark_asked(spec(), NEW, place(), 1764386040.25, Traffic.all_to(OTHER))
    assert faults("AddTags", {"ResourceArn": ARN, "Tags": tags}) == []
    found = read_marks(tags_of(tags))
    assert found is not None
    assert found.asked is not None
    assert (found.asked.config, found.asked.before, found.traffic) == (NEW, 1764386040.25, f"{OTHER}=100")


# The autoscaler.


@pytest.mark.parametrize(
    ("replicas", "fields", "kept"),
    [
        ({"value": 200}, {}, "SageMakerVariantInvocationsPerInstance"),
        ({"metric": "concurrency", "value": 5}, {}, "SageMakerVariantConcurrentRequestsPerModelHighResolution"),
        ({"metric": "cpu", "value": 70}, {}, "CPUUtilization"),
        ({"metric": "gpu", "value": 70}, {}, "GPUUtilization"),
        ({"value": 5}, {"async_inference": ASYNC}, "ApproximateBacklogSizePerInstance"),
    ],
)
def test_a_range_is_an_autoscaler_s(replicas: dict[str, Any], fields: dict[str, Any], kept: str) -> None:
    wish = spec(replicas={"min": 1, "max": 4, **replicas}, config={**fields, "cooldown": "2m"})
    target, policy = scalable_target(wish, {"a": "b"}), scaling_policy(wish, config_of(wish))
    assert target is not None
    assert policy is not None
    assert faults("RegisterScalableTarget", target, "application-autoscaling") == []
    assert faults("PutScalingPolicy", policy, "application-autoscaling") == []
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["ResourceId"] == "endpoint/iris/variant/primary"
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]
    assert kept in str(tracked)
    assert tracked["ScaleInCooldown"] == 120
    assert policy["PolicyName"] == policy_name("iris")


def test_a_number_has_no_autoscaler() -> None:
    assert scalable_target(spec(replicas=2), {}) is None
    assert scaling_policy(spec(replicas=2), config()) is None
    assert faults("DeregisterScalableTarget", identified("iris"), "application-autoscaling") == []


def test_a_range_without_a_value_keeps_seventy_percent_of_all_vcpus() -> None:
    wish = spec(replicas={"min": 1, "max": 4}, config={"instance_type": "ml.m5.xlarge"})
    policy = scaling_policy(wish, config_of(wish))
    assert policy is not None
    kept = policy["TargetTrackingScalingPolicyConfiguration"]
    assert kept["TargetValue"] == 4 * 70.0
    assert kept["CustomizedMetricSpecification"]["MetricName"] == "CPUUtilization"
    assert faults("PutScalingPolicy", policy, "application-autoscaling") == []
