"""The lines of an endpoint's replicas, with the engine's time stamps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from deployer.target import LogLine
from deployer.target.following import Source, follow, merged
from deployer_docker.client import told, unless_gone
from deployer_docker.facts import ContainerFact
from deployer_docker.survey import holdings, when

__all__ = ["follow_lines", "read_lines", "split_line"]


def split_line(text: str, container: ContainerFact) -> LogLine:
    """A line with the time stamp before it that the engine puts there."""
    stamp, _, rest = text.partition(" ")
    at = when(stamp)
    return LogLine(
        text=(rest if at is not None else text).rstrip("\r"), revision=container.revision,
        replica=str(container.number), at=at,
    )  # fmt: skip


def _replicas(api: Any, endpoint: str, revision: str | None) -> list[ContainerFact]:
    found = holdings(api, endpoint).replicas
    wanted = [each for each in found if revision is None or each.revision == revision]
    return sorted(wanted, key=lambda each: (each.created, each.number))


def read_lines(
    api: Any, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far.

    Args:
        api: docker-py's low-level client.
        endpoint: Which.
        revision: Only its lines.
        tail: Only so many, the last ones.
        since: Only from then on, seconds since the epoch.
    """
    return merged([list(_lines(api, each, tail, since)) for each in _replicas(api, endpoint, revision)], tail)


def _lines(api: Any, container: ContainerFact, tail: int | None, since: float | None) -> Iterator[LogLine]:
    with told("read the log", container.name), unless_gone():
        data: bytes = api.logs(
            container.id, stdout=True, stderr=True, timestamps=True, tail="all" if tail is None else tail,
            since=since,
        )  # fmt: skip
        for text in data.decode("utf-8", "replace").splitlines():
            line = split_line(text, container)
            if since is None or line.at is None or line.at >= since:
                yield line


class _Output(Source):
    """One container's output."""

    def __init__(self, api: Any, container: ContainerFact, since: float | None) -> None:
        self.identity = container.id
        self._api = api
        self._container = container
        self._since = since
        self._stream: Any = ()

    def open(self, tail: int | None) -> Iterator[bytes]:
        with told("follow the log", self._container.name), unless_gone():
            self._stream = self._api.logs(
                self._container.id, stdout=True, stderr=True, timestamps=True, stream=True, follow=True,
                tail="all" if tail is None else tail, since=self._since,
            )  # fmt: skip
        return iter(self._stream)

    def line(self, text: str) -> LogLine:
        return split_line(text, self._container)

    def close(self) -> None:
        with contextlib.suppress(AttributeError):  # it was gone before its stream began
            self._stream.close()


def follow_lines(
    api: Any, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""

    def sources() -> list[Source]:
        return [_Output(api, each, since) for each in _replicas(api, endpoint, revision) if each.running]

    return follow(sources, lambda: holdings(api, endpoint).any, tail)
