"""What the suite needs of a workspace whose deployments are real containers: images of the runtime, in a registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from deployer.endpoint import ImageRef
from deployer_azureml.errors import Refused
from tests.conformance.azureml_bench import AzureMLWorkbench
from tests.conformance.images import LOTS, SERVED, packages_layer, served_layer
from tests.conformance.registry_images import Layer, Repository, layers_of

if TYPE_CHECKING:
    from deployer.endpoint import Release
    from deployer.testing.azureml import Double
    from deployer.testing.conformance import Lot
    from tests.plugins.docker import Image, ImageRegistry

__all__ = ["RealWorkbench", "pushed"]


def pushed(registry: ImageRegistry, base: Image, scope: str) -> dict[Lot, str]:
    """The images of the suite's models, in a registry that takes what anybody pushes; their exact names.

    Args:
        registry: It.
        base: What they stand on.
        scope: What their repository's name begins with, and the label by which an engine's tests find theirs.
    """
    repository = Repository(registry.plain, f"{scope}/conformance")
    below: list[Layer] = layers_of(base)
    for described, _ in below:
        repository.put((base.layout / "blobs" / str(described["digest"]).replace(":", "/")).read_bytes())
    below.append(repository.add(packages_layer()))
    config = {**SERVED, "Labels": {"io.deployer.test": scope}}
    return {lot: repository.make([*below, repository.add(served_layer(lot))], config)[0] for lot in LOTS}


class RealWorkbench(AzureMLWorkbench):
    """One workspace.

    Args:
        double: Its double, with an engine.
        scope: What the names of a test begin with.
        images: Lot -> the exact name of its image.
    """

    patience = 120.0
    pace = 0.2

    def __init__(self, double: Double, scope: str, images: Mapping[Lot, str]) -> None:
        super().__init__(double, scope)
        self._images = images

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        image = ImageRef(id="", reference=self._images[lot])
        return super().release(lot, secrets).model_copy(update={"image": image})

    def foreign_image(self) -> str:
        return self._images["first"]

    def clear(self) -> None:
        """Remove what a test has left, whose containers run on else."""
        self.double.world.faults.clear()
        end = time.monotonic() + self.patience
        while left := [each for each in self._named() if self._scope in each]:
            assert time.monotonic() < end, left
            for each in left:
                try:
                    self.azure.ask("DELETE", f"onlineEndpoints/{each}")
                except Refused:
                    continue  # it changes just now, or goes
            time.sleep(self.pace)

    def _named(self) -> list[str]:
        with self.double.world.lock:
            return [each.name for each in self._workspace.endpoints.values()]
