"""From what AWS answers to facts."""

from __future__ import annotations

from typing import Any

from deployer_sagemaker.facts import read_config_fact, read_endpoint
from deployer_sagemaker.marks import Asked, Marks, Role, State
from tests.unit.sagemaker.values import ARN, IMAGE, NEW, OLD, OTHER, REVISION, at, config_fact, endpoint, facts, marks


def _described(**fields: Any) -> dict[str, Any]:
    return {
        "EndpointName": "iris", "EndpointArn": ARN, "EndpointConfigName": OLD, "EndpointStatus": "InService",
        "CreationTime": at(10), "LastModifiedTime": at(20.25), **fields,
    }  # fmt: skip


def test_an_endpoint_in_service() -> None:
    variants = [
        {
            "VariantName": "primary", "CurrentWeight": 1.0, "DesiredWeight": 1.0, "CurrentInstanceCount": 2,
            "DesiredInstanceCount": 3, "DeployedImages": [{"SpecifiedImage": "x", "ResolvedImage": IMAGE}],
        }
    ]  # fmt: skip
    tags = {**marks().tags({"team": "risk"}), "aws:x": "y"}
    found = read_endpoint(_described(ProductionVariants=variants), tags)
    assert (found.status, found.config, found.created, found.modified) == ("InService", OLD, 10.0, 20.25)
    assert (found.variants[0].ready, found.variants[0].wanted) == (2, 3)
    assert found.variants[0].images == ("sha256:" + "b" * 64,)
    assert found.labels == {"team": "risk"}
    assert found.marks == marks()
    assert found.settled


def test_an_endpoint_on_its_way_tells_where_to() -> None:
    pending = {
        "EndpointConfigName": NEW,
        "ProductionVariants": [
            {
                "VariantName": "primary",
                "DesiredInstanceCount": 1,
                "VariantStatus": [
                    {"Status": "Creating", "StartTime": at(30)},
                    {"Status": "Baking", "StatusMessage": "Baking for 300 seconds", "StartTime": at(40)},
                ],
            }
        ],
    }
    found = read_endpoint(_described(EndpointStatus="Updating", PendingDeploymentSummary=pending), {})
    assert found.pending == NEW
    assert found.coming[0].stage == "Baking: Baking for 300 seconds"
    assert (found.coming[0].ready, found.coming[0].wanted) == (0, 1)
    assert not found.settled
    assert not found.ours


def test_a_serverless_variant_has_no_instances() -> None:
    variants = [{"VariantName": "primary", "CurrentWeight": 1.0, "CurrentServerlessConfig": {"MaxConcurrency": 5}}]
    found = read_endpoint(_described(ProductionVariants=variants), {}).variants[0]
    assert found.serverless
    assert found.full


def test_while_it_is_created_its_configuration_may_be_told_as_pending_alone() -> None:
    found = read_endpoint(
        _described(
            EndpointStatus="Creating", EndpointConfigName="", PendingDeploymentSummary={"EndpointConfigName": OLD}
        ),
        {},
    )
    assert found.config == OLD


def test_a_configuration_tells_which_revision_each_variant_runs() -> None:
    described = {
        "EndpointConfigName": OLD, "EndpointConfigArn": "arn", "CreationTime": at(9),
        "ProductionVariants": [
            {"VariantName": "primary", "ModelName": f"iris--{REVISION}--aaaaaaaa", "InstanceType": "ml.m5.large"},
            {"VariantName": "candidate", "ModelName": f"iris--{OTHER}--bbbbbbbb", "InstanceType": "ml.m5.large"},
        ],
    }  # fmt: skip
    found = read_config_fact(described, Marks("team", "iris", Role.CONFIG, OTHER, State.KEPT).tags())
    assert found is not None
    assert found.runs == {"primary": REVISION, "candidate": OTHER}
    assert found.revisions == (REVISION, OTHER)
    assert found.state is State.KEPT
    assert read_config_fact(described, {}) is None


def test_what_was_asked_and_is_not_seen_yet_is_neither_success_nor_rollback() -> None:
    asked = marks(asked=Asked(NEW, 20.25))
    found = endpoint(modified=20.2503, marks=asked)
    assert (found.unseen, found.reverted) == (NEW, "")


def test_in_service_by_another_configuration_than_was_asked_for_is_a_rollback() -> None:
    found = endpoint(modified=90.0, marks=marks(asked=Asked(NEW, 20.25)))
    assert (found.unseen, found.reverted) == ("", NEW)
    assert endpoint(modified=90.0, config=NEW, marks=marks(asked=Asked(NEW, 20.25))).reverted == ""
    under_way = endpoint(modified=90.0, status="Updating", pending=NEW, marks=marks(asked=Asked(NEW, 20.25)))
    assert (under_way.unseen, under_way.reverted) == ("", "")


def test_a_configuration_that_is_gone_is_still_known_by_its_name() -> None:
    assert facts(configs=()).run_by(OLD) == {"primary": REVISION}
    assert facts(configs=()).run_by(f"iris--{REVISION}-{OTHER}--00000000") == {"primary": REVISION, "candidate": OTHER}
    assert facts(configs=()).run_by("somebody-s") == {}


def test_the_newest_staged_configuration_is_the_one_to_go_to() -> None:
    configs = (
        config_fact(created=5.0),
        config_fact(f"iris--{REVISION}--ffffffff", created=7.0),
        config_fact(f"iris--{REVISION}--eeeeeeee", created=9.0, state=State.KEPT),
    )
    found = facts(configs=configs).staged(REVISION)
    assert found is not None
    assert found.name.endswith("ffffffff")
    assert facts(configs=configs).staged(OTHER) is None
