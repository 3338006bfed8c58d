"""Who may do what: tokens, keys, roles, and the journal that says which action each call needs."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from deployer.testing.azureml import DoubleCredential, Durations
from deployer.testing.azureml.rights import allows
from deployer.testing.azureml.routes import ROUTES
from tests.unit.testing.azureml.conftest import Place, Said

ONLINE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


def login(place: Place, **changed: str) -> Said:
    options = place.double.options
    form = {
        "grant_type": "client_credentials",
        "client_id": options.client,
        "client_secret": options.secret,
        "scope": "https://management.azure.com/.default",
        **changed,
    }
    return place.send("POST", f"/{changed.get('tenant', options.tenant)}/oauth2/v2.0/token", urlencode(form).encode())


def test_a_token_for_an_application(place: Place) -> None:
    said = login(place)
    assert (said.status, said.json["token_type"]) == (200, "Bearer")
    assert 3500 < said.json["expires_in"] <= 3599
    for changed, code in (
        ({"client_secret": "wrong"}, 7000215),
        ({"client_id": "none"}, 700016),
        ({"grant_type": "password"}, 70003),
        ({"scope": "https://management.azure.com"}, 1002012),
        ({"tenant": "none"}, 90002),
    ):
        refused = login(place, **changed)
        assert (refused.status // 100, refused.json["error_codes"]) == (4, [code])
    wrong = {**place.double.environment, "AZURE_CLIENT_SECRET": "wrong"}
    with pytest.raises(urllib.error.HTTPError):
        DoubleCredential(wrong).get_token("https://management.azure.com/.default")


def test_discovery_names_the_token_endpoint(place: Place) -> None:
    tenant = place.double.options.tenant
    found = place.send("GET", f"/{tenant}/v2.0/.well-known/openid-configuration").json
    assert found["token_endpoint"] == f"{place.double.url}/{tenant}/oauth2/v2.0/token"
    assert place.send("GET", "/common/discovery/instance").json["metadata"][0]["preferred_network"]
    assert place.send("GET", "/metadata/endpoints").json[0]["resourceManager"] == f"{place.double.url}/"


def test_arm_looks_at_the_token(place: Place) -> None:
    where = f"{place.double.workspace}?api-version=2024-10-01"

    def ask(token: str) -> Said:
        return place.send("GET", where, headers={"Authorization": f"Bearer {token}"} if token else {})

    bare = ask("")
    assert (bare.status, bare.code) == (401, "AuthenticationFailed")
    assert "Bearer authorization_uri=" in bare.headers["WWW-Authenticate"]
    assert ask("nonsense").code == "InvalidAuthenticationToken"
    good = place.token()
    assert ask(good[:-2] + "xx").code == "InvalidAuthenticationToken"
    assert ask(good).status == 200
    assert ask(place.token("https://storage.azure.com/.default")).code == "InvalidAuthenticationTokenAudience"
    scope = {"scope": "https://management.azure.com/.default", "seconds": 30}
    short = place.double.tell("POST", "token", scope)["token"]
    assert ask(short).status == 200
    place.double.tell("POST", "clock", {"advance": 31})
    assert ask(short).code == "ExpiredAuthenticationToken"
    assert ask(place.token()).status == 200


def test_the_key_of_an_endpoint(place: Place) -> None:
    place.serving()
    keys = place.arm("POST", "onlineEndpoints/fraud/listKeys").json
    uri = place.arm("GET", "onlineEndpoints/fraud").json["properties"]["scoringUri"]

    def ask(key: str) -> Said:
        return place.send("POST", uri, b"{}", {"Authorization": f"Bearer {key}"})

    assert [ask(keys[each]).status for each in ("primaryKey", "secondaryKey")] == [200, 200]
    for wrong in ("", "wrong", place.token()):
        said = ask(wrong)
        assert (said.status, said.data) == (401, b"key_auth_access_denied")
        assert said.headers["ms-azureml-model-error-reason"] == "authorization_failed"
    place.ended(place.arm("POST", "onlineEndpoints/fraud/regenerateKeys", {"keyType": "Primary"}))
    assert [ask(keys[each]).status for each in ("primaryKey", "secondaryKey")] == [401, 200]
    assert place.arm("POST", "onlineEndpoints/fraud/regenerateKeys", {"keyType": "Third"}).status == 400
    assert place.arm("POST", "onlineEndpoints/fraud/token").status == 400


def test_a_token_of_the_endpoint(new_place: Callable[..., Place]) -> None:
    place = new_place(durations=Durations(probe_every=0.01, aml_token=600))
    place.ended(place.endpoint(mode="AMLToken"))
    place.ended(place.deploy())
    place.ended(place.route({"r01": 100}))
    said = place.arm("POST", "onlineEndpoints/fraud/token").json
    assert said["expiryTimeUtc"] - said["refreshAfterTimeUtc"] == 300
    assert place.ask(key=said["accessToken"]).status == 200
    place.advance(601)
    assert place.ask(key=said["accessToken"]).data == b"token_auth_access_denied"
    assert place.arm("POST", "onlineEndpoints/fraud/listKeys").status == 400


def test_entra_at_the_endpoint(place: Place) -> None:
    place.ended(place.endpoint(mode="AADToken"))
    place.ended(place.deploy())
    place.ended(place.route({"r01": 100}))
    assert place.ask(key=place.token("https://ml.azure.com/.default")).status == 200
    assert place.ask(key=place.token()).status == 401
    place.double.tell("PUT", "rights", [{"actions": [f"{ONLINE}/read"]}])
    assert place.ask(key=place.token("https://ml.azure.com/.default")).status == 403


def test_roles_allow_what_they_name(place: Place) -> None:
    place.double.tell("PUT", "rights", [{"actions": [f"{ONLINE}/*/read", f"{ONLINE}/read"], "dataActions": []}])
    assert place.arm("GET", "onlineEndpoints").status == 200
    said = place.endpoint()
    assert (said.status, said.code) == (403, "AuthorizationFailed")
    assert f"does not have authorization to perform action '{ONLINE}/write' over scope" in said.message
    told = place.double.tell("GET", "rights")
    assert (told["used"], told["unused"], told["refused"]) == (
        [f"{ONLINE}/read"],
        [f"{ONLINE}/*/read"],
        [f"{ONLINE}/write"],
    )
    where = f"{place.double.workspace}/providers/Microsoft.Authorization/permissions"
    assert place.arm("GET", where).status == 403
    place.double.tell("DELETE", "rights")
    assert place.arm("GET", where).json["value"][0]["actions"] == ["*"]
    assert place.endpoint().status == 201


def test_patterns_of_roles() -> None:
    role = {"actions": ["Microsoft.X/*"], "notActions": ["Microsoft.X/*/delete"], "dataActions": ["Microsoft.Y/a/read"]}
    assert allows(role, "microsoft.x/a/READ", data=False) == "Microsoft.X/*"
    assert not allows(role, "Microsoft.X/a/delete", data=False)
    assert not allows(role, "Microsoft.Y/a/read", data=False)
    assert allows(role, "Microsoft.Y/a/read", data=True)


def test_the_journal_has_the_action_of_every_call(place: Place) -> None:
    place.serving()
    place.ask()
    place.arm("DELETE", "onlineEndpoints/fraud/deployments/none")
    calls = place.double.tell("GET", "calls")
    by_operation = {each["operation"]: each for each in calls}
    assert by_operation["PutEndpoint"]["action"] == f"{ONLINE}/write"
    assert by_operation["PutDeployment"]["action"] == f"{ONLINE}/deployments/write"
    assert by_operation["PutDeployment"]["name"] == "fraud/r01"
    assert (
        by_operation["PutAsset"]["action"] == "Microsoft.MachineLearningServices/workspaces/environments/versions/write"
    )
    assert by_operation["ListKeys"]["action"] == f"{ONLINE}/listKeys/action"
    assert (by_operation["Score"]["action"], by_operation["Score"]["principal"]) == ("", "key")
    assert by_operation["DeleteDeployment"]["status"] == 204
    assert not [each for each in calls if each["service"] == "arm" and not each["action"]]
    assert "Bearer" not in json.dumps(calls)
    assert place.double.tell("DELETE", "calls") == []


def test_every_route_of_arm_needs_an_action_but_the_metadata() -> None:
    bare = [each.operation for each in ROUTES if each.service == "arm" and not each.action]
    assert bare == ["GetMetadata"]


def test_an_operation_of_which_the_url_is_not_signed(new_place: Callable[..., Place]) -> None:
    for good in (True, False):
        place = new_place(guesses={"unsigned-operation": good})
        said = place.endpoint()
        place.ended(said)
        url = place.arm("GET", "onlineEndpoints/fraud").json["properties"]["properties"]["AzureAsyncOperationUri"]
        assert place.arm("GET", url).status == (200 if good else 403)
        assert place.arm("GET", said.headers["Azure-AsyncOperation"][:-3] + "xxx").status == 403
        assert place.arm("GET", url.replace("oeidp", "none")).status == 404


def test_provider_registration_and_registry(place: Place) -> None:
    subscription = f"/subscriptions/{place.double.options.subscription}"
    where = f"{subscription}/providers/Microsoft.MachineLearningServices"
    assert place.arm("GET", where).json["registrationState"] == "Registered"
    place.double.tell("PUT", "unregistered", ["Microsoft.MachineLearningServices"])
    assert place.arm("GET", where).json["registrationState"] == "NotRegistered"
    about: Any = place.arm("GET", place.double.workspace).json["properties"]
    found = place.arm("GET", about["containerRegistry"]).json["properties"]
    assert found["loginServer"] == place.double.url.removeprefix("https://")
    assert place.arm("GET", about["containerRegistry"] + "x").status == 404
