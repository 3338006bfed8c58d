"""ECR: moto's repositories, and what SageMaker would refuse of an image."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import Code, ImageRef
from deployer.errors import DeploymentFailed
from deployer_sagemaker.client import Aws
from deployer_sagemaker.ecr import DOCKER, Ecr
from tests.unit.sagemaker.values import release, spec

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
OCI = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def ecr(aws: Aws) -> Ecr:
    return Ecr(aws)


@pytest.fixture
def name() -> str:
    return f"e{uuid.uuid4().hex[:8]}"


def _repositories(aws: Aws) -> dict[str, Any]:
    return {each["repositoryName"]: each for each in aws.all("ecr", "DescribeRepositories", "repositories", {})}


def test_to_tell_where_images_go_makes_nothing(ecr: Ecr, aws: Aws, name: str) -> None:
    assert ecr.place(name, "team").repository == f"{HOST}/deployer/{name}"
    assert f"deployer/{name}" not in _repositories(aws)


def test_the_first_login_makes_the_repository_with_our_marks(ecr: Ecr, aws: Aws, name: str) -> None:
    place = ecr.place(name, "team")
    assert place.credentials is not None
    login = place.credentials()
    assert login.username == "AWS"
    assert login.password
    found = _repositories(aws)[f"deployer/{name}"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    tags = aws.ask("ecr", "ListTagsForResource", {"resourceArn": found["repositoryArn"]})["tags"]
    assert {"Key": "deployer:endpoint", "Value": name} in tags
    assert place.credentials() == place.credentials()
    assert ecr.place(name, "team").repository == found["repositoryUri"]


def test_another_s_repositories_may_have_another_prefix(new_aws: Callable[..., Aws], name: str) -> None:
    assert Ecr(new_aws(repository="ml/models")).repository(name) == f"{HOST}/ml/models/{name}"


def _pushed(aws: Aws, name: str, form: str) -> str:
    """An image's reference, by its digest."""
    ecr = Ecr(aws)
    ecr.login(name, "team")
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": f"sha256:{'c' * 64}"}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": form, "config": config, "layers": [], "name": name})
    request = {"repositoryName": f"deployer/{name}", "imageManifest": manifest, "imageTag": "r1"}
    aws.ask("ecr", "PutImage", {**request, "imageManifestMediaType": form})
    found = aws.ask("ecr", "DescribeImages", {"repositoryName": f"deployer/{name}"})["imageDetails"][0]
    return f"{ecr.repository(name)}@{found['imageDigest']}"


def _checked(ecr: Ecr, reference: str, **fields: Any) -> None:
    image = ImageRef(id="", reference=reference)
    ecr.check(spec(**fields), release().model_copy(update={"image": image}))


@pytest.fixture
def architecture(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the image's configuration tells; moto has no layers to be fetched."""
    told = ["amd64"]

    def opened(url: str, timeout: float) -> io.BytesIO:
        assert url == "https://layers.example/config"
        assert timeout
        return io.BytesIO(json.dumps({"os": "linux", "architecture": told[0]}).encode())

    monkeypatch.setattr("urllib.request.urlopen", opened)
    ask = Aws.ask

    def answered(self: Aws, service: str, operation: str, request: Any, **more: Any) -> Any:
        if operation == "GetDownloadUrlForLayer":
            return {"downloadUrl": "https://layers.example/config"}
        return ask(self, service, operation, request, **more)

    monkeypatch.setattr(Aws, "ask", answered)
    return told


def test_what_SageMaker_takes_is_taken(ecr: Ecr, aws: Aws, name: str, architecture: list[str]) -> None:  # noqa: N802
    reference = _pushed(aws, name, DOCKER)
    _checked(ecr, reference)
    _checked(ecr, f"{HOST}/deployer/{name}:r1")
    architecture[0] = "arm64"
    _checked(ecr, reference, config={"instance_type": "ml.m6g.large"})


def test_an_image_for_another_processor_is_told_before_a_model_is_made(
    ecr: Ecr, aws: Aws, name: str, architecture: list[str]
) -> None:
    architecture[0] = "arm64"
    with pytest.raises(DeploymentFailed) as caught:
        _checked(ecr, _pushed(aws, name, DOCKER))
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.IMAGE_ARCHITECTURE


def test_a_manifest_that_SageMaker_refuses_is_told(ecr: Ecr, aws: Aws, name: str) -> None:  # noqa: N802
    reference = _pushed(aws, name, OCI)
    with pytest.raises(DeploymentFailed) as caught:
        _checked(ecr, reference)
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.IMAGE_MANIFEST
    assert caught.value.diagnosis.subject == OCI


def test_an_image_that_is_not_there_is_told(ecr: Ecr, name: str) -> None:
    for reference in (f"{HOST}/deployer/{name}:r1", f"{HOST}/deployer/{name}@sha256:{'0' * 64}"):
        with pytest.raises(DeploymentFailed) as caught:
            _checked(ecr, reference)
        assert caught.value.diagnosis is not None
        assert caught.value.diagnosis.code is Code.IMAGE_PULL


@pytest.mark.parametrize("reference", ["good:1", "registry.example.com/team/iris:1", "docker.io/library/x@sha256:1"])
def test_of_other_registries_nothing_is_said(ecr: Ecr, reference: str) -> None:
    _checked(ecr, reference)
