"""A container engine as the tests need it: is it there, what on it is ours, and away with that.

It speaks the Engine API (https://docs.docker.com/reference/api/engine/, 1.41) over the engine's socket by the standard
library alone, so that a bug in the client which the product uses cannot hide what the product left behind.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

DEFAULT_HOST = "unix:///var/run/docker.sock"
HOST_VARIABLES = ("DEPLOYER_TEST_DOCKER_HOST", "DOCKER_HOST")
SCHEME = "unix://"


def host(environment: Mapping[str, str]) -> str:
    """Where the tests look for an engine, whether one is there or not."""
    return next((environment[name] for name in HOST_VARIABLES if environment.get(name)), DEFAULT_HOST)


class EngineError(Exception):
    """The engine said no, in its own words."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        if sys.platform == "win32":
            raise OSError("the tests reach an engine by a Unix socket only")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True, order=True)
class Thing:
    """A container, network, volume or image, by what the engine calls it and by what a person does."""

    kind: str
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Engine:
    """The engine at ``host``, a ``unix://`` address."""

    host: str

    def ask(self, method: str, path: str, body: object = None, *, timeout: float = 60) -> Any:
        """One request with a JSON body, if any; the decoded answer, None where that is no JSON.

        Raises:
            EngineError: The engine refused, or is of a kind that the tests cannot reach.
            OSError: Nobody answers.
        """
        if not self.host.startswith(SCHEME):
            raise EngineError(f"the tests reach an engine by a Unix socket only, not at {self.host}")
        connection = _Connection(self.host.removeprefix(SCHEME), timeout)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineError(f"{method} {path}: {response.status} {answer.decode(errors='replace').strip()}")
        return json.loads(answer) if answer and "json" in response.headers.get("Content-Type", "") else None

    def why_not(self) -> str | None:
        """Why it cannot be used, in one line; None where it can."""
        try:
            system = self.ask("GET", "/info", timeout=15)
        except (OSError, http.client.HTTPException, EngineError) as error:
            return f"no Docker engine answers at {self.host} ({error})"
        if system["OSType"] != "linux":
            return f"the Docker engine at {self.host} runs {system['OSType']} containers, and the tests need linux"
        return None

    def things(self, text: str) -> list[Thing]:
        """What has ``text`` in a name or a label, in the order in which it can be removed."""
        containers = [
            Thing("container", found["Id"], found["Names"][0].lstrip("/") if found["Names"] else found["Id"])
            for found in self.ask("GET", "/containers/json?all=1")
            if _mentions(text, found["Names"], found["Labels"])
        ]
        networks = [
            Thing("network", found["Id"], found["Name"])
            for found in self.ask("GET", "/networks")
            if _mentions(text, [found["Name"]], found["Labels"])
        ]
        volumes = [
            Thing("volume", found["Name"], found["Name"])
            for found in self.ask("GET", "/volumes")["Volumes"] or []
            if _mentions(text, [found["Name"]], found["Labels"])
        ]
        images = [
            Thing("image", found["Id"], name)
            for found in self.ask("GET", "/images/json")
            for references in [_names([*(found["RepoTags"] or []), *(found["RepoDigests"] or [])])]
            if _mentions(text, references, found["Labels"])
            # Equal images are one, under the names of several tests.
            for name in [each for each in references if text in each] or [*references, found["Id"]][:1]
        ]
        return [*containers, *networks, *volumes, *images]

    def remove(self, thing: Thing) -> None:
        """Take it away, running or not; nothing happens where it is gone already.

        An image loses the names that the tests gave it; one with other names stays under those.
        """
        path = f"/{thing.kind}s/{quote(thing.name if thing.kind == 'image' else thing.id, safe='')}"
        force = {"container": "?force=1&v=1", "volume": "?force=1", "image": "?force=1"}.get(thing.kind, "")
        try:
            self.ask("DELETE", path + force)
        except EngineError as error:
            if ": 404 " not in str(error):
                raise

    def subnets(self, network: str) -> list[str]:
        """The address ranges of a network, as ``172.18.0.0/16``."""
        return [part["Subnet"] for part in self.ask("GET", f"/networks/{network}")["IPAM"]["Config"] or []]


def _names(references: list[str]) -> list[str]:
    """Those that are names: an image that has lost its last one is listed with ``<none>``."""
    return [each for each in references if "<none>" not in each]


def _mentions(text: str, names: list[str], labels: Mapping[str, str] | None) -> bool:
    return any(text in found for found in (*names, *(labels or {}), *(labels or {}).values()))
