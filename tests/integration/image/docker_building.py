"""An engine that builds with arguments and forgets, as the Docker builder asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import docker

from deployer.image.building.engine import BuildEngine
from deployer_docker.engine import DockerEngine


class BuildingEngine(DockerEngine, BuildEngine):
    """The Docker target's engine with the two."""

    def __init__(self, client: docker.APIClient) -> None:
        super().__init__(client)
        self.client = client
        self.arguments: list[Mapping[str, str]] = []
        self.builds = 0

    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        self.builds += 1
        given, real = dict(arguments or {}), self.client.build
        with contextlib.ExitStack() as stack:
            self.client.build = lambda **how: real(**how, buildargs=given)
            stack.callback(setattr, self.client, "build", real)
            yield from super().build(context, platform=platform, network=network)

    def remove(self, reference: str) -> None:
        with contextlib.suppress(docker.errors.NotFound):
            try:
                self.client.remove_image(reference)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
