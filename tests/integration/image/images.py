"""Small images for these tests: a base, and layers whose content a test chooses."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.image.values import BaseImage, FileLayer, Image
from tests.plugins.docker import Scope

if TYPE_CHECKING:
    import docker


def layer(folder: Path, what: str, files: Mapping[str, bytes]) -> FileLayer:
    """A layer with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest}.tar"
    path.write_bytes(content)
    return FileLayer(f"sha256:{digest}", len(content), what, path)


def image(base: BaseImage, *layers: FileLayer, command: tuple[str, ...] = ("python3", "-V")) -> Image:
    """An image of a base and layers."""
    document = {
        "architecture": base.platform.partition("/")[2],
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {**dict(base.config.get("config") or {}), "Cmd": list(command)},
        "history": [],
        "rootfs": {
            "type": "layers",
            "diff_ids": [*(each.diff_id for each in base.layers), *(each.diff_id for each in layers)],
        },
    }
    config = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return Image(base, layers, config, f"sha256:{hashlib.sha256(config).hexdigest()}")


def ran(client: docker.APIClient, name: str, scope: Scope) -> str:
    """What an image's command writes; asked for when it ended, since an engine loses what is written as it ends."""
    made = client.create_container(name, name=scope.name)
    try:
        client.start(made)
        client.wait(made)
        return str(client.logs(made).decode())
    finally:
        client.remove_container(made, force=True)
