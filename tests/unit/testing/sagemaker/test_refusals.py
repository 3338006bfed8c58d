"""What SageMaker refuses, the double refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.testing.sagemaker.conftest import ROLE

VARIANT = {"VariantName": "primary", "ModelName": "m1", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


@pytest.mark.parametrize(
    ("name", "why"), [("bad_name", "regular expression pattern"), ("n" * 64, "length less than or equal to 63")]
)
def test_names_are_held_to_the_service_model(place: Any, name: str, why: str) -> None:
    place.role()
    with pytest.raises(ClientError, match=why) as refused:
        place.model(name)
    assert refusal(refused)[0] == "ValidationException"


def test_every_fault_of_a_request_is_named(place: Any) -> None:
    variant = {**VARIANT, "InstanceType": "ml.none.large", "VolumeSizeInGB": 5000}
    with pytest.raises(ClientError) as refused:
        place.sagemaker.create_endpoint_config(EndpointConfigName="c1", ProductionVariants=[variant])
    message = refusal(refused)[1]
    assert message.startswith(
        "2 validation errors detected: Value 'ml.none.large' at 'productionVariants.1.member.inst"
    )
    assert "volumeSizeInGB' failed to satisfy constraint: Member must have value less than or equal to 512" in message


def test_all_instance_types_of_the_service_model_are_known(place: Any) -> None:
    place.role()
    place.model()
    variant = {**VARIANT, "InstanceType": "ml.g5.xlarge"}
    place.sagemaker.create_endpoint_config(EndpointConfigName="c1", ProductionVariants=[variant])


@pytest.mark.parametrize("known", [True, False])
def test_unknown_fields(new_place: Callable[..., Any], known: bool) -> None:
    place = new_place(guesses={"unknown-fields-refused": known})
    place.role()
    client = place.sagemaker
    client.meta.events.register(
        "before-call.sagemaker.CreateModel",
        lambda params, **_: params.update(body=params["body"][:-1] + b', "Unheard": 1}'),
    )
    asked = {"ModelName": "m1", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "good:1"}}
    if known:
        with pytest.raises(ClientError, match="no such member"):
            client.create_model(**asked)
    else:
        client.create_model(**asked)


def test_what_is_there_is_not_made_again(place: Any) -> None:
    place.endpoint()
    works: list[tuple[Callable[[], object], str]] = [
        (place.model, "model"),
        (place.config, "endpoint configuration"),
        (lambda: place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1"), "endpoint"),
    ]
    for work, kind in works:
        with pytest.raises(ClientError, match=f'Cannot create already existing {kind} "arn:aws:sagemaker:us-east-1:'):
            work()


def test_what_is_not_there_is_not_found(place: Any) -> None:
    client = place.sagemaker
    with pytest.raises(ClientError, match='Could not find endpoint configuration "arn'):
        client.create_endpoint(EndpointName="fraud", EndpointConfigName="none")
    with pytest.raises(ClientError, match='Could not find model "arn'):
        place.config()
    works: list[Callable[[], object]] = [
        lambda: client.describe_model(ModelName="none"),
        lambda: client.delete_model(ModelName="none"),
        lambda: client.describe_endpoint_config(EndpointConfigName="none"),
        lambda: client.delete_endpoint(EndpointName="none"),
    ]
    for work in works:
        with pytest.raises(ClientError, match="Could not find"):
            work()


@pytest.mark.parametrize("principal", ["", "ec2.amazonaws.com"])
def test_a_role_that_sagemaker_cannot_assume_is_refused(place: Any, principal: str) -> None:
    if principal:
        place.role(principal)
    with pytest.raises(ClientError, match=f"Could not assume role {ROLE}"):
        place.model()


def test_model_data_must_be_there(new_place: Callable[..., Any]) -> None:
    place = new_place()
    place.role()
    with pytest.raises(ClientError, match=r"Could not find model data at s3://none/model\.tar\.gz"):
        place.model(ModelDataUrl="s3://none/model.tar.gz")
    url = place.data("s3://weights/model.zip")
    with pytest.raises(ClientError, match=r"must end with .tar.gz"):
        place.model(ModelDataUrl=url)


def test_an_image_must_be_there(new_place: Callable[..., Any]) -> None:
    place = new_place({})
    place.role()
    with pytest.raises(ClientError, match="Requested image good:1 not found"):
        place.model()


def test_the_quota_is_told_in_awss_words(place: Any) -> None:
    place.role()
    place.model()
    place.config(count=2)
    place.double.tell("PUT", "quotas", {"ml.m5.large": 1})
    with pytest.raises(ClientError) as refused:
        place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    code, message = refusal(refused)
    assert code == "ResourceLimitExceeded"
    assert message.startswith(
        "The account-level service limit 'ml.m5.large for endpoint usage' is 1 Instances, with current utilization of "
        "0 Instances and a request delta of 2 Instances."
    )
    quotas = place.client("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    by_name = {each["QuotaName"]: each["Value"] for page in pages for each in page["Quotas"]}
    assert by_name["ml.m5.large for endpoint usage"] == 1.0


@pytest.mark.parametrize("at_once", [True, False])
def test_an_update_needs_room_for_both_fleets(new_place: Callable[..., Any], at_once: bool) -> None:
    place = new_place(quotas={"ml.m5.large": 3}, guesses={"quota-counts-old-fleet": at_once})
    place.endpoint(count=2)
    place.config("c2", count=2)
    asked = {"EndpointName": "fraud", "EndpointConfigName": "c2"}
    if at_once:
        with pytest.raises(ClientError, match="request delta of 2 Instances"):
            place.sagemaker.update_endpoint(**asked)
    else:
        place.sagemaker.update_endpoint(**asked)
        told = place.settled()
        assert (told["EndpointConfigName"], told["EndpointStatus"]) == ("c1", "InService")
        assert "capacity" in told["FailureReason"]
    rolling = {
        "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    }
    place.sagemaker.update_endpoint(**asked, DeploymentConfig=rolling)
    assert place.settled()["EndpointConfigName"] == "c2"


def test_what_the_double_has_not_is_refused_by_name(place: Any) -> None:
    with pytest.raises(ClientError, match="this double has no CreateInferenceComponent"):
        place.sagemaker.create_inference_component(
            InferenceComponentName="x", EndpointName="e", Specification={"ModelName": "m"}
        )


@pytest.mark.parametrize("in_use", [True, False])
def test_a_configuration_in_use(new_place: Callable[..., Any], in_use: bool) -> None:
    place = new_place(guesses={"delete-config-in-use": in_use})
    place.endpoint()
    if in_use:
        place.sagemaker.delete_endpoint_config(EndpointConfigName="c1")
        place.sagemaker.delete_model(ModelName="m1")
        assert place.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointStatus"] == "InService"
    else:
        with pytest.raises(ClientError, match="Cannot delete endpoint configuration"):
            place.sagemaker.delete_endpoint_config(EndpointConfigName="c1")
        with pytest.raises(ClientError, match="Cannot delete model"):
            place.sagemaker.delete_model(ModelName="m1")


def test_tags_of_all_three_and_the_tagging_api(place: Any) -> None:
    place.role()
    client, tags = place.sagemaker, [{"Key": "deployer:endpoint", "Value": "fraud"}]
    arn = client.create_model(ModelName="m1", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "good:1"}, Tags=tags)[
        "ModelArn"
    ]
    assert client.list_tags(ResourceArn=arn)["Tags"] == tags
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "risk"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["deployer:endpoint"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "risk"}]
    tagging = place.client("resourcegroupstaggingapi")
    wanted = {"TagFilters": [{"Key": "team", "Values": ["risk"]}]}
    found = tagging.get_resources(ResourceTypeFilters=["sagemaker:model"], **wanted)["ResourceTagMappingList"]
    assert found == [{"ResourceARN": arn, "Tags": [{"Key": "team", "Value": "risk"}]}]
    assert tagging.get_resources(ResourceTypeFilters=["sagemaker:endpoint"], **wanted)["ResourceTagMappingList"] == []
    place.client("s3").create_bucket(Bucket="risky")
    place.client("s3").put_bucket_tagging(Bucket="risky", Tagging={"TagSet": [{"Key": "team", "Value": "risk"}]})
    assert {each["ResourceARN"] for each in tagging.get_resources(**wanted)["ResourceTagMappingList"]} == {
        arn,
        "arn:aws:s3:::risky",
    }
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    with pytest.raises(ClientError, match="Duplicate tag keys"):
        client.add_tags(ResourceArn=arn, Tags=twice)


def test_lists_are_filtered_and_paged(place: Any) -> None:
    place.role()
    for number in range(5):
        place.model(f"m{number}")
        place.config(f"fraud-{number}" if number % 2 else f"iris-{number}", f"m{number}")
    client = place.sagemaker
    pages = list(client.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Models"]) for page in pages] == [2, 2, 1]
    assert pages[0]["Models"][0]["ModelName"] == "m4"
    found = client.list_endpoint_configs(NameContains="fraud", SortBy="Name", SortOrder="Ascending")
    assert [each["EndpointConfigName"] for each in found["EndpointConfigs"]] == ["fraud-1", "fraud-3"]
    with pytest.raises(ClientError, match="Invalid NextToken"):
        client.list_models(NextToken="zzz")
