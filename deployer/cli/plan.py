"""``deployer plan``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer plan iris --model models:/iris@challenger --set replicas=3",
    "deployer plan -f deploy/ --exit-code",
    "deployer plan -f deployer.yaml -o markdown > comment.md",
)


class Verb(StrEnum):
    """What is planned."""

    CREATE = "create"
    UPDATE = "update"
    APPLY = "apply"


def command(
    *,
    name: options.Name = None,
    model: options.Model = None,
    target: options.Target = None,
    file: options.File = None,
    sets: options.Sets = None,
    as_verb: Annotated[
        Verb | None, typer.Option("--as", show_default=False, help="Plan this verb, whatever is there.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 10 when there is something to do.")] = False,
    retry: options.Retry = False,
    adopt: options.Adopt = False,
    upgrade: options.Upgrade = False,
    verify: options.Verify = False,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """Show what would be done, and change nothing.

    Takes what create, update and apply take. With -f or ./deployer.yaml it plans apply, else update if the endpoint is
    there and create if it is not.
    """
    from deployer.cli.planning import plans_of
    from deployer.cli.releasing import show_plans
    from deployer.cli.wishes import Asked

    now = configure(output=output, owner=owner)
    asked = Asked.typed(name, model, target, file, sets)
    verb = as_verb.value if as_verb else None
    plans, runs = plans_of(now, asked, verb, retry=retry, upgrade=upgrade, verify=verify, adopt=adopt)
    show_plans(now, plans, runs)
    return 10 if exit_code and any(each.has_changes for each in plans) else 0
