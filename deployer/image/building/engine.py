"""What the Docker builder asks of an engine, beyond keeping images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from deployer.target import Engine

__all__ = ["BuildEngine"]


class BuildEngine(Engine):
    """An engine that builds, and forgets what it built."""

    @abstractmethod
    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """Build a tar of a context with a ``Dockerfile`` in it; gives its output's lines, and the image's id last.

        Args:
            context: The tar.
            platform: ``linux/amd64``.
            network: That the steps have: ``none``, ``host``; None for the engine's own.
            arguments: Docker's predefined build arguments (``HTTP_PROXY`` and the like), which no history keeps.

        Raises:
            BuildError: A step failed; has its last lines.
        """

    @abstractmethod
    def remove(self, reference: str) -> None:
        """Forget an image by name or id, and those without a name that only it stood on.

        One that is not there, or is needed by another image or a container, is left as it is.
        """
