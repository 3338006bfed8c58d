"""What is wrong in azureml-mlflow 1.62.0.post6's deployment client, and that ours is free of it.

Each docstring names that client's defect. What only a whole run shows is in `test_defects_on_the_double`, and what it
leaves behind in ``bench/azureml_vs_mlflow.py``, which runs both.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from deployer.endpoint import Traffic
from deployer.errors import Conflict, NotFound, SpecError
from deployer.target import Request
from deployer_azureml.calls import Due
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.configuring import configure_due
from deployer_azureml.facts import Facts
from deployer_azureml.invoking import sent
from deployer_azureml.refusing import refuse
from deployer_azureml.removing import retire_due
from deployer_azureml.requests import config_of, create_endpoint
from deployer_azureml.routing import route_due
from deployer_azureml.staging import Staging
from deployer_azureml.wishes import iso
from tests.unit.azureml.values import (
    IMAGE,
    OTHER,
    REVISION,
    deployment,
    endpoint,
    facts,
    place,
    record,
    release,
    spec,
)

BOTH = (deployment(), deployment(OTHER))
_PERIOD = re.compile(r"PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?")


def _staged(**fields: Any) -> Due:
    """What is due of a first release."""
    seen = facts(deployments=(), environments=())
    return Staging(spec(**fields), release(), place()).due(seen)


def _made(**fields: Any) -> dict[str, Any]:
    """The deployment's document of a first release."""
    (call,) = (each for each in _staged(**fields).calls if each.operation == "PutDeployment")
    return dict(call.body["properties"])


# What may be said.


def test_a_release_has_an_image_of_its_own() -> None:
    """It deploys MLflow models as Azure builds them alone: ``environment`` and ``code_configuration`` are refused."""
    environment, made = _staged().calls
    assert environment.body["properties"]["image"] == IMAGE
    assert environment.path.rpartition("/")[2] in made.body["properties"]["environmentId"]
    assert "model" not in made.body["properties"]


@pytest.mark.parametrize("word", ["environment", "code_configuration", "instance_count", "traffic"])
def test_what_has_no_place_is_told_with_what_to_say_instead(word: str) -> None:
    """What is wrong in a configuration is hidden behind "Failed to parse provided configuration file"."""
    with pytest.raises(ValidationError, match=rf"{word}: .+"):
        AzureMLConfig.model_validate({word: {}})
    with pytest.raises(SpecError, match=word):
        config_of(spec(config={word: {}}))


def test_settings_can_be_said_with_the_command() -> None:
    """``-C instance_type=...`` is passed over, which ends in a TypeError about None that "is not iterable".

    Only the path of a file can be said, ``deploy-config-file``; so is an unknown word, without a sound.
    """
    made = _made(config={"instance_type": "standard_ds3_v2", "concurrency": 7})
    assert made["instanceType"] == "Standard_DS3_v2"
    assert made["requestSettings"]["maxConcurrentRequestsPerInstance"] == 7
    with pytest.raises(SpecError, match="instance_typ"):
        config_of(spec(config={"instance_typ": "Standard_DS3_v2"}))


def test_it_is_a_managed_online_endpoint_unless_a_cluster_is_named() -> None:
    """Without endpoint and file it goes, without a word, to container instances by Azure's retired interface."""
    assert create_endpoint(spec(), place())["kind"] == "Managed"
    assert create_endpoint(spec(config={"compute": "aks"}), place())["kind"] == "Kubernetes"


def test_durations_are_durations() -> None:
    """``request_timeout_ms`` and ``max_queue_wait_ms`` go as whole numbers where Azure takes ``PT5S``."""
    made = _made(config={"timeout": "90s", "startup": "10m"})
    told = [made["requestSettings"]["requestTimeout"]]
    told += [made[probe][name] for probe in ("livenessProbe", "readinessProbe") for name in ("period", "timeout")]
    assert all(isinstance(each, str) and _PERIOD.fullmatch(each) for each in told), told
    assert made["requestSettings"]["requestTimeout"] == iso(95)


