"""One build in an engine: its lines, its end, and nothing of it left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployer.environment.uv import redacted
from deployer.errors import BuildError, DeployerError
from deployer.image.building.network import BuildNetwork
from deployer.target import Engine

__all__ = ["REPOSITORY", "BuildPlace", "FailedBuild", "OnLine", "built"]

OnLine = Callable[[str], None]
"""Is told each line of a build."""

REPOSITORY = "deployer/base"
"""What bases are called in an engine, so that pruning what has no name leaves them."""

_STEP = re.compile(r"^ ---> ([0-9a-f]{12,64})$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class FailedBuild(Exception):
    """A step failed.

    Args:
        lines: What was said, without secrets.
        error: The engine's own words for the end.
    """

    def __init__(self, lines: tuple[str, ...], error: str) -> None:
        super().__init__(error)
        self.lines = lines
        self.error = error


@dataclass(frozen=True)
class BuildPlace:
    """Where and how is built.

    Args:
        engine: To build in.
        cache: Folder on this host, where layers and wheels are kept.
        network: How packages are reached; as the engine does it by default.
        told: Told each line, without secrets.
        repository: What bases are called in the engine.
    """

    engine: Engine
    cache: Path
    network: BuildNetwork = field(default_factory=BuildNetwork)
    told: OnLine | None = None
    repository: str = REPOSITORY


@contextmanager
def built(place: BuildPlace, context: Iterable[bytes], *, platform: str, reaches: bool = False) -> Iterator[str]:
    """The id of what a context builds, which is gone after the block, as is what a failed build left.

    Args:
        place: Where to build.
        context: What the engine is sent.
        platform: ``linux/amd64``.
        reaches: Whether its steps have the place's network; else they have none.

    Raises:
        FailedBuild: A step failed.
        TargetUnavailable: The engine does not answer.
    """
    engine, network = place.engine, place.network
    lines: list[str] = []
    steps: list[str] = []
    try:
        for line in engine.build(
            context,
            platform=platform,
            network=network.mode if reaches else "none",
            arguments=network.arguments if reaches else None,
        ):
            if lines and place.told:
                place.told(lines[-1])  # the last one is the id
            steps += _STEP.findall(line)
            lines.append(redacted(_COLOUR.sub("", line), network.secrets))
    except BaseException as error:
        if steps[1:]:  # the first one is what is built on; the last one stands on all between
            with suppress(DeployerError):
                engine.remove(steps[-1])
        if not isinstance(error, BuildError):
            raise
        if lines and place.told:
            place.told(lines[-1])
        raise FailedBuild(tuple(lines), redacted(error.message, network.secrets)) from None
    if not lines:
        raise FailedBuild((), "the engine gave no image")
    image = lines.pop()
    try:
        yield image
    finally:
        engine.remove(image)
