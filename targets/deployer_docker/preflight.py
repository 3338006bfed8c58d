"""What ``doctor`` looks at; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError
from deployer.target import Check
from deployer_docker.client import EngineAddress, is_missing
from deployer_docker.config import DockerOptions

__all__ = ["checks"]

OLDEST = (1, 41)
ENOUGH = 2 * 10**9


def checks(api: Callable[[], Any], address: EngineAddress, options: DockerOptions) -> Iterator[Check]:
    """Each thing that the Docker target needs.

    Args:
        api: Connects; raises TargetUnavailable.
        address: The engine's.
        options: The target's.
    """
    try:
        client = api()
        version, info = client.version(), client.info()
    except DeployerError as error:
        yield Check(f"an engine at {address.url}", False, error.message, error.hint)
        return
    except Exception as error:
        yield Check(f"an engine at {address.url}", False, str(error), "start Docker")
        return
    yield Check(f"an engine at {address.url}", True, f"{version.get('Version')}, {info.get('Architecture')}")
    yield _interface(str(version.get("ApiVersion", "0.0")))
    fine = info.get("OSType") == "linux"
    yield Check(
        "Linux containers", fine, str(info.get("OSType")), None if fine else "switch Docker to Linux containers"
    )
    yield Check(
        "memory limits", bool(info.get("MemoryLimit")), "",
        None if info.get("MemoryLimit") else "the kernel has no memory controller: resources.memory does nothing",
    )  # fmt: skip
    yield _gateway(client, options.gateway_image)
    if address.local:
        yield from _room(str(info.get("DockerRootDir", "")))


def _interface(version: str) -> Check:
    parts = tuple(int(part) for part in version.split(".") if part.isdigit())
    fine = parts >= OLDEST
    return Check("the engine's interface", fine, version, None if fine else "upgrade Docker to 20.10 or newer")


def _gateway(client: Any, reference: str) -> Check:
    try:
        found = client.inspect_image(reference)
    except Exception as error:
        if not is_missing(error):
            return Check("the gateway's image", None, str(error))
        return Check(
            "the gateway's image", None, f"{reference} is not here yet, and is pulled when the first endpoint is made",
            f"docker pull {reference}; without a registry, load one with HAProxy 2.6 or newer and set gateway_image",
        )  # fmt: skip
    return Check("the gateway's image", True, f"{reference} ({str(found['Id'])[7:19]})")


def _room(root: str) -> Iterator[Check]:
    folder = Path(root)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Check("room on the engine's disk", None, str(error))
        return
    fine = free >= ENOUGH
    hint = None if fine else "deployer gc -t docker, then docker system prune"
    yield Check("room on the engine's disk", fine, f"{free / 1e9:.1f} GB free", hint)
