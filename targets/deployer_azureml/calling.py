"""A line for a shell that asks an endpoint: curl, with the key or token that the az command fetches. Pure."""

from __future__ import annotations

import shlex

from deployer.endpoint import Endpoint
from deployer.spec import DeploymentSpec
from deployer_azureml.requests import config_of

__all__ = ["call"]

_WHERE = '-g "$AZUREML_ARM_RESOURCEGROUP" -w "$AZUREML_ARM_WORKSPACE_NAME"'
"""As deployer itself finds the workspace, where its options do not say it."""


def call(endpoint: Endpoint, spec: DeploymentSpec | None, body: str | None) -> str | None:
    """The line; None for an endpoint that has no address yet.

    Args:
        endpoint: What is asked; its address is the scoring route's own.
        spec: What was wished of it, where that is known.
        body: A request; None: a file that the reader has to write.
    """
    if endpoint.url is None:
        return None
    mode = str(endpoint.settings.get("config.auth_mode") or (config_of(spec).auth_mode if spec is not None else "key"))
    asked = shlex.quote(body) if body is not None else "@request.json"
    lets_in = f'-H "Authorization: Bearer $({_fetched(endpoint.name, mode)})"'
    return f"curl -sS {shlex.quote(endpoint.url)} {lets_in} -H 'Content-Type: application/json' -d {asked}"


def _fetched(endpoint: str, mode: str) -> str:
    if mode == "aad_token":
        return "az account get-access-token --resource https://ml.azure.com --query accessToken -o tsv"
    what = "accessToken" if mode == "aml_token" else "primaryKey"
    return f"az ml online-endpoint get-credentials --name {endpoint} {_WHERE} --query {what} -o tsv"
