"""The SageMaker target by the real command line: on the double, with real containers and a real registry as ECR."""

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

from tests.e2e.aws import Account, arguments
from tests.e2e.commandline import MODELS, ROWS
from tests.e2e.in_process import columns_of
from tests.e2e.installed import installed_command
from tests.e2e.test_scenes_local import LOADER, changed
from tests.plugins.docker import Image, ImageRegistry, Scope

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")

from deployer.testing.sagemaker import Spawned

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.real("docker"), pytest.mark.timeout(600),
    pytest.mark.xdist_group("e2e-sagemaker"),
]  # fmt: skip

IRIS, OTHER = MODELS / "iris", MODELS / "iris-v2"
NAME = "iris"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    """The command of an environment that holds the wheel with its extra for SageMaker, and nothing else."""
    return installed_command(tmp_path_factory.mktemp("installed"), "sagemaker", uv_cache)


@pytest.fixture(scope="module")
def account(  # noqa: PLR0917 - one for each thing that must be there
    tmp_path_factory: pytest.TempPathFactory,
    installed: Path,
    docker_host: str,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
    image_registry: ImageRegistry,
    base_image: Image,
) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    (folder / ".git").mkdir()  # where the search for settings ends
    with new_docker_scope() as scope:
        with Spawned(arguments(docker_host, image_registry.plain, scope.name)) as double:
            account = Account(double, folder, base_image.reference, installed)
            assert account.role
            yield account
        assert [each for each in scope.left() if each.kind in ("container", "network")] == []


@pytest.fixture
def endpoint(account: Account) -> Account:
    """The endpoint is there and runs the first model, as an earlier test left it, or made now."""
    account.writes(NAME, IRIS)
    account.well("apply", "-f", "deployer.yaml")
    account.asked()
    return account


def test_the_cards_own_line(account: Account) -> None:
    account.well("delete", NAME, "--yes", "--missing-ok")
    account.well("gc", "--yes", "--older-than", "0s")  # its images, too
    account.writes(NAME, IRIS)
    account.asked()
    created = account.well("create", "--target", "sagemaker")
    told = [line.rstrip() for line in created.told.splitlines()]
    assert told[0] == "iris on sagemaker"
    assert "    runs on    ml.m5.large (2 vCPU, 8Gi)" in told
    assert "    quota      1 of ml.m5.large for endpoint usage, at the peak" in told
    assert "    takes      about 3 to 10 minutes" in told
    steps = [line.split()[1] for line in told if line.startswith("  ✓ ")]
    assert steps == ["image", "start", "healthy"]
    assert re.search(r"✓ healthy +answers its own example as the packaged model does \(3 of 3\)", created.err)
    assert told[-1].endswith("Try:  deployer predict iris -t sagemaker -i rows.csv")
    calls = account.asked()
    assert [calls[f"sagemaker:Create{each}"] for each in ("Model", "EndpointConfig", "Endpoint")] == [1, 1, 1]
    assert calls["ecr:PutImage"] == 1
    again = account.well("create", "--target", "sagemaker")
    assert again.told == "iris is unchanged: revision R1 is healthy (N s)."
    asked = account.asked()
    assert [each for each in asked if re.search(r":(Create|Put|Update|Delete|Add|Initiate)", each)] == []


def test_predictions_by_every_door_are_the_packaged_models_own(endpoint: Account) -> None:
    predicted = endpoint.well("predict", NAME, "-i", ROWS)
    answered = [row[-1] for row in csv.reader(io.StringIO(predicted.out))][1:]
    columns = columns_of(ROWS)
    body = json.dumps({"dataframe_split": {"columns": [*columns], "data": [*zip(*columns.values(), strict=True)]}})
    plain = endpoint.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=NAME, ContentType="application/json", Body=body
    )
    assert json.loads(plain["Body"].read())["predictions"] == answered
    assert len(set(answered)) > 1
    line = endpoint.status(NAME)["curl"]
    pasted = endpoint.pasted(line)
    assert pasted.code == 0, pasted.err
    assert len(json.loads(pasted.out)["predictions"]) == 3, pasted.out  # the model's own example


