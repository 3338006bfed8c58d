"""What things are called at Azure ML: from the endpoint, the revision, and what the thing is made of. Pure.

Endpoints and deployments have 3 to 32 letters, digits and single dashes, a letter first ("Manage and increase quotas",
limits of online endpoints), and Azure does not tell capitals apart. A revision's id is such a name already, so the
deployment of a revision is called by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from deployer.spec.model import NAME_PATTERN
from deployer.value import JSON, digest

__all__ = [
    "AUTOSCALE",
    "ENDPOINTS",
    "ENVIRONMENTS",
    "autoscale_name",
    "autoscale_path",
    "deployment_path",
    "endpoint_path",
    "environment_name",
    "environment_path",
    "environment_version",
    "is_revision",
    "revision_in",
    "shape_of",
    "usable_name",
    "workspace_word",
]

ENDPOINTS = "onlineEndpoints"
ENVIRONMENTS = "environments"
AUTOSCALE = "microsoft.insights/autoscalesettings"
_DIGITS = 8
_REVISION = re.compile(r"r[0-9a-f]{7}")
_VERSION = re.compile(rf"(?P<revision>r[0-9a-f]{{7}})-[0-9a-f]{{{_DIGITS}}}")


def usable_name(name: str) -> bool:
    """Whether an endpoint of ours can have this name."""
    return bool(NAME_PATTERN.fullmatch(name)) and 3 <= len(name) <= 32


def is_revision(name: str) -> bool:
    """Whether it is a revision's id."""
    return bool(_REVISION.fullmatch(name))


def workspace_word(name: str, identity: str) -> str:
    """What tells a workspace from others of its name, where they share a store or a registry: ``team-1a2b3c4d``.

    Args:
        name: Its name.
        identity: Its id, of Azure Resource Manager.
    """
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{word}-{digest(identity.lower())[:_DIGITS]}"


def endpoint_path(endpoint: str) -> str:
    """Below the workspace: the endpoint."""
    return f"{ENDPOINTS}/{endpoint}"


def deployment_path(endpoint: str, deployment: str) -> str:
    """Below the workspace: one of its deployments."""
    return f"{ENDPOINTS}/{endpoint}/deployments/{deployment}"


def environment_name(endpoint: str) -> str:
    """The environment of an endpoint's revisions; each of them is a version of it."""
    return f"deployer-{endpoint}"


def environment_path(endpoint: str, version: str) -> str:
    """Below the workspace: the environment of one revision."""
    return f"{ENVIRONMENTS}/{environment_name(endpoint)}/versions/{version}"


def shape_of(body: Mapping[str, JSON]) -> str:
    """The last part of a version: a digest of what the thing is made of, so that an equal name is an equal thing."""
    return digest(body)[:_DIGITS]


def environment_version(revision: str, body: Mapping[str, JSON]) -> str:
    """The version of a revision's environment; a version can never be changed.

    Args:
        revision: Its id.
        body: What the environment is made of, without tags.
    """
    return f"{revision}-{shape_of(body)}"


def revision_in(version: str) -> str | None:
    """The revision that an environment's version is of; None for another's.

    A name proves nothing: whose a thing is, its tags tell.
    """
    found = _VERSION.fullmatch(version)
    return found["revision"] if found is not None else None


def autoscale_name(workspace: str, endpoint: str, deployment: str) -> str:
    """The autoscale setting of a deployment; it lies in the resource group, where each has a name of its own.

    Args:
        workspace: The workspace's name: two of a group may each have an endpoint of one name, in two regions.
        endpoint: The endpoint's.
        deployment: The deployment's.
    """
    return f"deployer-{workspace}-{endpoint}-{deployment}"


def autoscale_path(workspace: str, endpoint: str, deployment: str) -> str:
    """Below the resource group: the autoscale setting of a deployment."""
    return f"providers/{AUTOSCALE}/{autoscale_name(workspace, endpoint, deployment)}"
