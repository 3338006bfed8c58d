"""infra/azure: its roles are deployer's own data, and Terraform takes it and makes of it what tests enforce."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.testing.azureml.rights import allows
from deployer.testing.azureml.routes import ROUTES
from deployer_azureml.config import AzureMLConfig, AzureMLOptions
from deployer_azureml.rights import DEPLOYING, ENDPOINT_ROLES, Scope
from deployer_azureml.roles import FILES, Names, document, endpoint, filled, main, permissions, text, why

INFRA = Path(__file__).resolve().parents[3] / "infra" / "azure"
TERRAFORM = shutil.which("terraform") or shutil.which("tofu")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="neither terraform nor tofu is here")
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "azure_schema.json").read_text(encoding="utf-8"))
"""What the bindings ``cdktf-cdktf-provider-azurerm`` 14.23.1 and ``cdktn-provider-azurerm`` 18.9.0 (generated from
hashicorp/azurerm 4.55.0 and 5.10.0) tell of the things that infra/azure makes."""

WHO = ("11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000")
RUN = """
mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = { subscription_id = "00000000-0000-0000-0000-000000000000" }
  }
}

variables {
  location  = "westeurope"
  name      = "Team-ml"
  deployers = %s
  hosts     = ["api.example.com"]
  secrets   = ["/vault"]
  without   = %s
}

run "plan" {
  command = plan
}

run "no_internet_by_a_registry_without_private_endpoints" {
  command = plan
  variables {
    registry_sku = "Standard"
  }
  expect_failures = [azurerm_container_registry.this]
}

run "apply" {
  assert {
    condition     = length(azurerm_role_assignment.deploying) == 10 && length(azurerm_role_assignment.handing) == 2
    error_message = "five roles for each, and the identity"
  }
  assert {
    condition     = { for each in azurerm_role_assignment.models : each.role_definition_name => each.scope } == %s
    error_message = "what models are let at"
  }
  assert {
    condition     = !contains(azurerm_role_definition.deploying["workspace"].permissions[0].actions, var.without[0])
    error_message = "what nobody asked for is left out"
  }
  assert {
    condition     = can(regex("^teamml[0-9a-f]{8}$", azurerm_storage_account.this.name))
    error_message = "a name that Azure takes"
  }
  assert {
    condition     = strcontains(jsonencode(azurerm_machine_learning_workspace.this.managed_network), "OnlyApproved")
    error_message = "nothing gets out"
  }
  assert {
    condition     = strcontains(output.deployer_toml, azurerm_user_assigned_identity.models.id)
    error_message = "what deployer is told"
  }
}
"""
"""For ``terraform test``: all of it is planned and made, of things that are none (Terraform 1.7 and later)."""

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
NAMES = Names("deployer-ml-team", SUBSCRIPTION, f"{SUBSCRIPTION}/resourceGroups/ml")
SECRETS = "Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action"

PASSED_OVER = {
    "Microsoft.MachineLearningServices/locations/mfeOperationResults/read": "an operation's result is the thing itself",
    "Microsoft.MachineLearningServices/locations/vmsizes/read": "sizes are shipped (deployer_azureml.table)",
    "Microsoft.MachineLearningServices/workspaces/codes/": "scoring scripts have no place",
    "Microsoft.MachineLearningServices/workspaces/computes/read": "Azure refuses a compute that is not there",
    "Microsoft.MachineLearningServices/workspaces/data/": "data assets have none either",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/skus/read": "quota says what may be",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/": "keys are for people to renew",
    "Microsoft.Storage/storageAccounts/blobServices/containers/read": "the datastore names the container",
    "Microsoft.Storage/storageAccounts/blobServices/containers/write": "the workspace makes it",
}
"""What calls of the double need that the target never makes, and why it does not; beginnings."""

REGISTRY = ("artifacts/delete", "metadata/read", "pull/read", "push/write")
"""What the double's registry asks for, by what is done (`deployer.testing.azureml.acr`, ``acr_catalog``)."""

NOT_IN_THE_DOUBLE = {
    "workspaces/connections/listsecrets/action": "no connections",
}


# Its data.


