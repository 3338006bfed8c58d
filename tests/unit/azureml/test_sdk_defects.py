"""What is wrong in azure-ai-ml 1.35.2, and that ours is free of it: the parts that decide, without a connection.

Each docstring names the SDK's defect; `test_defects_on_the_double` has those that only a whole run shows.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import deployer_azureml
from deployer.endpoint import Code, Mirrored, Traffic
from deployer.errors import DeploymentFailed, TargetUnavailable
from deployer.target import Request
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.configuring import configure_due
from deployer_azureml.counting import count_due
from deployer_azureml.documents import read_deployment, read_endpoint
from deployer_azureml.errors import failed_operation, failure_of_operation, mapped, refused_of
from deployer_azureml.invoking import DEPLOYMENT, answer_of, sent, trouble_of_answer
from deployer_azureml.refusing import refuse
from deployer_azureml.requests import Place, create_endpoint, instance_type
from deployer_azureml.routing import kept_traffic, mirror_due, route_due
from deployer_azureml.staging import Staging
from tests.unit.azureml import answers
from tests.unit.azureml.values import (
    IDENTITY,
    OTHER,
    REVISION,
    config,
    deployment,
    deployment_document,
    endpoint,
    endpoint_document,
    facts,
    place,
    release,
    spec,
)

FOLDER = Path(deployer_azureml.__file__).parent
ASKED = Request(body=b'{"inputs": [1]}', headers={"Content-Type": "application/json"})
BOTH = {"deployments": (deployment(), deployment(OTHER))}


# Requests to an endpoint.


def test_a_pinned_request_pins_no_later_one() -> None:
    """``invoke(deployment_name=...)`` writes into a module's dictionary of headers, and all later calls read it."""
    seen = facts(**BOTH)
    pinned = sent(seen, ASKED, revision=OTHER)
    assert pinned.headers[DEPLOYMENT] == OTHER
    for _ in range(2):
        plain = sent(seen, ASKED)
        assert DEPLOYMENT not in plain.headers
        assert plain.headers is not pinned.headers
    assert dict(ASKED.headers) == {"Content-Type": "application/json"}


def test_a_request_is_bytes_and_no_file() -> None:
    """``invoke`` takes the path of a file alone."""
    assert sent(facts(), ASKED).body == ASKED.body


@pytest.mark.parametrize(("own", "status"), [("400", 400), ("500", 500), ("422", 422)])
def test_a_model_s_own_status_is_told(own: str, status: int) -> None:
    """What the scoring address refuses is an MlException with a text: its status is lost, the container's too."""
    found = answer_of(facts(), 424, b"no", {"ms-azureml-model-error-statuscode": own})
    assert (found.status, found.body) == (status, b"no")


@pytest.mark.parametrize("body", [b'{"error": "quota"}', b'["no"]', b"no JSON", b"", b'{"error": null}'])
def test_a_refusal_in_any_form_is_a_refusal(body: bytes) -> None:
    """JSON whose ``error`` is no object raises AttributeError in ``invoke``."""
    trouble = trouble_of_answer(facts(), 503, body, {})
    assert isinstance(trouble, TargetUnavailable)
    assert trouble.transient
    assert refused_of(503, body).status == 503


# Errors.


@pytest.mark.parametrize(
    ("code", "message", "meant"),
    [
        ("ResourceNotReady", answers.QUOTA, Code.QUOTA),
        ("BadArgument", answers.PULL, Code.IMAGE_PULL),
        ("OutOfQuota", answers.MEMORY, Code.OUT_OF_MEMORY),
    ],
    ids=["quota", "image", "memory"],
)
def test_an_operation_that_failed_is_a_failure_though_its_status_is_200(code: str, message: str, meant: Code) -> None:
    """A failed operation is an HttpResponseError whose ``status_code`` is 200, and whose code says little."""
    failure = failure_of_operation({"status": "Failed", "error": {"code": code, "message": message}})
    assert failure is not None
    assert failure.status == 200
    error = failed_operation(failure.telling, "make r1a2b3c4", "iris")
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert error.diagnosis.code == meant


def test_a_reason_is_told_where_azure_names_no_operation() -> None:
    """Without an operation's header a failure is "Operation returned an invalid status 'OK'", and ``error`` None.

    Ours reads the address of the last operation from the document itself, which tells it at any time.
    """
    document = deployment_document(state="Failed")
    found = read_deployment(document)
    assert found.operation == document["properties"]["properties"]["AzureAsyncOperationUri"]
    assert read_deployment(document, trouble=answers.QUOTA).trouble == answers.QUOTA


