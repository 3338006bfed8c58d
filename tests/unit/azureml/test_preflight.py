"""What ``doctor`` looks at, and what it tells to do."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from deployer.spec import Resources
from deployer.target import Check
from deployer_azureml.acr import Acr
from deployer_azureml.preflight import allowed, checks, lacking, quota_check, who
from deployer_azureml.rights import DEPLOYING, Scope
from deployer_azureml.sizes import smallest
from tests.unit.azureml.parts import Parts, connected, rights_without

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"


def test_who_a_token_is_of() -> None:
    def token(**claims: str) -> str:
        return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"

    assert who(token(upn="a@example.com", tid="t", oid="o")) == "a@example.com of the directory t"
    assert who(token(appid="app", oid="o")) == "app"
    assert who("no token") == "somebody"
    assert who("a.###.c") == "somebody"


@pytest.mark.parametrize(
    ("permission", "action", "data", "fine"),
    [
        ({"actions": ["*"]}, f"{WORKSPACE}/read", False, True),
        ({"actions": ["*/read"]}, f"{WORKSPACE}/READ", False, True),
        ({"actions": ["*"], "notActions": [f"{WORKSPACE}/*/write"]}, f"{WORKSPACE}/a/write", False, False),
        ({"actions": ["*"]}, "x/blobs/read", True, False),
        ({"dataActions": ["x/blobs/*"], "notDataActions": []}, "x/blobs/read", True, True),
        ({"actions": ["a.b/read"]}, "aXb/read", False, False),
        ({}, "x", False, False),
    ],
)
def test_whether_a_permission_allows_an_action(permission: Any, action: str, data: bool, fine: bool) -> None:
    assert allowed([permission], action, data=data) is fine


def test_one_permission_s_exceptions_are_its_own() -> None:
    given = [{"actions": ["*"], "notActions": ["a/write"]}, {"actions": ["a/*"]}]
    assert allowed(given, "a/write", data=False)


def test_what_is_lacking_on_each_kind_of_thing() -> None:
    have = rights_without(f"{WORKSPACE}/onlineEndpoints/write")
    assert [each.action for each in lacking(have, Scope.WORKSPACE)] == [f"{WORKSPACE}/onlineEndpoints/write"]
    assert lacking(have, Scope.STORE) == ()


@pytest.mark.parametrize(
    ("used", "limit", "fine", "words"), [(0, 100, True, ""), (0, 3, False, "ask for"), (95, 100, None, "old and new")]
)
def test_quota_counts_the_reserve(used: int, limit: int, fine: bool | None, words: str) -> None:
    size = smallest(Resources())
    usage = {"name": {"value": size.quota}, "currentValue": used, "limit": limit}
    found = quota_check([{"name": {"value": "other"}}, usage], size)
    assert found.ok is fine
    assert words in (found.hint or "")
    assert f"{used} of {limit} cores" in found.detail


def test_quota_that_is_not_told() -> None:
    assert quota_check([], smallest(Resources())).ok is None


# On the double.


@pytest.fixture
def double() -> Generator[Double]:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, Options

    with Double(Options()) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(double, connected(double, monkeypatch))


def _looked(parts: Parts) -> dict[str, Check]:
    def store() -> str:
        list(parts.records.names())
        return parts.placing.blobs.url

    found: dict[str, Check] = {}
    for each in checks(parts.azure, Acr(parts.azure), store):
        found.setdefault(each.what if each.what not in found else f"{each.what} {each.detail}", each)
    return found


def test_all_is_well(parts: Parts) -> None:
    parts.double.tell("PUT", "rights", [*rights_without(), {"actions": ["*"]}])
    found = _looked(parts)
    assert [*found] == [
        "credentials of Azure", "the workspace", "provider MachineLearningServices",
        "provider Insights", "the store", "the registry", "permissions", "quota of standardDSv2Family",
    ]  # fmt: skip
    assert [each.what for each in found.values() if not each.ok] == []
    assert parts.double.options.client in found["credentials of Azure"].detail
    assert "/deployer/ws-" in found["the registry"].detail


def test_credentials_that_are_none(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    found = _looked(parts)
    assert [*found] == ["credentials of Azure"]
    assert (found["credentials of Azure"].ok, "az login" in (found["credentials of Azure"].hint or "")) == (False, True)


def test_a_workspace_that_is_not_there(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _looked(Parts(double, connected(double, monkeypatch, workspace="other")))
    assert [*found] == ["credentials of Azure", "the workspace"]
    assert found["the workspace"].ok is False
    assert "az ml workspace list" in (found["the workspace"].hint or "")


def test_each_right_that_is_missing_is_named(parts: Parts) -> None:
    needed, wished = f"{WORKSPACE}/onlineEndpoints/write", "Microsoft.Insights/autoscaleSettings/write"
    parts.double.tell("PUT", "rights", rights_without(needed, wished))
    found = [*_looked(parts).values()]
    missing = next(each for each in found if each.ok is False)
    assert (missing.what, missing.detail, missing.hint) == (
        "permissions", f"not allowed: {needed}", "all that is needed: infra/azure",
    )  # fmt: skip
    assert wished in next(each.detail for each in found if each.ok is None)


def test_who_has_no_role_on_the_store_uses_its_key(parts: Parts) -> None:
    blobs = [each.action for each in DEPLOYING if each.on is Scope.STORE]
    parts.double.tell("PUT", "rights", rights_without(*blobs))
    found = _looked(parts)["permissions"]
    assert (found.ok, "by the datastore's key" in found.detail) == (True, True)
    parts.double.tell("PUT", "rights", rights_without(*blobs, f"{WORKSPACE}/datastores/listSecrets/action"))
    assert _looked(parts)["permissions"].ok is False


def test_a_right_to_ask_that_is_missing_is_a_line(parts: Parts) -> None:
    parts.double.tell("PUT", "rights", rights_without("Microsoft.Authorization/permissions/read"))
    found = _looked(parts)
    assert found["permissions"].ok is False
    assert "Microsoft.Authorization/permissions/read" in found["permissions"].detail
    assert found["the store"].ok is True


def test_a_provider_that_is_not_registered(parts: Parts) -> None:
    parts.double.world.unregistered.add("microsoft.insights")
    found = _looked(parts)["provider Insights"]
    assert (found.ok, found.hint) == (False, "az provider register --namespace Microsoft.Insights --wait")


def test_a_small_quota(parts: Parts) -> None:
    parts.double.tell("PUT", "quotas", {"standardDSv2Family": 1})
    found = _looked(parts)["quota of standardDSv2Family"]
    assert found.ok is False
    assert "ml.azure.com > Manage > Quota" in (found.hint or "")
