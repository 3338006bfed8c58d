"""The Azure ML target by the real command line: on the double, with real containers and a real registry as ACR."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e.commandline import MODELS, ROWS
from tests.e2e.in_process import columns_of
from tests.e2e.test_scenes_local import LOADER, changed
from tests.plugins.docker import Image, ImageRegistry, Scope

pytest.importorskip("cryptography", reason="cryptography is not installed: pip install cryptography")

from deployer.testing.azureml import Spawned
from tests.e2e.azure import Workspace, arguments
from tests.e2e.installed import installed_command

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.real("docker"), pytest.mark.timeout(600),
    pytest.mark.xdist_group("e2e-azureml"),
]  # fmt: skip

IRIS, OTHER = MODELS / "iris", MODELS / "iris-v2"
NAME = "iris"
CHANGES = re.compile(r"(Put|Patch|Delete|Regenerate)\w+|(PUT|POST|PATCH|DELETE) .+")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    """The command of an environment that holds the wheel with its extra for Azure ML, and nothing else."""
    return installed_command(tmp_path_factory.mktemp("installed"), "azureml", uv_cache)


@pytest.fixture(scope="module")
def workspace(  # noqa: PLR0917 - one for each thing that must be there
    tmp_path_factory: pytest.TempPathFactory,
    installed: Path,
    docker_host: str,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
    image_registry: ImageRegistry,
    base_image: Image,
) -> Iterator[Workspace]:
    """One that holds whoever calls to the roles that are shipped."""
    started = arguments(docker_host, image_registry.plain, "{}", tmp_path_factory.mktemp("double"))
    folder = tmp_path_factory.mktemp("workspace")
    with new_docker_scope() as scope:
        with Spawned([each.format(scope.name) for each in started]) as double:
            images = f"{image_registry.plain}/{scope.name}"
            workspace = Workspace(double, folder, base_image.reference, images, installed)
            yield workspace
            assert workspace.refused() == [], "the target's own calls, by the roles of infra/azure"
            assert double.tell("GET", "figures")["trouble"] == []
        assert [each for each in scope.left() if each.kind in ("container", "network")] == []


@pytest.fixture
def endpoint(workspace: Workspace) -> Workspace:
    """The endpoint is there and runs the first model, as an earlier test left it, or made now."""
    workspace.writes(NAME, IRIS)
    workspace.well("apply", "-f", "deployer.yaml")
    workspace.asked()
    return workspace


def test_the_cards_own_line(workspace: Workspace) -> None:
    workspace.well("delete", NAME, "--yes", "--missing-ok")
    workspace.well("gc", "--yes", "--older-than", "0s")  # its images, too
    workspace.writes(NAME, IRIS)
    workspace.asked()
    created = workspace.well("create", "--target", "azureml")
    told = [line.rstrip() for line in created.told.splitlines()]
    assert told[0] == "iris on azureml"
    assert "    runs on    Standard_DS2_v2 (2 vCPU, 7Gi)" in told
    reserve = "(Azure reserves a fifth more than runs: ceil(1.2 x instances))"
    assert f"    quota      4 cores of standardDSv2Family at the peak {reserve}" in told
    assert "    takes      about 7 to 23 minutes" in told
    steps = [line.split()[1] for line in told if line.startswith("  ✓ ")]
    assert steps == ["image", "start", "healthy"]
    assert re.search(r"✓ healthy +answers its own example as the packaged model does \(3 of 3\)", created.err)
    assert told[-1].endswith("Try:  deployer predict iris -t azureml -i rows.csv")
    calls = workspace.asked()
    # The endpoint is made, and given its traffic once the revision was verified.
    assert [calls[each] for each in ("PutAsset", "PutEndpoint", "PutDeployment")] == [1, 2, 1], calls
    assert calls["PUT manifests"] == 1, calls
    again = workspace.well("create", "--target", "azureml")
    assert again.told == "iris is unchanged: revision R1 is healthy (N s)."
    assert [each for each in workspace.asked() if CHANGES.fullmatch(each)] == []


def test_predictions_by_every_door_are_the_packaged_models_own(endpoint: Workspace) -> None:
    predicted = endpoint.well("predict", NAME, "-i", ROWS)
    answered = [row[-1] for row in csv.reader(io.StringIO(predicted.out))][1:]
    columns = columns_of(ROWS)
    data = [*zip(*columns.values(), strict=True)]
    body = json.dumps({"dataframe_split": {"columns": [*columns], "data": data}}).encode()
    address = endpoint.arm(f"onlineEndpoints/{NAME}")["properties"]["scoringUri"]
    key = endpoint.arm(f"onlineEndpoints/{NAME}/listKeys", "POST")["primaryKey"]
    about = {"Content-Type": "application/json"}
    status, text = endpoint.ask("POST", address, body, {**about, "Authorization": f"Bearer {key}"})
    assert (status, json.loads(text)["predictions"]) == (200, answered), text
    assert len(set(answered)) > 1
    assert endpoint.ask("POST", address, body, about)[0] == 401
    line = endpoint.status(NAME)["curl"]
    assert key not in line
    pasted = endpoint.pasted(line)
    assert pasted.code == 0, pasted.err
    assert len(json.loads(pasted.out)["predictions"]) == 3, pasted.out  # the model's own example


def test_it_is_looked_at(endpoint: Workspace) -> None:
    shown = endpoint.well("status", NAME)
    assert shown.out.startswith("iris on azureml: healthy\n")
    assert "1 of 1 replicas" in shown.out
    logged = endpoint.well("logs", NAME, "--tail", "500")
    assert '"event": "ready"' in logged.out
    doctor = endpoint.well("doctor")
    assert "✗" not in doctor.out
    assert re.search(r"✓ permissions +\d+ actions", doctor.out)
    assert re.search(r"✓ quota of standardDSv2Family +4 of 100 cores are used", doctor.out)
    listed = json.loads(endpoint.well("list", "-o", "json").out)["endpoints"]
    assert [(each["name"], each["phase"]) for each in listed] == [(NAME, "healthy")]
    assert [each for each in endpoint.asked() if CHANGES.fullmatch(each)] == []


def test_it_is_found_by_azures_own_names(endpoint: Workspace) -> None:
    doctor = endpoint.by_its_names("doctor")
    assert re.search(r"✓ the store +records lie in https://doublestore\.blob\.core\.windows\.net/", doctor.out)
    assert re.search(r"✓ the registry +doubleacr\.azurecr\.io/deployer/ws-", doctor.out)
    shown = endpoint.by_its_names("status", NAME)
    assert "  address   https://iris.eastus2.inference.ml.azure.com/invocations\n" in shown.out
    here, there = endpoint.well("predict", NAME, "-i", ROWS), endpoint.by_its_names("predict", NAME, "-i", ROWS)
    assert there.out == here.out


def test_an_update_is_verified_beside_what_serves_and_pushes_the_weights_alone(endpoint: Workspace) -> None:
    first = endpoint.status(NAME)["revision"]
    planned = endpoint.well("plan", NAME, "--model", OTHER)
    assert "quota      8 cores of standardDSv2Family at the peak" in planned.out
    assert "takes      about 6 to 20 minutes" in planned.out
    endpoint.asked()
    updated = endpoint.well("update", NAME, "--model", OTHER)
    calls = endpoint.asked()
    assert [calls[each] for each in ("PutDeployment", "PutEndpoint", "DeleteDeployment")] == [1, 1, 1], calls
    assert calls["PUT blobs/uploads"] <= 2, calls  # the model and the image's configuration
    assert re.search(r"✓ image +\d+ layers, (there already|\d+ kB carried)", updated.err)
    second = endpoint.status(NAME)["revision"]
    assert second != first
    history = endpoint.double.tell("GET", f"endpoints/{NAME}")
    moved = max(each["at"] for each in history[""] if each["state"] == "Updating")
    assert [each["state"] for each in history[second] if each["at"] < moved] == ["Creating", "Succeeded"]
    entry = json.loads(endpoint.well("history", NAME, "-o", "json").out)["history"][0]
    assert (entry["result"], entry["revision"]) == ("released", second), entry
    assert f"kept      {first}, for: deployer rollback {NAME}" in endpoint.well("status", NAME).out
    back = endpoint.well("rollback", NAME, "--yes")
    assert f"iris is back at {first}, healthy at" in back.err
    assert endpoint.status(NAME)["revision"] == first
    assert endpoint.asked()["PUT blobs/uploads"] == 0  # its image is there


def test_a_model_that_cannot_load_says_why_and_changes_nothing(endpoint: Workspace, tmp_path: Path) -> None:
    before, things = endpoint.status(NAME), endpoint.names(NAME)
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", OTHER, broken], check=True)
    changed(broken, loader=LOADER)
    failed = endpoint.run("update", NAME, "--model", broken)
    assert failed.code == 6, failed.err
    assert re.search(r"✗ healthy +r[0-9a-f]{7} BadArgument: User container has crashed or terminated", failed.err)
    assert "error: the new revision cannot load its model (MISSING_DEPENDENCY)" in failed.err
    assert "ModuleNotFoundError: No module named 'tabulate'" in failed.err
    assert re.search(r"iris still serves r[0-9a-f]{7}: 100 % of traffic\.", failed.err)
    assert endpoint.asked()["PutEndpoint"] == 0  # what serves was never touched
    after = endpoint.status(NAME)
    assert (after["revision"], after["phase"]) == (before["revision"], "healthy")
    assert endpoint.names(NAME) == things
    assert endpoint.well("predict", NAME, "-i", ROWS).out


def test_what_azure_lacks_is_told_in_one_sentence(endpoint: Workspace) -> None:
    before, things = endpoint.status(NAME), endpoint.names(NAME)
    endpoint.double.tell("PUT", "quotas", {"standardDSv2Family": 6})
    full = endpoint.run("update", NAME, "--model", OTHER)
    endpoint.double.tell("PUT", "quotas", {"standardDSv2Family": 100})
    assert full.code == 6, full.err
    sentence = "the quota of standardDSv2Family is 6 cores; 4 are used, and 4 more are needed (QUOTA)"
    assert re.search(rf"error: Azure does not make the deployment r[0-9a-f]{{7}}: {re.escape(sentence)}\n", full.err)
    assert "ask for 8 cores of standardDSv2Family: ml.azure.com > Manage > Quota" in full.err
    endpoint.double.fault("PutDeployment", outcome="Failed", reason="image")
    unpulled = endpoint.run("update", NAME, "--model", OTHER)
    assert unpulled.code == 6, unpulled.err
    assert "error: the new revision is not healthy (IMAGE_PULL)" in unpulled.err
    assert "Azure cannot pull its image: it is not there, or the endpoint's identity may not" in unpulled.err
    assert f"iris still serves {before['revision']}: 100 % of traffic." in unpulled.err
    assert endpoint.names(NAME) == things
    history = json.loads(endpoint.well("history", NAME, "-o", "json").out)["history"]
    assert [each["diagnosis"]["code"] for each in history[:2]] == ["IMAGE_PULL", "QUOTA"]


def test_a_range_is_an_autoscale_setting_and_a_count_is_brought_in_place(endpoint: Workspace) -> None:
    revision = endpoint.status(NAME)["revision"]
    ranged = endpoint.well("update", NAME, "--set", "replicas={min: 1, max: 4, value: 70}")
    assert re.search(r"~ replicas +1 -> 1 to 4, in place", ranged.err)
    (setting,) = endpoint.autoscalers()
    assert setting["properties"]["targetResourceUri"].endswith(f"/onlineEndpoints/{NAME}/deployments/{revision}")
    (profile,) = setting["properties"]["profiles"]
    assert (profile["capacity"]["minimum"], profile["capacity"]["maximum"]) == ("1", "4")
    assert "autoscaler 1 to 4" in endpoint.well("status", NAME).out
    endpoint.well("update", NAME, "--set", "replicas=2")
    assert endpoint.autoscalers() == []
    after = endpoint.status(NAME)
    assert (after["replicas"], after["revision"]) == ({"ready": 2, "wanted": 2}, revision)
    calls = endpoint.asked()
    assert (calls["PutEndpoint"], calls["PUT blobs/uploads"]) == (0, 0), calls


def test_delete_leaves_images_alone_and_gc_removes_those(endpoint: Workspace) -> None:
    deleted = endpoint.well("delete", NAME, "--yes")
    assert "✓ delete           nothing is left" in deleted.err
    assert "so do its images in ACR and packages in the cache, until: deployer gc" in deleted.err
    assert endpoint.names(NAME) == []
    assert endpoint.run("status", NAME).code == 3
    assert endpoint.run("delete", NAME, "--yes").code == 3
    assert endpoint.images(NAME) != []
    assert "Nothing to remove" in endpoint.well("gc").err
    removed = endpoint.well("gc", "--yes", "--older-than", "0s")
    assert endpoint.images(NAME) == [], removed.err


def test_what_is_missing_is_told_before_anything_is_made(workspace: Workspace) -> None:
    workspace.writes("bare", IRIS)
    things = workspace.names("bare")
    workspace.asked()
    nowhere = workspace.run("create", "--target", "azureml", AZUREML_ARM_WORKSPACE_NAME="nope")
    assert nowhere.code == 7, nowhere.err
    assert "workspaces/nope' under resource group 'rg' was not found" in nowhere.err
    assert "az ml workspace list" in nowhere.err
    push = "Microsoft.ContainerRegistry/registries/push/write"
    with workspace.lacking(push):
        refused = workspace.run("create", "--target", "azureml")
        doctor = workspace.run("doctor")
    assert refused.code == 7, refused.err
    assert f"{push} is not allowed (PERMISSION)" in refused.err
    assert re.search(rf"✗ permissions +not allowed: {re.escape(push)}\n", doctor.out)
    workspace.writes("bare", IRIS, network={"egress": "none"})
    open_ = workspace.run("create", "--target", "azureml")
    assert open_.code == 2, open_.err
    assert "replicas there reach the network: --set network.egress=internet says so" in open_.err
    made = {each for each in workspace.asked() if CHANGES.fullmatch(each)}
    assert made <= {"PutBlob", "DeleteBlob"}, made  # the claim, which is gone again
    assert workspace.names("bare") == things


def test_a_right_that_is_missing_on_the_way_leaves_nothing(workspace: Workspace) -> None:
    workspace.writes("bare", IRIS)
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
    things = workspace.names("bare")
    with workspace.lacking(action):
        refused = workspace.run("create", "--target", "azureml")
    assert refused.code == 7, refused.err
    assert f"{action} is not allowed on {workspace.double.workspace}/onlineEndpoints/bare/deployments/" in refused.err
    assert f"a role that allows {action} there; all that is needed: infra/azure" in refused.err
    assert workspace.names("bare") == things
