"""Endpoints of somebody else, and of another owner."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from deployer.endpoint import Traffic
from deployer.spec import DeploymentSpec
from deployer_azureml.adopting import adopt_due
from deployer_azureml.calls import Due
from deployer_azureml.facts import Facts
from deployer_azureml.foreign import Found, adoption_of, identity_of, serving_one, unadoptable
from deployer_azureml.marks import Marks, Role
from deployer_azureml.observe import endpoint_of
from deployer_azureml.removing import destroy_due
from deployer_azureml.routing import route_due
from deployer_azureml.staging import Staging
from tests.unit.azureml.cloud import Cloud
from tests.unit.azureml.values import (
    IDENTITY,
    IMAGE,
    OTHER,
    REVISION,
    WORKSPACE,
    config,
    deployment_document,
    endpoint_document,
    place,
    record,
    release,
    spec,
)

VAULT = f"https://team-vault.vault.azure.net/secrets/db/{'0a' * 16}"
ROUTES = {
    "livenessRoute": {"port": 8000, "path": "/live"}, "readinessRoute": {"port": 8000, "path": "/up"},
    "scoringRoute": {"port": 8000, "path": "/score"},
}  # fmt: skip
ENVIRONMENT = {"name": "1", "properties": {"image": IMAGE, "inferenceConfig": ROUTES}}


def _found(environment: Any = ENVIRONMENT, endpoint: Any = None, **told: Any) -> Found:
    main = endpoint or endpoint_document(tags={"team": "risk", "hidden-title": "x"}, traffic={"Blue": 100})
    return Found(main, deployment_document(name="Blue", tags={}, **told), environment)


def test_a_custom_container_of_somebody_else() -> None:
    told = adoption_of(
        _found(
            count=3, environmentVariables={"LOG": "info", "API_KEY": "abc", "DB": f"${{{{keyvault:{VAULT}}}}}"},
            requestSettings={"requestTimeout": "PT1M30S", "maxConcurrentRequestsPerInstance": 8},
            readinessProbe={"initialDelay": "PT1M", "period": "PT10S", "failureThreshold": 30}, appInsightsEnabled=True,
            dataCollector={"collections": {"request": {"dataCollectionMode": "Enabled", "samplingRate": 0.1}},
                           "rollingRate": "Day"},
        )
    )  # fmt: skip
    assert told.what == "endpoint iris, deployment Blue (3 of Standard_DS2_v2)"
    assert told.untold == {"env.API_KEY": "its value looks secret, and is not told"}
    assert told.image is not None
    assert told.image.reference == IMAGE
    assert told.spec == {
        "replicas": 3,
        "network": {"egress": "internet"},
        "env": {"LOG": "info"},
        "secrets": {"DB": {"ref": VAULT}},
        "labels": {"team": "risk"},
        "image": {"use": IMAGE},
        "config": {
            "instance_type": "Standard_DS2_v2", "timeout": "90s", "concurrency": 8, "startup": "360s",
            "app_insights": True, "routes": {"port": 8000, "ready": "/up", "invocations": "/score"},
            "data_capture": {"what": "request", "percent": 10.0, "roll": "day"},
        },
    }  # fmt: skip
    wish = DeploymentSpec(name="iris", target="azureml", **told.spec)
    assert config(**wish.config).timeout == 90.0


def test_a_model_that_azure_serves_by_itself() -> None:
    model = f"{WORKSPACE}/models/fraud/versions/4"
    told = adoption_of(_found(None, model=model, instanceType="Standard_F4s_v2"))
    assert (told.spec["model"], told.spec["config"]["no_code"], told.image) == ("azureml:fraud:4", True, None)
    assert told.untold == {}


@pytest.mark.parametrize(
    ("environment", "more", "words"),
    [
        (ENVIRONMENT, {"codeConfiguration": {"scoringScript": "score.py"}}, "score.py"),
        ({"properties": {"image": "mcr/x", "condaFile": "{}", "inferenceConfig": ROUTES}}, {}, "Azure built its image"),
        ({"properties": {"build": {}, "inferenceConfig": ROUTES}}, {}, "Azure built its image"),
        ({"properties": {"image": IMAGE}}, {}, "Azure built its image"),
    ],
)
def test_what_cannot_be_made_again(environment: Any, more: dict[str, Any], words: str) -> None:
    told = adoption_of(_found(environment, **more))
    assert words in told.untold["image"]
    assert "image" not in told.spec


def test_a_mounted_model_is_named() -> None:
    told = adoption_of(_found(model=f"{WORKSPACE}/models/weights/versions/1"))
    assert "weights" in told.untold["model"]


def test_what_is_told_of_the_endpoint() -> None:
    document = endpoint_document(
        tags={}, traffic={"Blue": 100}, authMode="AADToken", publicNetworkAccess="Disabled",
        properties={"enforce_access_to_default_secret_stores": "enabled"},
    )  # fmt: skip
    document["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {"clientId": "c"}}}
    found = adoption_of(_found(endpoint=document)).spec["config"]
    assert (found["auth_mode"], found["public"], found["identity"]) == ("aad_token", False, [IDENTITY])
    assert found["connections"] is True
    document = endpoint_document(tags={}, traffic={"Blue": 100}, compute="/x/computes/aks")
    scale = {"scaleType": "TargetUtilization", "minInstances": 1, "maxInstances": 4}
    told = adoption_of(_found(endpoint=document, scaleSettings=scale, instanceType=None)).spec
    assert (told["config"]["compute"], told["replicas"]) == ("aks", {"min": 1, "max": 4})
    assert "public" not in told["config"]


def _cloud(*, traffic: dict[str, int] | None = None, kept: Any = None) -> Cloud:
    """An endpoint of ``az ml``, with the deployment blue."""
    cloud = Cloud(kept if kept is not None else record(traffic={REVISION: 100}))
    shares = {"blue": 100} if traffic is None else traffic
    cloud.endpoint = endpoint_document(tags={"team": "risk"}, traffic=shares)
    for name in ("blue", "green"):
        cloud.deployments[name] = copy.deepcopy(deployment_document(name=name, tags={"made": "by hand"}))
        cloud.served.add(name)
    del cloud.deployments["green"]
    return cloud


def _adopt(cloud: Cloud) -> Callable[[Facts], Due]:
    return partial(adopt_due, record=cloud.record)


def test_it_is_taken_over_by_tags_alone() -> None:
    cloud = _cloud(kept=record(traffic={REVISION: 100}, spec=spec(labels={"team": "risk", "new": "1"}).wish()))
    before = copy.deepcopy(cloud.deployments["blue"]["properties"])
    cloud.drive(_adopt(cloud))
    assert cloud.made == ["TagDeployment", "PutEndpoint"]
    found = endpoint_of(cloud.facts())
    assert found is not None
    assert (found.managed, found.traffic.root) == (True, {REVISION: 100})
    assert found.settings["labels"] == {"team": "risk"}  # what it has; configure sets the others
    assert cloud.deployments["blue"]["tags"]["made"] == "by hand"
    assert cloud.deployments["blue"]["properties"] == before
    cloud.drive(_adopt(cloud))
    assert cloud.made == ["TagDeployment", "PutEndpoint"]
    cloud.drive(Staging(spec(), release(OTHER), place()).due)
    cloud.drive(partial(route_due, traffic=Traffic({OTHER: 100})))
    assert cloud.traffic() == {OTHER: 100}
    cloud.drive(destroy_due)
    assert cloud.endpoint is None


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("settled", [True, False])
def test_who_is_killed_in_the_midst_of_it_goes_on(most: int, settled: bool) -> None:
    cloud = _cloud()
    cloud.ask(_adopt(cloud), most=most)
    if settled:
        cloud.settle()
    found = endpoint_of(cloud.facts())
    assert found is not None
    assert not found.managed
    cloud.drive(_adopt(cloud))
    assert cloud.made == ["TagDeployment", "PutEndpoint"]


def test_another_owner_s() -> None:
    cloud = _cloud()
    cloud.drive(_adopt(cloud))
    cloud.record = record(owner="others", traffic={REVISION: 100})
    cloud.made.clear()
    cloud.drive(_adopt(cloud))
    assert cloud.made == ["TagDeployment", "PutEndpoint"]
    facts = cloud.facts()
    assert facts.main is not None
    assert facts.main.marks == Marks("others", "iris", Role.ENDPOINT)
    assert facts.mine[0].marks == Marks("others", "iris", Role.DEPLOYMENT, REVISION)
    assert adopt_due(Facts("iris", "azure"), record()) == Due()


@pytest.mark.parametrize("owner", ["default", "others"])
def test_what_has_its_records_elsewhere_is_marked_once_as_here(owner: str) -> None:
    cloud = _cloud()
    made = Marks("default", "iris", Role.ENDPOINT, records="0123abcd")
    assert cloud.endpoint is not None
    cloud.endpoint["tags"] |= made.tags()
    cloud.deployments["blue"]["tags"] |= dataclasses.replace(made, role=Role.DEPLOYMENT, revision=REVISION).tags()
    assert cloud.facts().kept_elsewhere("4567cdef")
    cloud.record = record(owner=owner, traffic={REVISION: 100})
    for _ in range(2):
        cloud.drive(partial(adopt_due, record=cloud.record, records="4567cdef"))
        assert cloud.made == ["TagDeployment", "PutEndpoint"]
    facts = cloud.facts()
    assert not facts.kept_elsewhere("4567cdef")
    assert facts.kept_elsewhere("0123abcd")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"traffic": {}}, "none has any"),
        ({"traffic": {"blue": 90, "green": 10}}, "blue 90 %, green 10 %"),
    ],
)
def test_what_cannot_be_taken_over(change: dict[str, Any], words: str) -> None:
    assert words in (unadoptable(_cloud(**change).facts()) or "")


def test_what_is_busy_is_not_taken_over() -> None:
    assert unadoptable(_cloud().facts()) is None
    assert "gone" in (unadoptable(Facts("iris", "azure")) or "")
    cloud = _cloud()
    cloud.deployments["blue"]["properties"]["provisioningState"] = "Failed"
    assert "is Failed" in (unadoptable(cloud.facts()) or "")
    assert cloud.endpoint is not None
    cloud.endpoint["properties"]["provisioningState"] = "Updating"
    assert "it is Updating" in (unadoptable(cloud.facts()) or "")
    assert not cloud.ask(_adopt(cloud))


def test_exactly_this_one() -> None:
    cloud = _cloud()
    facts = cloud.facts()
    serving = serving_one(facts)
    assert serving is not None
    assert facts.endpoint is not None
    one = identity_of(facts.endpoint, serving)
    assert cloud.endpoint is not None
    cloud.endpoint["systemData"] = {"createdAt": "2026-11-30T00:00:00+00:00"}
    facts = cloud.facts()
    assert facts.endpoint is not None
    assert identity_of(facts.endpoint, serving) != one
