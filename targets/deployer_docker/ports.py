"""Who has a port of the engine's host."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Collection
from typing import Any

from deployer.errors import Conflict
from deployer_docker.client import told
from deployer_docker.marks import PREFIX

__all__ = ["is_free", "owner_of_port", "published_ports", "taken_error"]


def published_ports(api: Any) -> Collection[int]:
    """The ports that containers have, or gateways will have when they are started."""
    found = set[int]()
    with told("look at the engine's ports"):
        for each in api.containers(all=True):
            found |= {int(port["PublicPort"]) for port in each.get("Ports") or () if port.get("PublicPort")}
            port = (each.get("Labels") or {}).get(f"{PREFIX}port", "")
            found |= {int(port)} if port.isdigit() else set()
    return found


def owner_of_port(api: Any, port: int) -> str:
    """``the container NAME``; "" when no running container publishes it."""
    with contextlib.suppress(Exception):
        for each in api.containers(filters={"publish": [str(port)]}):
            return f"the container {each['Names'][0].lstrip('/')}"
    return ""


def is_free(host: str, port: int) -> bool:
    """Whether a port of this host could be bound now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def taken_error(api: Any, port: int, endpoint: str) -> Conflict:
    """That a port is another's, and whose, when it can be told."""
    return Conflict(
        f"port {port} is taken by {owner_of_port(api, port) or 'another process'}", where=endpoint,
        hint="end it, or take another port: --set config.port=PORT; without one, a free port is chosen",
    )  # fmt: skip
