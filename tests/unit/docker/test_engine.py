"""What an engine's words become, and how an image is known in containerd's store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.errors import BuildError, DeployerError, TargetUnavailable
from deployer_docker.engine import DockerEngine
from tests.unit.image.bases import tar_of


class Client:
    """docker-py's client, as far as it answers from what it was given."""

    base_url = "http+docker://here"

    def __init__(self, *, info: dict[str, Any] | None = None, events: list[dict[str, Any]] | None = None) -> None:
        self._info = info or {"ID": "X", "Driver": "overlay2", "Architecture": "aarch64", "OSType": "linux"}
        self._events = events or []
        self.asked: list[str] = []

    def info(self) -> dict[str, Any]:
        return self._info

    def pull(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return self._events

    load_image = build = pull

    def inspect_image(self, reference: str) -> dict[str, Any]:
        return {"Id": "sha256:manifest", "Os": "linux", "Architecture": "amd64", "RootFS": {"Layers": ["sha256:1"]}}

    def get_image(self, reference: str) -> Any:
        self.asked.append(reference)
        manifest = json.dumps([{"Config": "blobs/sha256/config"}]).encode()
        return iter([tar_of([("blobs/sha256/x", b"x"), ("manifest.json", manifest)])])


def engine(**how: Any) -> DockerEngine:
    return DockerEngine(Client(**how))


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("manifest for x not found: manifest unknown", BuildError, "there is no such image"),
        ("pull access denied for x, repository does not exist or may require login", BuildError, "or needs a login"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", BuildError, "not for linux/arm64"),
        ("toomanyrequests: You have reached your pull rate limit", TargetUnavailable, "wants fewer requests"),
        ("dial tcp: lookup x: no such host", TargetUnavailable, "cannot pull the image"),
        ("write /var/lib/docker: no space left on device", TargetUnavailable, "its disk is full"),
    ],
)
def test_what_a_pull_says(said: str, kind: type[DeployerError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        engine(events=[{"status": "Pulling"}, {"error": said}]).pull("x", "linux/arm64", lambda *_: None)
    assert caught.value.hint


def test_what_a_load_says() -> None:
    with pytest.raises(TargetUnavailable, match="its disk is full"):
        engine(events=[{"error": "write /x: no space left on device"}]).load([b""])
    engine(events=[{"stream": "Loaded image: x:1\n"}]).load([b""])


@pytest.mark.parametrize(
    ("why", "error", "told"),
    [("content digest sha256:1: not found", BuildError, "content digest sha256:1: not found$"),
     ("write /x: no space left on device", TargetUnavailable, "its disk is full")],
)  # fmt: skip
def test_newer_engines_say_softly_that_an_image_is_not_whole(why: str, error: type[Exception], told: str) -> None:
    events = [{"stream": "Loaded image: x:1\n"}, {"stream": f"Error unpacking image x:1: {why}\n"}]
    with pytest.raises(error, match=told):
        engine(events=events).load([b""])


def test_a_failed_step_shows_its_last_lines() -> None:
    events = [{"stream": f"line {number}\n"} for number in range(30)] + [{"error": "returned a non-zero code: 3"}]
    with pytest.raises(BuildError, match=r"(?s)non-zero code: 3\nline 10\n.*line 29$"):
        list(engine(events=events).build([b""], platform="linux/amd64"))


def test_the_kinds_of_store() -> None:
    dockers = engine()
    assert (dockers.identity, dockers.platform, dockers.partial_loads) == ("X", "linux/arm64", True)
    snapshotter = [["driver-type", "io.containerd.snapshotter.v1"]]
    client = Client(info={"ID": "Y", "Driver": "overlayfs", "DriverStatus": snapshotter})
    containerd = DockerEngine(client)
    assert (containerd.by_manifest, containerd.partial_loads) == (True, True)
    assert not dockers.by_manifest
    for _ in range(2):
        held = containerd.find("x")
        assert held is not None
        assert held.id == "sha256:config"
    assert client.asked == ["sha256:manifest"]
