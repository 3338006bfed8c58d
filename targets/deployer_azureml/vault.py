"""Secrets by reference: of Key Vault, and of the workspace's connections. Pure.

Azure puts the values into the container's environment itself, read by the endpoint's identity when the container
starts ("Access secrets from online deployment using secret injection"), so that our server needs no SDK for them, and
a ready image's server gets them, too. The deployment itself has only the reference, as
``${{keyvault:https://VAULT.vault.azure.net/secrets/NAME/VERSION}}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.spec import DeploymentSpec

__all__ = ["is_injected", "of_connections", "reference_in", "references", "refused_secrets", "role_for"]

_VAULT = re.compile(
    r"https://(?P<vault>[a-zA-Z0-9-]{3,24})\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)"
    r"/secrets/(?P<name>[0-9a-zA-Z-]{1,127})(/(?P<version>[0-9a-fA-F]{32}))?/?"
)
_CONNECTION = re.compile(
    r"azureml://connections/(?P<connection>[A-Za-z0-9._-]+)"
    r"(/credentials/[A-Za-z0-9._-]+|/metadata/[A-Za-z0-9._-]+|/target)"
)
_INJECTED = re.compile(r"\$\{\{\s*(keyvault|azureml)\s*:")
_EXAMPLE = "https://VAULT.vault.azure.net/secrets/NAME/VERSION or azureml://connections/NAME/credentials/KEY"


def refused_secrets(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """References that Azure cannot resolve, each as (dotted field, sentence)."""
    for name, secret in spec.secrets.items():
        if secret.env is not None:
            make = "az keyvault secret set --vault-name ... --name ... --value ..."
            yield f"secrets.{name}", f"azureml keeps no values; store it ({make}), and give {{ref: {_EXAMPLE}}}"
            continue
        found = _VAULT.fullmatch(secret.ref or "")
        if found is None and not _CONNECTION.fullmatch(secret.ref or ""):
            yield f"secrets.{name}", f"{secret.ref} leads to no secret, such as {_EXAMPLE}"
        elif found is not None and not found["version"]:
            yield f"secrets.{name}", "which version of it? give .../secrets/NAME/VERSION, the id that az keyvault shows"
    for name, value in spec.env.items():
        if is_injected(value):
            yield f"env.{name}", "that would put a secret there; give it in secrets, by its reference"


def reference_in(value: str) -> str | None:
    """The reference in a variable's text that is nothing but one, as somebody else's deployment may have it."""
    found = re.fullmatch(r"\$\{\{\s*(?:keyvault:)?(?P<ref>\S+?)\s*\}\}", value)
    ref = found["ref"] if found is not None else ""
    return ref if _VAULT.fullmatch(ref) or _CONNECTION.fullmatch(ref) else None


def is_injected(value: str) -> bool:
    """Whether Azure would take a variable's text for a reference to a secret."""
    return bool(_INJECTED.search(value))


def references(spec: DeploymentSpec) -> dict[str, str]:
    """The variables of a deployment whose values Azure puts in."""
    found = {name: secret.ref.rstrip("/") for name, secret in sorted(spec.secrets.items()) if secret.ref is not None}
    return {name: f"${{{{{_kind(ref)}{ref}}}}}" for name, ref in found.items()}


def _kind(reference: str) -> str:
    return "keyvault:" if _VAULT.fullmatch(reference) else ""


def of_connections(spec: DeploymentSpec) -> bool:
    """Whether any secret is of the workspace's connections, which the endpoint's identity has to be let at."""
    return any(_CONNECTION.fullmatch(secret.ref or "") for secret in spec.secrets.values())


def role_for(reference: str) -> tuple[str, str]:
    """The role that the endpoint's identity needs for a secret, and on what: ``Key Vault Secrets User``, the vault."""
    found = _VAULT.fullmatch(reference)
    if found is not None:
        return "Key Vault Secrets User", f"the vault {found['vault']}"
    return "Azure Machine Learning Workspace Connection Secrets Reader", "the workspace"
