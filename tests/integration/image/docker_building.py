"""An engine that builds with arguments and forgets, as the Docker builder asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import docker  # noqa: TC002

from deployer_docker.engine import DockerEngine


class BuildingEngine(DockerEngine):
    """The Docker target's engine, which counts what it builds."""

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
        yield from super().build(context, platform=platform, network=network, arguments=arguments)
