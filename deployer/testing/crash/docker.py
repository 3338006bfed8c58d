"""The crash matrix on a Docker engine: real images, the real gateway and the real serving runtime.

A package index must be there, and what `HOST`, `BASE` and `GATEWAY` name in the environment. What is made carries the
endpoint's name or its model's digest, so that the engine may be used for other things meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import socket
import sys
import tarfile
import uuid
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.model import digest
from deployer.registry import Registry
from deployer.target import Site
from deployer.testing.crash.bench import CrashBench, CrashLot
from deployer.testing.crash.local import write_served_model
from deployer.testing.crash.matrix import COMMANDS
from deployer.value import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deployer.target import Target
    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["BASE", "GATEWAY", "HOST", "DockerBench"]

HOST = ("DEPLOYER_TEST_DOCKER_HOST", "DOCKER_HOST")
"""Where the engine is, by the first of them that is set; by default Docker's own socket."""
BASE = "DEPLOYER_TEST_BASE_IMAGE"
"""An image with this Python's minor version, which the models' images stand on."""
GATEWAY = "DEPLOYER_TEST_GATEWAY_IMAGE"
"""An image with HAProxy, which the engine has."""
LOTS: tuple[CrashLot, ...] = ("first", "second", "failing")
_LABEL = "io.deployer."
_RECORD, _VERSIONS = "NAME--record.LIFE.N", 2


