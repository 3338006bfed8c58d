"""The roles that infra/azure ships, from `deployer_azureml.rights`: Azure's documents with ``${...}`` in them. Pure.

One custom role for each kind of thing, since a role is given on a thing, and what is to be done in a workspace is no
reason to be let at the subscription. Terraform's ``templatefile`` and `filled` put the same names in, so that what is
enforced in tests is what is shipped. ``python -m deployer_azureml.roles FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from deployer_azureml.rights import DEPLOYING, ENDPOINT_ROLES, Right, Scope

__all__ = ["ENDPOINT", "FILES", "Names", "document", "endpoint", "filled", "permissions", "text", "why"]

FILES: Mapping[Scope, str] = {
    Scope.WORKSPACE: "workspace",
    Scope.GROUP: "group",
    Scope.SUBSCRIPTION: "subscription",
    Scope.REGISTRY: "registry",
    Scope.STORE: "store",
}
"""What a role is on, to the name of its file without ``.json``, which is also the last word of its name."""

ENDPOINT = "endpoint"
"""The file with the built-in roles of the identity that models run as."""

_TABLE = (
    "# What each action is for\n\n"
    "Written by `python -m deployer_azureml.roles infra/azure/roles`. Actions that not every release has need of can"
    " be left out by the variable `without`.\n"
)


@dataclass(frozen=True)
class Names:
    """What stands for ``${...}``.

    Attributes:
        name: What roles' names begin with, which are each one's own in a directory.
        subscription: The id in Azure Resource Manager, ``/subscriptions/...``.
        group: That of the resource group, ``/subscriptions/.../resourceGroups/...``.
    """

    name: str
    subscription: str
    group: str


def document(on: Scope) -> dict[str, Any]:
    """A role as ``az role definition create`` takes it, with its names open.

    Custom roles can be given within subscriptions and resource groups, to all that is in them ("Azure custom roles").
    """
    rights = [each for each in DEPLOYING if each.on is on]
    return {
        "Name": f"${{name}}-{FILES[on]}",
        "IsCustom": True,
        "Description": f"Runs deployer against Azure ML: what it does on the {on}.",
        "Actions": [each.action for each in rights if not each.data],
        "NotActions": [],
        "DataActions": [each.action for each in rights if each.data],
        "NotDataActions": [],
        "AssignableScopes": ["${subscription}" if on is Scope.SUBSCRIPTION else "${group}"],
    }


def endpoint() -> list[dict[str, str]]:
    """The built-in roles of the identity that models run as, each with what it is on, and why."""
    return [{"role": role, "on": FILES[on], "why": why} for role, on, why in ENDPOINT_ROLES]


def text(value: Any) -> str:
    """As it is shipped."""
    return json.dumps(value, indent=2) + "\n"


def filled(on: Scope, names: Names, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """As infra/azure/roles makes it: names put in, and no action that nobody asked for.

    Args:
        on: What the role is on.
        names: Of a subscription.
        without: Actions that are left out.
    """
    whole: dict[str, Any] = json.loads(Template(text(document(on))).substitute(vars(names)))
    left = {*without}
    for kind in ("Actions", "DataActions"):
        whole[kind] = [each for each in whole[kind] if each not in left]
    return whole


def permissions(*, without: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What all of the roles together allow, as Azure's ``permissions`` tell it: for a double that enforces them."""
    names = Names("deployer", "/subscriptions/none", "/subscriptions/none/resourceGroups/none")
    roles = [filled(on, names, without=[*without]) for on in FILES]
    return [
        {
            "actions": each["Actions"],
            "notActions": each["NotActions"],
            "dataActions": each["DataActions"],
            "notDataActions": each["NotDataActions"],
        }
        for each in roles
    ]


def why() -> str:
    """For people, as Markdown: each action, what it is on, what for, and whether every release has need of it."""
    rows = [_row(each) for on in FILES for each in DEPLOYING if each.on is on]
    return "\n".join([_TABLE, "| action | on the | for | always |", "|---|---|---|---|", *rows]) + "\n"


def _row(right: Right) -> str:
    data = " (data)" if right.data else ""
    return f"| `{right.action}`{data} | {right.on} | {right.why} | {'yes' if right.always else 'no'} |"


def main(arguments: list[str]) -> int:
    """Write the roles, ``endpoint.json`` and ``README.md``."""
    (folder,) = arguments
    made = {f"{name}.json": text(document(on)) for on, name in FILES.items()}
    made |= {f"{ENDPOINT}.json": text(endpoint()), "README.md": why()}
    for name, told in made.items():
        (Path(folder) / name).write_text(told, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
