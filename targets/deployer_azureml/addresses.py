"""Addresses of Azure Resource Manager: by which version each provider is asked, and which are the manager's own. Pure.

A token goes along with each request, and addresses come from documents that others write, too; so only the manager's
own are asked.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from deployer_azureml.clouds import Cloud
from deployer_azureml.config import AzureMLOptions

__all__ = ["address_of", "below", "in_manager", "version_of"]

_VERSIONS = {
    "/providers/microsoft.insights/autoscalesettings": "2022-10-01",
    "/providers/microsoft.insights/metrics": "2024-02-01",
    "/providers/microsoft.authorization/": "2022-04-01",
    "/providers/microsoft.containerregistry/": "2023-07-01",
    "/providers/microsoft.storage/": "2023-05-01",
}
"""Of what is not the workspace's own; the newest that is generally available in each cloud (Azure REST API)."""
_ML = "/providers/microsoft.machinelearningservices/"
_RESOURCES = "2021-04-01"
_NETLOC = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
"""Nothing that two libraries could read in two ways, such as a backslash before the manager's name."""


def version_of(path: str, options: AzureMLOptions) -> str:
    """The API version that a path is asked by."""
    lower = path.lower()
    for part, version in _VERSIONS.items():
        if part in lower or f"{lower}/".endswith(part):
            return version
    return options.api_version if _ML in lower else _RESOURCES


def address_of(path: str, workspace: str, options: AzureMLOptions, version: str = "") -> str:
    """The whole address.

    Args:
        path: Below the workspace, of the manager, or whole; with a query or without.
        workspace: The workspace's id, where the path is below it.
        options: Where the manager is.
        version: Of the API; by default what belongs to the provider. What a whole address says stays.
    """
    parts = urlsplit(path)
    if not parts.netloc:
        inner = parts.path if parts.path.startswith("/") else f"{workspace}/{parts.path}"
        base = urlsplit(options.cloud.manager)
        parts = parts._replace(scheme=base.scheme, netloc=base.netloc, path=base.path + quote(inner, safe="/:@()'$!,;"))
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not any(name.lower() == "api-version" for name, _ in query):
        query.append(("api-version", version or version_of(parts.path, options)))
    return urlunsplit(parts._replace(query=urlencode(query)))


def in_manager(url: str, cloud: Cloud) -> bool:
    """Whether an address is the manager's, or of one of its regions (``westeurope.management.azure.com``)."""
    found, own = urlsplit(url), urlsplit(cloud.manager)
    host, manager = (found.hostname or "").lower(), (own.hostname or "").lower()
    same = host == manager or (host.endswith(f".{manager}") and "." in manager)
    plain = _NETLOC.fullmatch(found.netloc) is not None
    return found.scheme == "https" and plain and same and found.port == own.port


def below(url: str, workspace: str) -> str:
    """What of an address people read: below the workspace, without host and query."""
    path = urlsplit(url).path
    _, found, inner = path.lower().partition(f"{workspace.lower()}/")
    return path[-len(inner) :] if found and workspace and inner else path