def test_callers_are_let_in_by_a_key_that_does_not_end() -> None:
    """Endpoints that it makes without a file take tokens that end after hours (``auth_mode: aml_token``)."""
    assert create_endpoint(spec(), place())["properties"]["authMode"] == "Key"


# Changes.


def test_another_model_is_another_deployment() -> None:
    """``update_deployment`` sends the model in a PATCH, of which Azure takes tags and count alone.

    It changes what serves in place besides, so that nothing is left to go back to.
    """
    seen = facts(deployments=(deployment(),), environments=())
    calls = Staging(spec(), release(OTHER), place()).due(seen).calls
    assert [call.operation for call in calls] == ["PutEnvironment", "PutDeployment"]
    assert calls[1].path.endswith(f"/deployments/{OTHER}")
    assert not any(call.path.endswith(f"/deployments/{REVISION}") for call in calls)


def test_a_count_that_was_wished_stays() -> None:
    """``update_deployment`` without ``instance_count`` sets it back to 1."""
    for count in (1, 4):
        seen = facts(deployments=(deployment(count=count),), environments=())
        (made,) = (
            call
            for call in Staging(spec(replicas=count), release(OTHER), place()).due(seen).calls
            if call.operation == "PutDeployment"
        )
        assert made.body["sku"]["capacity"] == count


def test_labels_are_changed_without_a_word_of_counts_and_traffic() -> None:
    """The same: an update is of all that the file says, and of what it does not say, too."""
    main = endpoint(traffic={REVISION: 90, OTHER: 10})
    (call,) = configure_due(facts(endpoint=main, deployments=BOTH), spec(labels={"team": "risk"}), place()).calls
    assert call.body["properties"]["traffic"] == {REVISION: 90, OTHER: 10}
    assert call.body["tags"]["team"] == "risk"


def test_one_of_two_goes_after_its_traffic_went_to_the_other() -> None:
    """``delete_deployment`` of one of two writes traffic that sums to less than 100, and ends with Azure's 400."""
    seen = facts(endpoint=endpoint(traffic={REVISION: 60, OTHER: 40}), deployments=BOTH)
    with pytest.raises(Conflict, match="has traffic") as caught:
        retire_due(seen, OTHER, keep=False)
    assert caught.value.hint
    (call,) = route_due(seen, Traffic({REVISION: 100})).calls
    assert sum(call.body["properties"]["traffic"].values()) == 100
    after = facts(endpoint=endpoint(traffic={REVISION: 100}), deployments=BOTH)
    assert [each.operation for each in retire_due(after, OTHER, keep=True).calls] == ["DeleteDeployment"]


@pytest.mark.parametrize("shares", [{REVISION: 60}, {REVISION: 60, OTHER: 60}, {REVISION: -10, OTHER: 110}])
def test_traffic_that_sums_to_no_hundred_cannot_be_said(shares: dict[str, int]) -> None:
    """It sends any traffic, and lets Azure refuse it."""
    with pytest.raises((ValidationError, ValueError)):
        Traffic(shares)


# What is not there.


def test_what_is_not_there_is_not_found() -> None:
    """A missing deployment is looked for in Azure's retired interface, whose error is what one is told."""
    with pytest.raises(NotFound, match="there is no endpoint iris") as caught:
        sent(Facts("iris", "azure"), Request())
    assert caught.value.hint == "deployer list"
    assert retire_due(facts(deployments=(), environments=()), OTHER, keep=False) == Due()


def test_a_failure_before_traffic_is_removed_and_made_anew() -> None:
    """A create that failed leaves endpoint and deployment, and the next one of that name is refused by Azure."""
    broken = deployment(state="Failed")
    seen = facts(endpoint=endpoint(traffic={}), deployments=(broken,), record=record())
    due = Staging(spec(), release(), place()).due(seen)
    assert [call.operation for call in due.calls] == ["DeleteDeployment"]
    assert due.waits


def test_a_wish_that_azure_would_refuse_is_refused_first() -> None:
    """It makes the endpoint, and then finds out what is wrong with the deployment: the endpoint stays."""
    wish = spec(config={"instance_type": "ml.m5.large"})
    assert [field for field, _ in refuse(wish)] == ["config.instance_type"]
