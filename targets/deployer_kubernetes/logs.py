"""The lines of an endpoint's pods, with the kubelet's time stamps."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from deployer.target import LogLine
from deployer.target.following import Source, follow, merged
from deployer_kubernetes.adoption.adopted import container_of
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.marks import selector
from deployer_kubernetes.reading import moment, pod_fact
from deployer_kubernetes.survey import server_pods

__all__ = ["follow_lines", "last_lines", "read_lines", "readable", "split_line"]

CONTAINER = "server"
LAST = 200
"""Lines that are read to tell why a pod is not well."""
_CHUNK = 65536
_GONE = ("unable to retrieve container logs for ", "failed to try resolving symlinks in path ")
"""What the kubelet answers instead of the lines of a container that it has removed."""
_FRACTION = re.compile(r"\.(\d{6})\d+")


def split_line(text: str, revision: str, pod: str) -> LogLine:
    """A line with the time stamp before it that the kubelet puts there."""
    stamp, _, rest = text.partition(" ")
    at = moment(_FRACTION.sub(r".\1", stamp)) if stamp[:1].isdigit() else None
    return LogLine(text=(rest if at is not None else text).rstrip("\r"), revision=revision, replica=pod, at=at)


def _pods(cluster: Cluster, endpoint: str, revision: str | None) -> list[Any]:
    wanted = [
        each for each in server_pods(cluster, endpoint) if revision is None or pod_fact(each).revision == revision
    ]
    return sorted(wanted, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]))


def read_lines(
    cluster: Cluster, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far.

    Args:
        cluster: Its namespace.
        endpoint: Which.
        revision: Only its lines.
        tail: Only so many, the last ones.
        since: Only from then on, seconds since the epoch.
    """
    return merged([list(_lines(cluster, each, tail, since)) for each in _pods(cluster, endpoint, revision)], tail)


def _lines(cluster: Cluster, pod: Any, tail: int | None, since: float | None) -> Iterator[LogLine]:
    fact, container = pod_fact(pod), container_of(pod, CONTAINER)
    # A container that was started again has another log; the one before tells why.
    for previous in (True, False) if fact.restarts else (False,):
        for text in _text(cluster, fact.name, container, tail=tail, since=since, previous=previous).splitlines():
            line = split_line(text, fact.revision, fact.name)
            if since is None or line.at is None or line.at >= since:
                yield line


def _query(container: str, tail: int | None, since: float | None, **more: str) -> dict[str, str]:
    found = {"container": container, "timestamps": "true", **more}
    if tail is not None:
        found["tailLines"] = str(tail)
    if since is not None:
        found["sinceTime"] = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


def _text(cluster: Cluster, pod: str, container: str, *, tail: int | None, since: float | None, previous: bool) -> str:
    """A container's log; nothing while it has none."""
    query = _query(container, tail, since, previous="true" if previous else "false")
    with cluster.told("read the log", pod):
        try:
            with contextlib.closing(cluster.open("GET", _path(cluster, pod), query=query)) as answer:
                data: bytes = answer.read()
        except Refused as refused:
            if refused.status in (400, 404):  # it has not started, or is gone
                return ""
            raise
    return readable(data.decode("utf-8", "replace"))


def readable(text: str) -> str:
    """A log as the kubelet answers; nothing where it says, as a success, that it has been removed."""
    return "" if text.startswith(_GONE) and len(text.splitlines()) == 1 else text


def last_lines(cluster: Cluster, pod: str, container: str = CONTAINER, *, previous: bool) -> tuple[str, ...]:
    """The last lines of a pod's container, or of the one before it, without time stamps."""
    text = _text(cluster, pod, container, tail=LAST, since=None, previous=previous)
    return tuple(split_line(each, "", pod).text for each in text.splitlines())


def _path(cluster: Cluster, pod: str) -> str:
    return KINDS["Pod"].path(cluster.namespace, pod, "log")


class _Output(Source):
    """One pod's output, from one start of its container to the next."""

    def __init__(self, cluster: Cluster, pod: Any, since: float | None) -> None:
        fact = pod_fact(pod)
        self.identity = f"{fact.uid}.{fact.restarts}"
        self._name, self._revision = fact.name, fact.revision
        self._container = container_of(pod, CONTAINER)
        self._cluster = cluster
        self._since = since
        self._answer: Any = None

    def open(self, tail: int | None) -> Iterator[bytes]:
        query = _query(self._container, tail, self._since, follow="true")
        with self._cluster.told("follow the log", self._name):
            try:
                self._answer = self._cluster.open("GET", _path(self._cluster, self._name), query=query, silence=86400)
            except Refused as refused:
                if refused.status in (400, 404):
                    return iter(())
                raise
        pieces: Iterator[bytes] = self._answer.stream(_CHUNK)
        return pieces

    def line(self, text: str) -> LogLine:
        return split_line(text, self._revision, self._name)

    def close(self) -> None:
        # Who reads holds the answer's lock; its connection has to end under them.
        connection = getattr(self._answer, "connection", None)
        if connection is not None and connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def follow_lines(
    cluster: Cluster, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""

    def sources() -> list[Source]:
        running = [
            each for each in _pods(cluster, endpoint, revision) if each.get("status", {}).get("phase") == "Running"
        ]
        return [_Output(cluster, each, since) for each in running]

    def is_there() -> bool:
        return bool(cluster.all("Pod", selector(endpoint))[0] or cluster.all("ConfigMap", selector(endpoint))[0])

    return follow(sources, is_there, tail)