def test_it_is_looked_at(endpoint: Account) -> None:
    shown = endpoint.well("status", NAME)
    assert shown.out.startswith("iris on sagemaker: healthy\n")
    assert "1 of 1 replicas" in shown.out
    logged = endpoint.well("logs", NAME, "--tail", "500")
    assert '"event": "ready"' in logged.out
    doctor = endpoint.well("doctor")
    assert "✗" not in doctor.out
    assert re.search(r"✓ quota +ml\.m5\.large for endpoint usage: \d+", doctor.out)
    listed = json.loads(endpoint.well("list", "-o", "json").out)["endpoints"]
    assert [(each["name"], each["phase"]) for each in listed] == [(NAME, "healthy")]


def test_an_update_is_verified_beside_it_and_pushes_the_weights_alone(endpoint: Account) -> None:
    first = endpoint.status(NAME)["revision"]
    planned = endpoint.well("plan", NAME, "--model", OTHER)
    assert "fleet      replaced once, after the revision was verified on one instance of its own" in planned.out
    assert "quota      3 of ml.m5.large for endpoint usage, at the peak" in planned.out
    assert "takes      about 6 to 20 minutes" in planned.out
    updated = endpoint.well("update", NAME, "--model", OTHER)
    calls = endpoint.asked()
    assert [calls[f"sagemaker:{each}"] for each in ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint")] == [1, 1, 1]
    assert calls["ecr:CompleteLayerUpload"] <= 2  # the model and the image's configuration
    assert re.search(r"✓ image +\d+ layers, (there already|\d+ kB carried)", updated.err)
    states = [each["status"] for each in endpoint.double.tell("GET", f"endpoints/{NAME}")["history"]]
    assert states[-2:] == ["Updating", "InService"]
    assert f"{NAME}--verify" not in endpoint.names()
    entry = json.loads(endpoint.well("history", NAME, "-o", "json").out)["history"][0]
    assert (entry["result"], entry["revision"]) == ("released", endpoint.status(NAME)["revision"]), entry
    assert entry["revision"] != first
    back = endpoint.well("rollback", NAME, "--yes")
    assert f"iris is back at {first}, healthy at" in back.err
    assert endpoint.status(NAME)["revision"] == first


def test_a_model_that_cannot_load_says_why_and_changes_nothing(endpoint: Account, tmp_path: Path) -> None:
    before, things = endpoint.status(NAME), endpoint.names()
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", OTHER, broken], check=True)
    changed(broken, loader=LOADER)
    failed = endpoint.run("update", NAME, "--model", broken)
    assert failed.code == 6, failed.err
    assert re.search(r"✗ healthy +r[0-9a-f]{7} its container did not answer GET /ping with 200 in time", failed.err)
    assert "error: the new revision cannot load its model (MISSING_DEPENDENCY)" in failed.err
    assert "ModuleNotFoundError: No module named 'tabulate'" in failed.err
    assert re.search(r"iris still serves r[0-9a-f]{7}: 100 % of traffic\.", failed.err)
    assert endpoint.asked()["sagemaker:UpdateEndpoint"] == 0  # what serves was never touched
    after = endpoint.status(NAME)
    assert (after["revision"], after["phase"]) == (before["revision"], "healthy")
    left = [each for each in endpoint.names() if each not in things]
    assert [each for each in left if not each.startswith("/aws/sagemaker/Endpoints/")] == []  # what it said is kept
    assert endpoint.well("predict", NAME, "-i", ROWS).out


def test_an_update_that_aws_takes_back_is_told_as_that(endpoint: Account) -> None:
    before = endpoint.status(NAME)["revision"]
    endpoint.double.fault("UpdateEndpoint", outcome="RolledBack", reason="capacity")
    lacking = endpoint.run("update", NAME, "--model", OTHER)
    assert lacking.code == 6, lacking.err
    assert "(CAPACITY)" in lacking.err  # a circumstance, so that the same is tried again tomorrow
    endpoint.double.fault("UpdateEndpoint", outcome="RolledBack", reason="ping")
    failed = endpoint.run("update", NAME, "--model", OTHER)
    assert failed.code == 6, failed.err
    assert "error: the target took the update back (SILENT_ROLLBACK)" in failed.err
    assert "did not pass the ping health check" in failed.err
    assert f"see deployer logs {NAME} -t sagemaker" in failed.err
    assert f"iris still serves {before}: 100 % of traffic." in failed.err
    assert endpoint.status(NAME)["revision"] == before
    entry = json.loads(endpoint.well("history", NAME, "-o", "json").out)["history"][0]
    assert (entry["result"], entry["diagnosis"]["code"]) == ("rejected", "SILENT_ROLLBACK"), entry


def test_a_range_is_an_autoscaler_and_a_count_is_brought_in_place(endpoint: Account) -> None:
    revision = endpoint.status(NAME)["revision"]
    ranged = endpoint.well("update", NAME, "--set", "replicas={min: 1, max: 4, value: 200}")
    assert re.search(r"~ replicas +1 -> 1 to 4, in place", ranged.err)
    scaling = endpoint.client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (
        f"endpoint/{NAME}/variant/primary", 1, 4,
    )  # fmt: skip
    assert "autoscaler 1 to 4" in endpoint.well("status", NAME).out
    endpoint.well("update", NAME, "--set", "replicas=2")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    after = endpoint.status(NAME)
    assert (after["replicas"], after["revision"]) == ({"ready": 2, "wanted": 2}, revision)
    assert endpoint.asked()["sagemaker:UpdateEndpoint"] == 0


def test_delete_leaves_images_alone_and_gc_removes_those(endpoint: Account) -> None:
    deleted = endpoint.well("delete", NAME, "--yes")
    assert "✓ delete           nothing is left" in deleted.err
    assert "so do its images in ECR and packages in the cache, until: deployer gc" in deleted.err
    assert [each for each in endpoint.names() if NAME in each] == []
    assert endpoint.run("status", NAME).code == 3
    assert endpoint.run("delete", NAME, "--yes").code == 3
    assert endpoint.images(f"deployer/{NAME}") != []
    assert "Nothing to remove" in endpoint.well("gc").err
    removed = endpoint.well("gc", "--yes", "--older-than", "0s")
    assert endpoint.images(f"deployer/{NAME}") == [], removed.err


def test_a_serverless_endpoint(account: Account) -> None:
    account.writes("light", IRIS, {"serverless": {"max_concurrency": 5}}, network={"egress": "internet"})
    created = account.well("create", "--target", "sagemaker")
    assert "runs on    no instances (serverless, 2Gi)" in created.err
    assert "quota" not in created.err
    assert account.well("predict", "light", "-i", ROWS).out.count("\n") == ROWS.read_text().count("\n")
    account.well("delete", "light", "--yes")
    assert [each for each in account.names() if "light" in each] == []


def test_an_asynchronous_endpoint_answers_by_s3(account: Account) -> None:
    bucket = "answers-of-queued"
    account.writes("queued", IRIS, {"async_inference": {"output": f"s3://{bucket}/out"}})
    refused = account.run("create", "--target", "sagemaker")
    assert refused.code == 2, refused.err
    assert f"there is no such bucket\n  at config.async_inference\n  aws s3 mb s3://{bucket}" in refused.err
    assert [each for each in account.names() if "queued" in each] == []
    account.client("s3").create_bucket(Bucket=bucket)
    created = account.well("create", "--target", "sagemaker")
    assert re.search(r"✓ healthy +answers its own example \(3 of 3\)", created.err)
    predicted = account.well("predict", "queued", "-i", ROWS)
    assert predicted.out.count("\n") == ROWS.read_text().count("\n")
    pasted = account.pasted(account.status("queued")["curl"])
    assert re.search(rf"(?i)x-amzn-sagemaker-outputlocation: s3://{bucket}/out/", pasted.out), pasted
    account.well("delete", "queued", "--yes")
    left = [each for each in account.names() if "queued" in each]
    assert all(each.startswith(f"s3://{bucket}/out/") for each in left), left  # the answers are the person's


def test_what_is_missing_is_told_before_anything_is_made(account: Account) -> None:
    path = account.writes("bare", IRIS)
    path.write_text(path.read_text().replace('"role": "serving"', '"role": "nobody"'))
    account.asked()
    refused = account.run("create", "--target", "sagemaker")
    assert refused.code == 2, refused.err
    assert "there is no role nobody" in refused.err
    assert [each for each in account.asked() if ":Create" in each] == []
