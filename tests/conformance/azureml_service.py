"""What the suite needs of a workspace that is asked by Azure's own calls alone: the service itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import requests

from deployer.endpoint import ImageRef
from deployer_azureml.acr import Acr
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.errors import Refused
from deployer_azureml.placing import Placing
from deployer_azureml.records import Records
from tests.conformance.azureml_bench import AzureMLWorkbench
from tests.conformance.images import LOTS, SERVED, packages_layer, served_layer
from tests.conformance.registry_images import Layer, Repository, layers_of

if TYPE_CHECKING:
    from deployer.endpoint import Release
    from deployer.target import Target
    from deployer.testing.conformance import Failure, Lot
    from deployer.value import JSON
    from tests.plugins.docker import Image

__all__ = ["ServiceWorkbench", "pushed_to_acr"]

REPOSITORY = "deployer-test/conformance"


class _AcrRepository(Repository):
    """A repository of the workspace's registry, by the way that the machine has to Azure."""

    def __init__(self, acr: Acr, name: str) -> None:
        super().__init__(acr.host, name)
        login = acr.login(acr.host)
        self._token = acr._access(f"repository:{name}:pull,push", login)

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {**headers, "Authorization": f"Bearer {self._token}"}
        answer = requests.request(
            method, f"https://{self._host}{path}", data=body or None, headers=headers, timeout=300,
            allow_redirects=False,
        )  # fmt: skip
        return answer.status_code, answer.headers, answer.content


def pushed_to_acr(azure: Azure, base: Image) -> dict[Lot, str]:
    """The images of the suite's models, in the workspace's registry; their exact names."""
    repository = _AcrRepository(Acr(azure), REPOSITORY)
    below: list[Layer] = layers_of(base)
    for described, _ in below:
        repository.put((base.layout / "blobs" / str(described["digest"]).replace(":", "/")).read_bytes())
    below.append(repository.add(packages_layer()))
    return {lot: repository.make([*below, repository.add(served_layer(lot))], SERVED)[0] for lot in LOTS}


class ServiceWorkbench(AzureMLWorkbench):
    """One workspace.

    Args:
        images: Lot -> the exact name of its image.
        scope: What the names of a test begin with.
    """

    patience = 3600.0
    pace = 5.0

    def __init__(self, images: Mapping[Lot, str], scope: str) -> None:
        self._images, self._scope = images, scope
        self._config: dict[str, JSON] = {}
        self._targets = []
        self.azure = Azure(self.options)
        self._records = Records(Placing(self.azure))

    @property
    def options(self) -> AzureMLOptions:
        """By the environment."""
        return AzureMLOptions()

    @property
    def location(self) -> str:
        return str(self.azure.ask("GET", self.azure.workspace)["location"])

    def config(self, lot: Lot) -> dict[str, JSON]:
        return {**super().config(lot), "startup": "600s"}

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        image = ImageRef(id="", reference=self._images[lot])
        return super().release(lot, secrets).model_copy(update={"image": image})

    def foreign_image(self) -> str:
        return self._images["first"]

    def inject(self, verb: str, failure: Failure) -> bool:
        del verb, failure
        return False

    def answered(self, target: Target, name: str, revision: str) -> int:
        """By the runtime's own log, where copies are requests like others."""
        lines = target.logs(name, revision=revision)  # type: ignore[attr-defined]
        return sum('"event": "request"' in each.text and '"/invocations"' in each.text for each in lines)

    def running(self, name: str) -> JSON:
        """An update would make another deployment, or give it another environment."""
        listed = self.azure.all(f"onlineEndpoints/{name}/deployments")
        return sorted(f"{each['name']} {each['properties'].get('environmentId')}" for each in listed)

    def leftovers(self) -> list[str]:
        things = [str(each["name"]) for each in self.azure.all("onlineEndpoints")]
        for each in self.azure.all("environments"):
            name = str(each["name"])
            if self._scope in name and not name.startswith("theirs-"):
                things += [f"{name}:{found['name']}" for found in self.azure.all(f"environments/{name}/versions")]
        settings = f"{self.azure.group}/providers/Microsoft.Insights/autoscalesettings"
        things += [str(each["name"]) for each in self.azure.all(settings)]
        things += [f"record {each}" for each in self._records.names()]
        return sorted(each for each in things if self._scope in each)

    def clear(self) -> None:
        """Remove what a test has left: machines cost."""
        end = time.monotonic() + self.patience
        while left := self._mine():
            assert time.monotonic() < end, left
            for each in left:
                try:
                    self.azure.ask("DELETE", f"onlineEndpoints/{each}")
                except Refused:
                    continue  # it changes just now, or goes
            time.sleep(self.pace)

    def _mine(self) -> list[str]:
        named: list[Any] = [each["name"] for each in self.azure.all("onlineEndpoints")]
        return [str(each) for each in named if self._scope in each]