def _shipped(name: str) -> str:
    return (INFRA / "roles" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("on", FILES)
def test_what_is_shipped_is_what_the_target_needs(on: Scope) -> None:
    assert _shipped(f"{FILES[on]}.json") == text(document(on)), (
        "run: python -m deployer_azureml.roles infra/azure/roles"
    )


def test_the_endpoint_s_roles_and_the_reasons_are_shipped() -> None:
    assert _shipped("endpoint.json") == text(endpoint())
    assert _shipped("README.md") == why()


def test_they_are_written_by_a_command(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    made = sorted(each.name for each in tmp_path.iterdir())
    assert made == ["README.md", *sorted(f"{name}.json" for name in [*FILES.values(), "endpoint"])]


@pytest.mark.parametrize("on", FILES)
def test_a_role_is_as_azure_takes_it(on: Scope) -> None:
    role = filled(on, NAMES)
    assert role["Name"] == f"deployer-ml-team-{FILES[on]}"
    assert len(role["Name"]) <= 512  # Azure custom roles, "Custom role properties"
    assert role["Actions"] or role["DataActions"]
    assert role["AssignableScopes"] == [NAMES.subscription if on is Scope.SUBSCRIPTION else NAMES.group]
    for each in (*role["Actions"], *role["DataActions"]):
        assert re.fullmatch(r"Microsoft\.[A-Za-z]+(/[A-Za-z]+)+/(read|write|delete|action)", each), each
        assert "*" not in each


def test_every_right_is_in_one_role() -> None:
    given = [each for on in FILES for kind in ("Actions", "DataActions") for each in filled(on, NAMES)[kind]]
    assert sorted(given) == sorted(each.action for each in DEPLOYING)


def test_what_nobody_asked_for_is_left_out() -> None:
    assert SECRETS in filled(Scope.WORKSPACE, NAMES)["Actions"]
    assert SECRETS not in filled(Scope.WORKSPACE, NAMES, without=[SECRETS])["Actions"]
    assert not any(allows(each, SECRETS, data=False) for each in permissions(without=[SECRETS]))


def test_the_endpoint_s_identity_is_let_at_nothing_but_what_it_runs() -> None:
    assert [each["role"] for each in endpoint()] == [role for role, _, _ in ENDPOINT_ROLES]
    assert {each["on"] for each in endpoint()} <= {*FILES.values()}
    assert not any("Contributor" in each["role"] or "Owner" in each["role"] for each in endpoint())


# The double's calls.


def _known() -> list[tuple[str, bool]]:
    """Every action that some call of the double needs: its own name of a kind filled in."""
    found = [
        (route.action.replace("{kind}", kind), route.data)
        for route in ROUTES
        if route.action and route.service in ("arm", "blob")
        for kind in (("environments", "models", "codes", "data") if "{kind}" in route.action else ("",))
    ]
    return sorted({*found})


@pytest.mark.parametrize(("action", "data"), _known())
def test_every_call_of_the_double_is_allowed_or_never_made(action: str, data: bool) -> None:
    if not any(allows(each, action, data=data) for each in permissions()):
        assert action.startswith(tuple(PASSED_OVER)), action


@pytest.mark.parametrize("right", DEPLOYING, ids=lambda right: right.action)
def test_no_right_is_one_that_no_call_needs(right: Any) -> None:
    known = {action.lower() for action, _ in _known()}
    known |= {f"microsoft.containerregistry/registries/{each}" for each in REGISTRY}
    known |= {route.action.lower() for route in ROUTES if route.service == "scoring"}
    if right.action.lower() not in known:
        assert [part for part in NOT_IN_THE_DOUBLE if part in right.action], right.action


# Its text.


def _names(file: str, kind: str) -> list[str]:
    return re.findall(rf'^{kind} "(\w+)"', (INFRA / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_variable_and_output_is_told_of() -> None:
    told = (INFRA / "README.md").read_text(encoding="utf-8")
    names = _names("variables.tf", "variable") + _names("outputs.tf", "output")
    assert names
    assert [each for each in names if f"`{each}`" not in told] == []


def test_what_deployer_is_told_are_options_of_its_own() -> None:
    output = (INFRA / "outputs.tf").read_text(encoding="utf-8")
    told = output.partition("<<-EOT")[2].partition("EOT")[0]
    target, _, config = told.partition("[targets.azureml.defaults.config]")
    options = {*re.findall(r"^\s*(\w+) = ", target, re.MULTILINE)} - {"kind"}
    assert options == {"subscription", "resource_group", "workspace"}
    assert options <= {*AzureMLOptions.model_fields}
    assert {*re.findall(r"^\s*(\w+) = ", config, re.MULTILINE)} == {"identity"} <= {*AzureMLConfig.model_fields}


# Terraform.


def _terraform(folder: Path, *arguments: str, **environment: str) -> str:
    assert TERRAFORM is not None
    quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    done = subprocess.run(
        [TERRAFORM, *arguments], cwd=folder, env={**os.environ, **quiet, **environment}, capture_output=True, text=True,
        timeout=100, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of it, since Terraform writes beside what it reads."""

    def made(part: str = ".") -> Path:
        left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        return Path(shutil.copytree(INFRA / part, tmp_path / "infra", ignore=left_out))

    return made


@pytest.fixture(params=SCHEMA["versions"])
def azurerm(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What Terraform is told, to find the schema of one version of the provider."""
    pytest.importorskip("grpc", reason="grpcio is not installed: pip install grpcio")
    from tests.unit.infra.provider import Provider

    with Provider(SCHEMA["provider"], SCHEMA["versions"][request.param]) as provider:
        yield provider.environment


@needs_terraform
def test_its_files_have_their_one_form() -> None:
    _terraform(INFRA, "fmt", "-check", "-diff", "-recursive")


@needs_terraform
@pytest.mark.timeout(240)
def test_terraform_finds_it_valid_by_the_provider_s_schema(
    copied: Callable[[str], Path], azurerm: dict[str, str]
) -> None:
    folder = copied(".")
    _terraform(folder, "init", "-input=false", "-backend=false", **azurerm)
    _terraform(folder, "validate", "-no-color", **azurerm)
    (folder / "wrong.tf").write_text('output "wrong" { value = azurerm_user_assigned_identity.models.absent }\n')
    with pytest.raises(AssertionError, match=r'attribute named\s+"absent"'):
        _terraform(folder, "validate", "-no-color", **azurerm)


@needs_terraform
@pytest.mark.timeout(240)
def test_terraform_makes_the_roles_that_tests_enforce(copied: Callable[[str], Path]) -> None:
    folder = copied("roles")
    _terraform(folder, "init", "-input=false")
    plain = _applied(folder)
    assert plain["deploying"] == {name: filled(on, NAMES) for on, name in FILES.items()}
    assert plain["endpoint"] == endpoint()
    less = _applied(folder, without=[SECRETS])
    assert less["deploying"]["workspace"] == filled(Scope.WORKSPACE, NAMES, without=[SECRETS])


def _applied(folder: Path, **more: Any) -> dict[str, Any]:
    (folder / "terraform.tfvars.json").write_text(json.dumps({**vars(NAMES), **more}))
    _terraform(folder, "apply", "-input=false", "-auto-approve", "-no-color")
    return {name: each["value"] for name, each in json.loads(_terraform(folder, "output", "-json")).items()}


@needs_terraform
@pytest.mark.timeout(240)
def test_terraform_plans_and_makes_it_of_things_that_are_none(
    copied: Callable[[str], Path], azurerm: dict[str, str]
) -> None:
    folder = copied(".")
    store = "${azurerm_storage_account.this.id}/blobServices/default/containers/azureml-blobstore-"
    scopes = {
        "registry": "azurerm_container_registry.this.id",
        "store": f'"{store}${{azurerm_machine_learning_workspace.this.workspace_id}}"',
        "workspace": "azurerm_machine_learning_workspace.this.id",
    }
    told = ", ".join(f'"{each["role"]}" = {scopes[each["on"]]}' for each in endpoint())
    (folder / "made.tftest.hcl").write_text(RUN % (json.dumps(WHO), json.dumps([SECRETS]), f"{{ {told} }}"))
    _terraform(folder, "init", "-input=false", "-backend=false", **azurerm)
    assert "3 passed, 0 failed" in _terraform(folder, "test", "-no-color", **azurerm)
