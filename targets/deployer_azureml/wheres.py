"""Which workspace is meant: by the options, the environment, or a ``config.json`` that the studio gives."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import SpecError
from deployer_azureml.config import AzureMLOptions

__all__ = ["Where", "where_of"]

_VARIABLES = {
    "subscription": ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION"),
    "resource_group": ("AZUREML_ARM_RESOURCEGROUP",),
    "workspace": ("AZUREML_ARM_WORKSPACE_NAME",),
}
_OF_FILE = {"subscription": "subscription_id", "resource_group": "resource_group", "workspace": "workspace_name"}
_FILES = (Path(".azureml", "config.json"), Path("config.json"))
_HINTS = {
    "subscription": "export AZURE_SUBSCRIPTION_ID=..., az account show --query id; or subscription in deployer.toml",
    "resource_group": "export AZUREML_ARM_RESOURCEGROUP=..., or resource_group in deployer.toml; az ml workspace list",
    "workspace": "export AZUREML_ARM_WORKSPACE_NAME=..., or workspace in deployer.toml; az ml workspace list",
}


@dataclass(frozen=True)
class Where:
    """A workspace.

    Attributes:
        subscription: Its id.
        group: The resource group's name.
        workspace: The workspace's.
    """

    subscription: str
    group: str
    workspace: str

    @property
    def subscription_id(self) -> str:
        """Of Azure Resource Manager."""
        return f"/subscriptions/{self.subscription}"

    @property
    def group_id(self) -> str:
        """The same."""
        return f"{self.subscription_id}/resourceGroups/{self.group}"

    @property
    def workspace_id(self) -> str:
        """The same."""
        return f"{self.group_id}/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"


def where_of(options: AzureMLOptions, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Where:
    """The workspace that is meant: the options', else the environment's, else that of a ``config.json`` above here.

    Args:
        options: What the named target says.
        environ: The environment; None: this process's.
        folder: Where to look for the file, as ``MLClient.from_config`` does: there and in each folder above. None:
            here.

    Raises:
        SpecError: A part of it is said nowhere.
    """
    known = os.environ if environ is None else environ
    found: dict[str, str] = {}
    for name, variables in _VARIABLES.items():
        given = getattr(options, name) or next((known[each] for each in variables if known.get(each)), None)
        if given:
            found[name] = str(given)
    if len(found) < len(_VARIABLES):
        found = {**_of_file(folder or Path.cwd()), **found}
    for name, hint in _HINTS.items():
        if name not in found:
            raise SpecError(f"no {name.replace('_', ' ')} of Azure is given", where=name, hint=hint)
    return Where(found["subscription"], found["resource_group"], found["workspace"])


def _of_file(folder: Path) -> dict[str, str]:
    """What the nearest ``config.json`` of the studio says; others of that name are passed over."""
    for place in (folder, *folder.parents):
        for name in _FILES:
            try:
                told = json.loads((place / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if not isinstance(told, dict) or "workspace_name" not in told:
                continue
            words = {name: str(told.get(key) or "") for name, key in _OF_FILE.items()}
            return {name: word for name, word in words.items() if re.fullmatch(r"[\w.()-]+", word)}
    return {}