class DockerBench(CrashBench):
    """One endpoint's part of an engine; one worker uses it. What was downloaded and made of wheels is kept.

    Args:
        folder: Unused: nothing of an endpoint is on this host.
        models: For the models.
        name: The endpoint's; by default one that nothing else on the engine has.
        cache: Where wheels and layers are kept from run to run, as on a laptop; by default the user's cache.

    Raises:
        ValueError: The environment names no base image or no gateway image.
    """

    kind = "docker"
    seconds = 300

    def __init__(self, folder: Path, models: Path, *, name: str | None = None, cache: Path | None = None) -> None:  # noqa: ARG002
        missing = [each for each in (BASE, GATEWAY) if not os.environ.get(each)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set, for images that the engine has")
        self.name = name or f"crash-{uuid.uuid4().hex[:6]}"
        self._cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._host = next((os.environ[each] for each in HOST if os.environ.get(each)), "unix:///var/run/docker.sock")
        self._api: Any = import_module("docker").APIClient(base_url=self._host, version="auto", timeout=self.seconds)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._models = models / self.name
        for lot in LOTS:
            write_served_model(self._models / lot, lot, note=self.name)
        self._digests: dict[CrashLot, str] = {lot: digest(self._models / lot).sha256 for lot in LOTS}

    def __exit__(self, *_: object) -> None:
        self.clear()
        for lot in LOTS:
            self._forget_image(lot)
        for image in self._api.images(filters={"reference": [self._kept]}):
            self._api.remove_image(image["Id"], force=True)
        self._api.close()

    @property
    def options(self) -> dict[str, JSON]:
        return {"host": self._host, "gateway_image": os.environ[GATEWAY]}

    @property
    def own(self) -> Mapping[JSON, str]:
        return {self._port: "its port"}

    def connect(self) -> Target:
        kind = Registry().kind("docker")
        return kind.connect(kind.options.model_validate(self.options), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        return {
            "model": str(self._models / lot),
            "config": {"port": self._port, "drain": "5s"},
            "image": {"base": os.environ[BASE]},
            "health": {"consecutive": 1, "timeout": "120s"},
        }

    def environ(self, lot: CrashLot) -> dict[str, str]:  # noqa: ARG002 - the same for all
        return {"XDG_CACHE_HOME": str(self._cache)}

    def begin(self, word: str, prepare: Callable[[], None]) -> None:
        self.clear()
        lot = COMMANDS[word].step.lot
        if all(step.lot != lot for step in COMMANDS[word].start):  # the command is to bring its image, not to find it
            self._forget_image(lot)
        prepare()

    def clear(self) -> None:
        for container in self._of_ours("containers"):
            with contextlib.suppress(import_module("docker").errors.NotFound):
                self._api.remove_container(container["Id"], force=True)
        for network in self._of_ours("networks"):
            self._api.remove_network(network["Id"])
        for volume in self._of_ours("volumes"):
            self._api.remove_volume(volume["Name"], force=True)
        for tag in self._tags():
            self._api.remove_image(tag, force=True)

    def holdings(self) -> JSON:
        """Containers by role, revision and state; networks; volumes without numbers; tags; the gateway's files."""
        containers: list[str] = []
        files: list[str] = []
        for each in self._of_ours("containers"):
            try:
                labels, policy = each["Labels"], self._policy(each["Id"])
            except import_module("docker").errors.NotFound:
                continue  # whoever was killed had asked for its removal
            words = (labels.get(f"{_LABEL}role"), labels.get(f"{_LABEL}revision"), each["State"], policy)
            containers.append(" ".join(filter(None, words)))
            if labels.get(f"{_LABEL}role") == "gateway":
                files += self._files(each["Id"])
        return {
            "containers": _counted(containers),
            "networks": _counted(self._stable(each["Name"]) for each in self._of_ours("networks")),
            "volumes": self._volumes(),
            "images": _counted(self._stable(each) for each in self._tags()),
            "gateway": _counted(files),
        }

    def _volumes(self) -> JSON:
        """A version of the Record before the newest may be there: whoever writes the next one removes it."""
        found = _counted(self._stable(each["Name"]) for each in self._of_ours("volumes"))
        return {name: 1 if name == _RECORD and count == _VERSIONS else count for name, count in found.items()}

    def _of_ours(self, what: str) -> list[dict[str, Any]]:
        """All containers, networks or volumes that carry the endpoint's mark or its name."""
        listed = self._api.containers(all=True) if what == "containers" else getattr(self._api, what)()
        if what == "volumes":
            listed = listed["Volumes"] or []
        return [each for each in listed if self._is_ours(each)]

    def _is_ours(self, thing: Mapping[str, Any]) -> bool:
        names = [thing.get("Name", ""), *(each.lstrip("/") for each in thing.get("Names") or ())]
        marked = (thing.get("Labels") or {}).get(f"{_LABEL}endpoint") == self.name
        return marked or any(each == self.name or each.startswith(f"{self.name}--") for each in names)

    def _tags(self) -> list[str]:
        """The tags by which the endpoint's revisions hold their images."""
        tags = [tag for each in self._api.images() for tag in each.get("RepoTags") or ()]
        return sorted(tag for tag in tags if tag.startswith(f"deployer.local/{self.name}:"))

    def _policy(self, container: str) -> str:
        """Its restart policy: one that is to end has none."""
        return str(self._api.inspect_container(container)["HostConfig"]["RestartPolicy"]["Name"])

    def _files(self, gateway: str) -> list[str]:
        stream, _ = self._api.get_archive(gateway, "/etc/deployer")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            return [self._stable(each) for each in archive.getnames()]

    def _stable(self, name: str) -> str:
        """Without what differs from run to run: lives and numbers of records, marks of the gateway's files."""
        name = re.sub(r"\.[0-9a-f]{12}\.\d+$", ".LIFE.N", name.replace(self.name, "NAME"))
        return re.sub(r"/([vc])-[0-9a-f]{8}", r"/\1-MARK", name)

    # Images.

    @property
    def _kept(self) -> str:
        return f"{self.name}:layers"

    def _forget_image(self, lot: CrashLot) -> None:
        """Remove the image of a lot, but not the layers that it has in common with the others."""
        label = f"{_LABEL}model={self._digests[lot]}"
        for image in self._api.images(all=True, filters={"label": [label]}):
            self._keep_layers(image["Id"])
            self._api.remove_image(image["Id"], force=True)

    def _keep_layers(self, image: str) -> None:
        """Make an image of the same layers that nobody looks for, by an archive without layers.

        An engine whose store takes no such archive is given the layers again each time.
        """
        if self._api.images(filters={"reference": [self._kept]}):
            return
        found = self._api.inspect_image(image)
        document = canonical({
            "architecture": found["Architecture"], "os": found["Os"], "config": {"Labels": {"by": self.name}},
            "rootfs": {"type": "layers", "diff_ids": found["RootFS"]["Layers"]},
        })  # fmt: skip
        config = f"{hashlib.sha256(document).hexdigest()}.json"
        layers = [f"{number}/layer.tar" for number in range(len(found["RootFS"]["Layers"]))]
        listing = json.dumps([{"Config": config, "RepoTags": [self._kept], "Layers": layers}]).encode()
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, data in ((config, document), ("manifest.json", listing)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        for _ in self._api.load_image(stream.getvalue()):
            pass


def _counted(words: Iterator[str] | list[str]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found