@pytest.mark.parametrize(
    ("body", "needle"),
    [(answers.QUOTA_BODY, "8"), (answers.arm("UserError", answers.DENIED), "onlineEndpoints/write")],
    ids=["quota", "denied"],
)
def test_an_error_is_one_plain_sentence_with_its_cause(body: bytes, needle: str) -> None:
    """Errors come as an MlException with ANSI colours and paragraphs of help, or a traceback around the one line."""
    error = mapped(refused_of(400, body, "PUT onlineEndpoints/iris"), "make iris", "iris")
    text = f"{error}\n{getattr(error, 'diagnosis', '')}"
    assert "\x1b" not in text
    assert "Traceback" not in text
    assert needle in text


def test_a_status_decides_only_with_the_words() -> None:
    """404 is told by its message alone: of a workspace that is not there as of an endpoint that can be made."""
    missing = refused_of(404, answers.arm("ResourceNotFound", "The endpoint iris was not found."))
    nowhere = refused_of(404, answers.arm("ResourceNotFound", answers.NO_WORKSPACE))
    assert missing.missing
    assert not nowhere.missing
    assert nowhere.nowhere


# Documents that are written whole.


def _told() -> dict[str, Any]:
    """An endpoint with all that an entity of the SDK's, made anew to change its traffic, does not know of."""
    document = endpoint_document(
        mirrorTraffic={"blue": 10}, description="of team risk", publicNetworkAccess="Disabled",
        traffic={REVISION: 100}, newerThanAnySdk={"a": [1]},
    )  # fmt: skip
    document["tags"] |= {"cost-centre": "4711"}
    document["sku"] = {"name": "Default", "capacity": 1}
    document["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {"clientId": "c"}}}
    return document


def test_a_change_of_traffic_is_a_change_of_traffic_alone() -> None:
    """``ManagedOnlineEndpoint(name, traffic=...)`` wipes tags, description, copies and identity.

    One that was read before still loses ``sku``, ``kind`` and whatever is newer than the SDK's entities.
    """
    main = read_endpoint(_told())
    seen = facts(endpoint=main, **BOTH)
    (call,) = route_due(seen, Traffic({OTHER: 100})).calls
    written = json.loads(json.dumps(call.body))
    kept = json.loads(json.dumps(dict(main.document)))
    assert written["properties"].pop("traffic") == {OTHER: 100}
    kept["properties"].pop("traffic")
    assert written == kept
    assert written["properties"]["newerThanAnySdk"] == {"a": [1]}
    assert written["properties"]["mirrorTraffic"] == {"blue": 10}
    assert (written["tags"]["cost-centre"], written["kind"], written["sku"]["name"]) == ("4711", "Managed", "Default")
    assert written["identity"]["userAssignedIdentities"] == {IDENTITY: {}}


def test_a_change_of_copies_keeps_the_traffic() -> None:
    """The same defect: an entity made to send copies has no traffic, so that nobody is served."""
    seen = facts(endpoint=read_endpoint(_told()), **BOTH)
    (call,) = mirror_due(seen, Mirrored(revision=OTHER, percent=20)).calls
    assert call.body["properties"]["traffic"] == {REVISION: 100}
    assert call.body["properties"]["mirrorTraffic"] == {OTHER: 20}


@pytest.mark.parametrize(
    "lost",
    [
        {"startupProbe": {"failureThreshold": 90}},
        {"modelMountPath": "/models"},
        {"requestSettings": {"requestTimeout": "PT1M", "maxQueueWait": "PT0.5S"}},
        {"egressPublicNetworkAccess": "Disabled", "newer": 1},
    ],
    ids=lambda lost: next(iter(lost)),
)
def test_a_change_of_the_count_keeps_what_an_entity_drops(lost: dict[str, Any]) -> None:
    """A deployment that was read and written back lacks these, since the SDK's entities do not know them.

    Ours changes a count by a PATCH of the count; where it has to write all, it writes what was told.
    """
    managed = read_deployment(deployment_document(**lost))
    (scale,) = count_due(facts(deployments=(managed,)), managed, spec(replicas=3), place()).calls
    assert scale.body == {"sku": {"capacity": 3}}
    wish = spec(replicas=3, config={"compute": "aks"})
    (whole,) = count_due(facts(deployments=(managed,)), managed, wish, place()).calls
    assert lost.items() <= whole.body["properties"].items()


def test_a_deployment_keeps_its_capitals() -> None:
    """``traffic`` is written with all names in lower case, which is not how Azure was told them."""
    named = deployment(name="Blue-1")
    (call,) = route_due(facts(deployments=(named,), endpoint=endpoint(traffic={})), Traffic({REVISION: 100})).calls
    assert call.body["properties"]["traffic"] == {"Blue-1": 100}


def test_what_was_written_meanwhile_is_seen() -> None:
    """A PUT of the SDK's carries no word of what it was made of, so that the last writer wins unseen."""
    main = read_endpoint(_told())
    (call,) = route_due(facts(endpoint=main, **BOTH), Traffic({OTHER: 100})).calls
    assert call.basis == main.basis
    changed = _told()
    changed["tags"]["cost-centre"] = "4712"
    assert read_endpoint(changed).basis != call.basis


@pytest.mark.parametrize("state", ["Creating", "Updating", "Scaling", "Deleting", "Provisioning"])
def test_what_azure_changes_just_now_is_waited_for(state: str) -> None:
    """Two changes of an endpoint at once end with "it is in Updating provisioning state", for the person to retry."""
    seen = facts(endpoint=endpoint(state=state), **BOTH)
    due = route_due(seen, Traffic({OTHER: 100})) if state != "Deleting" else kept_traffic(seen, Traffic({OTHER: 100}))
    assert due.calls == ()
    assert due.waits
    refused = refused_of(409, answers.arm("UserError", answers.IN_UPDATING))
    assert refused.busy
    (call,) = route_due(facts(**BOTH), Traffic({OTHER: 100})).calls
    assert "busy" in call.fine


def test_traffic_is_moved_when_azure_shows_it_and_not_when_it_answered() -> None:
    """A PUT that was answered is not yet what a GET shows (Azure/azure-dev#3881): the SDK takes the answer for it."""
    seen = facts(endpoint=endpoint(traffic={REVISION: 100}), **BOTH)
    assert kept_traffic(seen, Traffic({OTHER: 100})).calls
    done = kept_traffic(facts(endpoint=endpoint(traffic={OTHER: 100}), **BOTH), Traffic({OTHER: 100}))
    assert (done.calls, done.is_last) == ((), True)


# What is wished.


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"config": {"timeout": "4m"}}, "3m"),
        ({"secrets": {"TOKEN": {"env": "MY_TOKEN"}}}, "secrets"),
        ({"resources": {"cpu": 1000}}, "resources"),
    ],
    ids=["timeout", "secret", "size"],
)
def test_a_wish_that_cannot_be_met_is_refused_before_any_call(fields: dict[str, Any], words: str) -> None:
    """``begin_create_or_update`` writes the environment first, and validates, or is refused, only then."""
    found = [f"{field}: {why}" for field, why in refuse(spec(**fields))]
    assert any(words in each for each in found), found


