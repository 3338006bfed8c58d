"""MLflow's own cases for SageMaker (mlflow/mlflow, tests/sagemaker/), for ours: each test names the case that it is of.

Cases of MLflow that are not right for ours, and why:

- *add mode* (``test_deploy_in_add_mode_adds_new_model_to_existing_endpoint``: eleven variants, one for each call): AWS
  takes ten, and each change replaces the whole fleet. A release here takes the place of the one before, in one variant.
- *asynchronous without archive is refused*, of create, update and delete: MLflow cannot wait for what it has to remove
  then. ``--no-wait`` here needs no archive: what is due follows from what is there, and any later command does it.
- *delete with archive keeps configuration and models*: ``delete`` here means all of it; images stay until ``gc``, and
  ``rollback`` is what releases are kept for.
- *get, list with an assumed role in the target URI*: a role is the target's option, so that every verb has it.
- *a name is truncated to 63 characters*: two long names would be one endpoint. One that is too long is refused here.
- *unsupported flavour*, *missing flavour*: MLflow chooses a flavour for its image; here every model is served by its
  pyfunc, and one that has none is refused where it is read (tests/unit/model).
- *proxy variables of this machine are passed to the container* (``test_deployment_with_proxies``): what a machine's
  proxy is says nothing about AWS's network, and it may hold a password. ``env`` names what a container has.
- *predict takes and returns a DataFrame*: every target's, in tests/unit/scoring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from deployer.endpoint import Code, Phase, Traffic
from deployer.errors import Conflict, SpecError, TargetUnavailable
from deployer.spec.layers import build_spec, command_line_layer
from deployer_sagemaker.client import Aws
from deployer_sagemaker.config import SageMakerConfig, SageMakerOptions
from deployer_sagemaker.configs import Side, config_of, create_config
from deployer_sagemaker.models import create_model
from deployer_sagemaker.names import usable_name
from tests.unit.sagemaker.living import ASKED, OTHER, REVISION, ROLE, Living, until
from tests.unit.sagemaker.values import faults as wrong_in
from tests.unit.sagemaker.values import place, release, spec

ARN = "arn:aws:iam::123456789012:role/team/of/deployers"


# test_sagemaker_deployment_client.py: the target's address


@pytest.mark.parametrize("role", [ARN, "arn:aws:iam::123456789012:role/plain", "arn:aws-cn:iam::123456789012:role/a"])
def test_target_uri_with_region_and_role(role: str) -> None:
    """``test_initialize_sagemaker_deployment_client_with_region_and_role_arn``: paths in it, too."""
    assert SageMakerOptions(region="us-east-1", assume_role=role).assume_role == role


@pytest.mark.parametrize("role", ["deployers", "arn:aws:iam::123456789012:user/x", "team/role", ""])
def test_target_uri_with_something_else_for_a_role(role: str) -> None:
    """``..._with_region_and_role_arn``: what is no role is refused before AWS is asked."""
    with pytest.raises(ValidationError):
        SageMakerOptions(assume_role=role)


def test_a_role_without_a_region_takes_the_environments(
    new_aws: Callable[..., Aws], environment: pytest.MonkeyPatch
) -> None:
    """``test_initialize_..._role_arn_without_region`` is an error there, since the region is part of the address."""
    environment.setenv("AWS_REGION", "eu-central-1")
    assert new_aws(assume_role=ARN).region == "eu-central-1"


def test_assuming_a_role_that_is_not_there(new_aws: Callable[..., Aws], faults: Callable[..., None]) -> None:
    """``test_assume_role_and_get_credentials`` where there is no such role: AWS says no more than that it is denied."""
    words = f"User: arn:aws:iam::123456789012:user/x is not authorized to perform: sts:AssumeRole on resource: {ARN}"
    faults("AssumeRole", error="AccessDenied", status=403, message=words)
    with pytest.raises(TargetUnavailable, match="sts:AssumeRole") as caught:
        _ = new_aws(assume_role=ARN).identity
    assert not caught.value.transient


# test_sagemaker_deployment_client.py: what the command line gives


def test_texts_of_the_command_line_become_numbers_truths_and_mappings() -> None:
    """``test_apply_custom_config_*``: int, bool and dict fields are given as texts."""
    sets = [
        "config.instance_type=ml.m5.xlarge", "config.threads=4", "config.shell=true", "config.startup=20m",
        "config.serverless={max_concurrency: 5, memory: 3Gi}", "env={A: b}", "replicas=2",
    ]  # fmt: skip
    typed = command_line_layer({"name": "iris", "model": "models:/iris/4"}, sets, config_model=SageMakerConfig)
    made = build_spec([typed], config_model=SageMakerConfig)
    config = config_of(made)
    assert (config.threads, config.shell, config.startup, made.replicas) == (4, True, 1200.0, 2)
    assert config.serverless is not None
    assert (config.serverless.max_concurrency, dict(made.env)) == (5, {"A": "b"})


# test_deploy.py: the requests


def _requests(**fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    made = spec(**fields)
    model = create_model(made, release(), config_of(made), place(tags={"cost": "42"}))
    found = create_config([Side(made, release(), str(model["ModelName"]))], place(tags={"cost": "42"}))
    assert wrong_in("CreateModel", model) == []
    assert wrong_in("CreateEndpointConfig", found) == []
    return dict(model), dict(found)


def test_an_asynchronous_configuration_is_there_only_where_it_is_wished() -> None:
    """``test_prepare_sagemaker_tags``' neighbours: ``..._with_async_inference_config`` and ``..._without_...``."""
    _, plain = _requests()
    assert "AsyncInferenceConfig" not in plain
    _, queued = _requests(config={"async_inference": {"output": "s3://answers-of-ours/out"}})
    assert queued["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] == "s3://answers-of-ours/out"


def test_a_serverless_configuration_takes_the_place_of_instances() -> None:
    """``test_create_deployment_with_serverless_config``, ``test_update_deployment_with_serverless_config``."""
    _, found = _requests(config={"serverless": {"max_concurrency": 5, "memory": "3Gi"}}, network={"egress": "internet"})
    (variant,) = found["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MaxConcurrency": 5, "MemorySizeInMB": 3072}
    assert not {"InstanceType", "InitialInstanceCount"} & set(variant)


def test_tags_are_on_all_that_is_made() -> None:
    """``test_deploy_creates_sagemaker_..._with_tags``: MLflow's are on model and endpoint alone (mlflow#9159)."""
    for made in _requests(labels={"team": "risk"}):
        tags = {each["Key"]: each["Value"] for each in made["Tags"]}
        assert (tags["cost"], tags["team"]) == ("42", "risk")


def test_the_environment_reaches_the_container() -> None:
    """``test_deployment_of_model_with_environment_variables``, by the API and by the command line."""
    model, _ = _requests(env={"LEVEL": "debug"})
    assert model["PrimaryContainer"]["Environment"]["LEVEL"] == "debug"


@pytest.mark.parametrize("name", ["a" * 33, "a" * 64, "A-b", "iris_1"])
def test_a_name_that_would_have_to_be_cut_is_refused(name: str) -> None:
    """``test_truncate_name``: nothing is cut here, so that two names are two endpoints."""
    assert not usable_name(name)
    with pytest.raises((SpecError, ValidationError)):
        build_spec([command_line_layer({"name": name, "model": "models:/iris/4"})])


# test_deploy.py: on the (double of the) service


def test_creating_over_what_is_there_is_refused(living: Living, aws: Aws) -> None:
    """``test_create_deployment_in_create_mode_for_existing_endpoint_fails``: also where somebody else made it."""
    model = {"Image": "good:1", "Environment": {}}
    aws.ask("sagemaker", "CreateModel", {"ModelName": "theirs", "ExecutionRoleArn": ROLE, "PrimaryContainer": model})
    variant = {"VariantName": "v", "ModelName": "theirs", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    aws.ask("sagemaker", "CreateEndpointConfig", {"EndpointConfigName": "theirs", "ProductionVariants": [variant]})
    aws.ask("sagemaker", "CreateEndpoint", {"EndpointName": living.name, "EndpointConfigName": "theirs"})
    with pytest.raises(Conflict):
        living.begin().stage()
    assert aws.ask("sagemaker", "DescribeEndpoint", {"EndpointName": living.name})["EndpointConfigName"] == "theirs"


def test_a_verb_returns_at_once_and_waiting_ends_with_the_operation(
    living: Living, faults: Callable[..., None]
) -> None:
    """``test_deploy_in_synchronous_mode_waits_for_endpoint_creation_to_complete`` and ``..._asynchronous_...``."""
    faults("CreateEndpoint", delay=0.5)
    living.begin().stage()
    assert living.seen().find(REVISION).phase is Phase.STARTING  # type: ignore[union-attr]
    living.healthy()


@pytest.mark.parametrize("first", [True, False])
def test_a_failed_create_and_a_failed_update_are_failures(living: Living, first: bool) -> None:
    """``test_deploy_in_throw_exception_after_endpoint_creation_fails`` and ``..._replacement_fails``."""
    living.begin()
    if not first:
        living.serve()
    revision = REVISION if first else OTHER
    living.stage(revision, "unstarted:1").phase(revision, Phase.FAILED)
    found = living.target.diagnose(living.name, revision)
    assert found is not None
    assert found.code is Code.IMAGE_MANIFEST
    if not first:
        assert living.target.invoke(living.name, ASKED).revision == REVISION


def test_nothing_is_deleted_before_the_update_is_in_service(living: Living, faults: Callable[..., None]) -> None:
    """``test_deploy_in_replace_mode_waits_until_endpoint_update_completes_before_deleting_resources``."""
    living.begin().serve().stage(OTHER).healthy(OTHER)
    living.calls()
    faults("UpdateEndpoint", delay=0.5)
    living.writer.route(Traffic.all_to(OTHER))
    living.writer.retire(REVISION, keep=False)  # too early: noted, and done by a later look
    asked = living.calls()
    assert not {"DeleteEndpointConfig", "DeleteModel"} & set(asked[: asked.index("UpdateEndpoint") + 1])
    assert not {"DeleteEndpointConfig", "DeleteModel"} & set(asked)
    living.until(lambda seen: seen.find(REVISION) is None and seen.traffic.root == {OTHER: 100})
    assert {"DeleteEndpointConfig", "DeleteModel"} <= set(living.calls())


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_replaced_goes_or_is_kept_as_it_was_asked(living: Living, keep: bool) -> None:
    """``test_deploy_in_replace_mode_removes_preexisting_models`` and ``..._with_archiving_does_not_delete_...``."""
    living.begin().serve().stage(OTHER).healthy(OTHER)
    living.route({OTHER: 100})
    living.writer.retire(REVISION, keep=keep)
    living.until(lambda seen: keep or seen.find(REVISION) is None)
    models = {each["ModelName"] for each in living.target._aws.all("sagemaker", "ListModels", "Models", {})}
    assert any(name.startswith(f"{living.name}--{REVISION}--") for name in models) is keep
    assert any(name.startswith(f"{living.name}--{OTHER}--") for name in models)


def test_delete_removes_endpoint_configuration_and_model(living: Living) -> None:
    """``test_delete_deployment_in_synchronous_mode_..._deletes_resources``; one that failed before left none, too."""
    living.begin().serve().stage(OTHER, "unstarted:1")
    living.phase(OTHER, Phase.FAILED)
    living.writer.destroy()
    until(lambda: living.target.observe(living.name) is None)
    asked = {"NameContains": living.name}
    assert [*living.target._aws.all("sagemaker", "ListModels", "Models", asked)] == []
    assert [*living.target._aws.all("sagemaker", "ListEndpointConfigs", "EndpointConfigs", asked)] == []


def test_get_and_list(living: Living) -> None:
    """``test_get_deployment_successful``, ``..._non_existent``, ``test_list_deployments_returns_all_endpoints``."""
    living.begin().serve()
    assert living.seen().name == living.name
    assert living.target.observe("not-there") is None
    assert living.name in {each.name for each in living.target.list()}
