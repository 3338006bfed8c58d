"""Names, marks and references."""

from __future__ import annotations

import re

import pytest

from deployer_azureml.marks import Marks, Role, labels_of, plain_tags, read_marks, told, usable_label
from deployer_azureml.names import (
    autoscale_path,
    deployment_path,
    endpoint_path,
    environment_path,
    environment_version,
    is_revision,
    revision_in,
    usable_name,
)
from deployer_azureml.vault import is_injected, of_connections, reference_in, references, role_for
from tests.unit.azureml.values import REVISION, release, spec

AZURE = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
"""Of endpoints and deployments (azure-ai-ml)."""


def test_paths() -> None:
    assert endpoint_path("iris") == "onlineEndpoints/iris"
    assert deployment_path("iris", REVISION) == f"onlineEndpoints/iris/deployments/{REVISION}"
    assert environment_path("iris", "v") == "environments/deployer-iris/versions/v"
    assert autoscale_path("team", "iris", REVISION) == (
        f"providers/microsoft.insights/autoscalesettings/deployer-team-iris-{REVISION}"
    )


def test_names_are_what_azure_takes() -> None:
    for name in (REVISION, "iris", "a" * 32):
        assert AZURE.fullmatch(name)
        assert 3 <= len(name) <= 32
    assert usable_name("iris-2")
    assert not usable_name("Iris")
    assert not usable_name("ab")
    assert is_revision(REVISION)
    assert not is_revision("blue")


def test_the_revision_in_a_version() -> None:
    version = environment_version(REVISION, {"image": "x"})
    assert revision_in(version) == REVISION
    assert environment_version(REVISION, {"image": "y"}) != version
    for other in ("1", "r1a2b3c4", f"{version}0", "blue-00000000"):
        assert revision_in(other) is None


@pytest.mark.parametrize("role", Role)
def test_marks_come_back(role: Role) -> None:
    marks = Marks("team", "iris", role, REVISION)
    tags = marks.tags({"Team": "risk", "stage": "prod"})
    assert read_marks(tags) == marks
    assert labels_of(tags) == {"Team": "risk", "stage": "prod"}
    assert read_marks({key.upper(): value for key, value in tags.items()}) == marks
    assert len(tags) <= 10 + 2


def test_tags_of_others_are_no_labels() -> None:
    tags = {**Marks("team", "iris", Role.ENDPOINT).tags({"a": "1"}), "policy": "x", "hidden-title": "y"}
    assert labels_of(tags) == {"a": "1"}
    assert plain_tags(tags) == {"a": "1", "policy": "x"}
    assert labels_of(Marks("team", "iris", Role.ENDPOINT).tags() | {"policy": "x"}) == {}


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"deployer.managed-by": "somebody"},
        {"deployer.managed-by": "deployer", "deployer.owner": "team", "deployer.endpoint": "iris"},
        {
            "deployer.managed-by": "deployer",
            "deployer.owner": "",
            "deployer.endpoint": "iris",
            "deployer.role": "model",
        },
    ],
)
def test_what_is_not_ours(tags: dict[str, str]) -> None:
    assert read_marks(tags) is None


def test_what_a_deployment_tells_when_the_record_is_lost() -> None:
    assert told(release()) == {"deployer.model": "models:/iris/4", "deployer.digest": release().digest}
    long = release().model_copy(update={"model": release().model.model_copy(update={"resolved": "x" * 300})})
    assert set(told(long)) == {"deployer.digest"}


@pytest.mark.parametrize(
    ("key", "fine"), [("team", True), ("a.b:c d", True), ("a|b", False), (" ", False), ("a%", False)]
)
def test_labels_that_azure_takes(key: str, fine: bool) -> None:
    assert usable_label(key, "x") is fine


def test_secrets() -> None:
    vault = f"https://v-1.vault.usgovcloudapi.net/secrets/a-b/{'0' * 32}/"
    wish = spec(secrets={"A": {"ref": vault}, "B": {"ref": "azureml://connections/c/target"}})
    assert references(wish) == {
        "A": f"${{{{keyvault:{vault.rstrip('/')}}}}}", "B": "${{azureml://connections/c/target}}",
    }  # fmt: skip
    assert all(is_injected(value) for value in references(wish).values())
    assert of_connections(wish)
    assert not of_connections(spec(secrets={"A": {"ref": vault}}))
    assert role_for(vault) == ("Key Vault Secrets User", "the vault v-1")
    assert role_for("azureml://connections/c/target")[1] == "the workspace"
    assert not is_injected("plain $VALUE ${x}")
    assert reference_in(references(wish)["A"]) == vault.rstrip("/")
    assert reference_in("${{ azureml://connections/c/target }}") == "azureml://connections/c/target"
    for other in ("plain", "x ${{keyvault:https://v}}", "${{keyvault:https://v}}", "${{azureml://connections/c}}"):
        assert reference_in(other) is None
