"""An image goes into the workspace's registry by its own login, and gc takes it once nobody names it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from deployer.endpoint import ImageRef, Record
from deployer.errors import TargetUnavailable
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.push import Pushed, push
from deployer.image.reference import parse_repository
from deployer.image.registry import RegistryClient, Transport
from deployer.image.values import BaseImage, ImageReference
from deployer.testing.azureml import Double, Durations, InProcess, Options, Registry
from deployer.testing.azureml.echo import echo
from deployer_azureml.acr import Acr
from deployer_azureml.images import Images
from deployer_azureml.naming import Naming
from deployer_azureml.orphans import Orphanage
from tests.integration.image.images import image, layer
from tests.plugins.docker import Image, ImageRegistry, Scope
from tests.unit.azureml.parts import Parts, connected, rights_without
from tests.unit.azureml.values import OTHER, REVISION, record, release

REGISTRY = "Microsoft.ContainerRegistry/registries"


@pytest.fixture
def parts(image_registry: ImageRegistry, docker_scope: Scope, monkeypatch: pytest.MonkeyPatch) -> Generator[Parts]:
    behind = Registry(
        address=image_registry.tls, user=image_registry.user, password=image_registry.password,
        ca=str(image_registry.ca), prefix=f"{docker_scope.name}/",
    )  # fmt: skip
    containers = InProcess({"": echo})
    with Double(Options(registry=behind, containers=containers, durations=Durations(probe_every=0.01))) as double:
        yield Parts(double, connected(double, monkeypatch))
        assert double.world.trouble == []


@pytest.fixture(scope="module")
def base(base_image: Image, tmp_path_factory: pytest.TempPathFactory) -> BaseImage:
    places = BasePlaces(tmp_path_factory.mktemp("cache"))
    return inspect_base(f"oci:{base_image.layout}", platform="linux/amd64", python="3.11", places=places)


def _pushed(parts: Parts, base: BaseImage, folder: Path, revision: str) -> tuple[ImageReference, Pushed]:
    place = Acr(parts.azure).place("iris")
    reference = parse_repository(place.repository)
    at = ImageReference(reference.registry, reference.repository, revision)
    made = image(base, layer(folder, revision, {"opt/weights": revision.encode()}), command=("cat", "/opt/weights"))
    transport = Transport(ca_bundle=Path(parts.double.ca))
    with RegistryClient(at.registry, credentials=place.credentials, transport=transport) as client:
        return at, push(made, at, client=client, cache=folder / "cache")


def _named(reference: ImageReference, pushed: Pushed) -> Record:
    named = ImageRef(id="sha256:" + "a" * 64, reference=f"{reference.registry}/{reference.repository}@{pushed.digest}")
    return record(releases={REVISION: release().model_copy(update={"image": named})})


def test_an_image_is_pushed_and_goes_once_nobody_names_it(parts: Parts, base: BaseImage, tmp_path: Path) -> None:
    kept, first = _pushed(parts, base, tmp_path, REVISION)
    _, second = _pushed(parts, base, tmp_path, OTHER)
    assert first.digest != second.digest
    parts.keep(_named(kept, first))
    acr = Acr(parts.azure)
    images = Images(parts.azure, acr, Naming(parts.azure, parts.records))
    orphanage = Orphanage(parts.azure, parts.records, parts.surveyor, (images,))
    assert [*images.find(3600.0)] == []
    (found,) = [each for each in orphanage.find(0.0) if images.knows(each)]
    assert (found.what, found.endpoint) == (f"image {acr.name('iris')}:{OTHER}", "iris")
    assert found.size is not None
    assert found.size > 100
    assert not orphanage.remove(found, 3600.0)
    assert orphanage.remove(found, 0.0)
    assert not orphanage.remove(found, 0.0)
    transport = Transport(ca_bundle=Path(parts.double.ca))
    with RegistryClient(kept.registry, credentials=acr.place("iris").credentials, transport=transport) as client:
        assert client.find_manifest(kept) == first.digest
        assert client.find_manifest(ImageReference(kept.registry, kept.repository, OTHER)) is None


def test_an_image_that_a_deployment_runs_stays(parts: Parts, base: BaseImage, tmp_path: Path) -> None:
    """Somebody may have made it by hand, of the same image."""
    at, pushed = _pushed(parts, base, tmp_path, REVISION)
    body = {"properties": {"image": f"{at.registry}/{at.repository}@{pushed.digest}"}}
    environment = parts.azure.ask("PUT", "environments/theirs/versions/1", body)["id"]
    parts.keep(record(releases={}))
    images = Images(parts.azure, Acr(parts.azure), Naming(parts.azure, parts.records))
    assert len([*images.find(0.0)]) == 1
    parts.azure.ask("PUT", "onlineEndpoints/theirs", {"location": "eastus2", "properties": {"authMode": "Key"}})
    parts.until(
        lambda: bool(parts.azure.get("onlineEndpoints/theirs")["properties"]["provisioningState"] == "Succeeded")
    )
    deployment = {
        "location": "eastus2",
        "sku": {"name": "Default", "capacity": 1},
        "properties": {
            "endpointComputeType": "Managed",
            "environmentId": environment,
            "instanceType": "Standard_DS3_v2",
        },
    }
    parts.azure.ask("PUT", "onlineEndpoints/theirs/deployments/blue", deployment)
    images = Images(parts.azure, Acr(parts.azure), Naming(parts.azure, parts.records))
    assert [*images.find(0.0)] == []


def test_images_of_other_forms_and_of_who_changes_something_stay(parts: Parts, base: BaseImage, tmp_path: Path) -> None:
    _pushed(parts, base, tmp_path, "latest")
    images = Images(parts.azure, Acr(parts.azure), Naming(parts.azure, parts.records))
    assert [*images.find(0.0)] == []


def test_who_may_not_push_is_told_so(parts: Parts, base: BaseImage, tmp_path: Path) -> None:
    parts.double.tell("PUT", "rights", rights_without(f"{REGISTRY}/push/write"))
    with pytest.raises(TargetUnavailable, match=r"registries/push/write is not allowed \(PERMISSION\)") as refused:
        _pushed(parts, base, tmp_path, REVISION)
    assert "AcrPush" in (refused.value.hint or "")


def test_where_the_registry_may_not_be_listed_nothing_is_taken(parts: Parts, base: BaseImage, tmp_path: Path) -> None:
    _pushed(parts, base, tmp_path, REVISION)
    parts.double.tell("PUT", "rights", rights_without(f"{REGISTRY}/metadata/read"))
    assert [*Images(parts.azure, Acr(parts.azure), Naming(parts.azure, parts.records)).find(0.0)] == []