def test_an_unknown_way_to_let_callers_in_is_refused() -> None:
    """``auth_mode`` is not checked: any word goes to Azure."""
    with pytest.raises(ValidationError, match="auth_mode"):
        AzureMLConfig.model_validate({"auth_mode": "keys"})
    assert create_endpoint(spec(), place())["properties"]["authMode"] == "Key"


def test_there_is_always_a_size() -> None:
    """``instance_type`` may be left out, and is asked for by the service only when all else was made."""
    assert instance_type(spec(), config())
    (environment, made) = Staging(spec(), release(), place()).due(facts(deployments=(), environments=())).calls
    assert environment.operation == "PutEnvironment"
    assert made.body["properties"]["instanceType"].startswith("Standard_")


def test_a_container_has_the_time_that_was_asked_for() -> None:
    """Probes as they come end a container after 310 s, the most frequent end of an MLflow model's deployment."""
    (_, made) = Staging(spec(config={"startup": "20m"}), release(), place()).due(
        facts(deployments=(), environments=())
    ).calls  # fmt: skip
    probe = made.body["properties"]["readinessProbe"]
    assert probe["period"] == "PT10S"
    assert int(probe["failureThreshold"]) * 10 >= 1200


def test_the_region_is_the_workspace_s_and_asked_for_once() -> None:
    """``location`` of an endpoint is passed over: each creation asks for the workspace to find it."""
    away = Place(place().id, "norwayeast", "team")
    assert create_endpoint(spec(), away)["location"] == "norwayeast"
    seen = facts(deployments=(), environments=())
    assert [call.body["location"] for call in Staging(spec(), release(), away).due(seen).calls[1:]] == ["norwayeast"]
    assert [call.thing for call in configure_due(facts(endpoint=None), spec(), away).calls] == ["Endpoint"]


# How it is made.


def test_nothing_of_ours_prints_or_leaves_a_poller_behind() -> None:
    """Each ``begin_*`` starts a thread that asks on, and prints dots to stdout from it, minutes later.

    It cannot be redirected, since it is another thread's; and 30 s lie between two of its looks at an endpoint.
    """
    used = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                used.add(ast.unparse(node.func).rpartition(".")[2])
    assert not {each for each in used if each.startswith("begin_")}
    assert not used & {"print", "LROPoller", "Timer"}
