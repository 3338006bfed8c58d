"""What Docker's configuration here knows of an image's registry, as whoever pulls it elsewhere is given it."""

from __future__ import annotations

import base64

from deployer.image.reference import DOCKER_HUB, parse_reference
from deployer.image.registry.credentials import DockerCredentials, Login

__all__ = ["docker_login"]

_HUB = "https://index.docker.io/v1/"
"""How Docker's configuration names its Hub."""


def docker_login(reference: str, credentials: DockerCredentials | None = None) -> tuple[str, dict[str, str]]:
    """The registry of an image, and its entry of ``auths``; an empty one when there is no login for it.

    Args:
        reference: The image.
        credentials: Where to look; by default this person's.

    Raises:
        SpecError: That is no image's name.
        TargetUnavailable: The configuration cannot be read.
    """
    host = parse_reference(reference).registry
    found = (credentials or DockerCredentials()).find(host)
    return _HUB if host == DOCKER_HUB else host, _entry(found) if found is not None else {}


def _entry(login: Login) -> dict[str, str]:
    """As ``docker login`` would write it, and the kubelet reads it."""
    if login.registry_token:
        return {"registrytoken": login.registry_token}
    if login.identity_token:
        return {"identitytoken": login.identity_token, **({"username": login.username} if login.username else {})}
    return {"auth": base64.b64encode(f"{login.username}:{login.password}".encode()).decode()}
