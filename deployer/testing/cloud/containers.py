"""The seam between the life of an endpoint and what runs its containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Container", "Containers", "NoImage", "NotStarted", "Wish"]


class NoImage(Exception):
    """The image is not where it is said to be, or cannot be fetched; its text goes into the instance's log."""


class NotStarted(Exception):
    """The container was made and its command cannot be run; its text goes into the instance's log."""


@dataclass(frozen=True)
class Wish:
    """A container to start.

    Attributes:
        name: Unique, of letters, digits and hyphens.
        image: As the model names it, by the resolved digest where there is one.
        environment: What it is given beside the image's own.
        model: The folder that it sees, read-only, as ``mount``; None where the model has no data.
        isolated: Whether it has no way out to a network (EnableNetworkIsolation).
        platform: ``linux/amd64`` or ``linux/arm64``, by the instance's type.
        arguments: What the image's entry point is given; empty takes the image's own command.
        port: Where it listens.
        mount: Where it sees the model.
    """

    name: str
    image: str
    environment: Mapping[str, str]
    model: Path | None
    isolated: bool
    platform: str
    arguments: tuple[str, ...] = ("serve",)
    port: int = 8080
    mount: str = "/opt/ml/model"


class Container(Protocol):
    """One that was started."""

    @property
    def address(self) -> tuple[str, int]:
        """Where its port is reached from here."""

    def exit_code(self) -> int | None:
        """None while it runs."""

    def lines(self) -> list[tuple[float, str]]:
        """All its output so far: (seconds since the epoch, line), the oldest first."""

    def kill(self) -> None:
        """End it as the kernel would for lack of memory: SIGKILL, and it stays to be looked at."""

    def stop(self, grace: float) -> None:
        """SIGTERM, SIGKILL after so many real seconds, and away with it; nothing where it is gone."""


class Containers(Protocol):
    """Who runs them: `deployer.testing.cloud.engine` by Docker, `deployer.testing.cloud.in_process` without."""

    def digest(self, image: str) -> str:
        """``sha256:...`` of the image that a name means now, or the empty text where that cannot be told.

        Raises:
            NoImage: There is none.
        """

    def start(self, wish: Wish) -> Container:
        """Start it.

        Raises:
            NoImage: There is none, or it cannot be fetched.
            NotStarted: Its command cannot be run.
        """

    def close(self) -> None:
        """Away with all that was started and is still there."""
