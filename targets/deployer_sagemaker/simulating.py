"""What IAM is asked to simulate, so that ``doctor`` tells which right is missing: each on what it is about. Pure.

A question has the tags and services that our calls have, since most rights are ours under such conditions alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deployer_sagemaker.policies import Names, filled
from deployer_sagemaker.rights import MAY_DEPLOY, Statement

__all__ = ["Question", "questions"]

_EXAMPLE = "deployer"
"""What stands for the ``*`` of an ARN: IAM simulates for one thing."""


@dataclass(frozen=True)
class Question:
    """One simulation.

    Attributes:
        actions: ``sagemaker:CreateModel``.
        resource: An ARN, or ``*``.
        context: Condition keys and their values.
    """

    actions: tuple[str, ...]
    resource: str
    context: tuple[tuple[str, str], ...] = ()

    def request(self, principal: str) -> dict[str, Any]:
        """SimulatePrincipalPolicy.

        Args:
            principal: The ARN of a user or role.
        """
        entries = [
            {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
            for key, value in self.context
        ]
        asked: dict[str, Any] = {"PolicySourceArn": principal, "ActionNames": [*self.actions]}
        return {**asked, "ResourceArns": [self.resource], **({"ContextEntries": entries} if entries else {})}


def questions(names: Names) -> Iterator[Question]:
    """Of all rights that every release needs.

    Args:
        names: Of the account; without a role nothing is asked about it.
    """
    for statement in MAY_DEPLOY:
        if statement.wished or ("role" in statement.of and not names.role):
            continue
        (whole,) = filled([statement], names)["Statement"]
        things = dict(zip(statement.of, whole["Resource"], strict=True))
        for kind, actions in _needed(statement).items():
            thing = things[kind]
            yield Question(actions, thing if thing == "*" else thing.replace("*", _EXAMPLE), _context(statement))


def _needed(statement: Statement) -> dict[str, tuple[str, ...]]:
    """By the kind of thing that they are asked about."""
    found: dict[str, tuple[str, ...]] = {}
    for right in statement.rights:
        if right.always:
            kind = right.on or statement.of[0]
            found[kind] = (*found.get(kind, ()), right.action)
    return found


def _context(statement: Statement) -> tuple[tuple[str, str], ...]:
    """Of each condition a value that holds."""
    tests: Iterable[Any] = statement.when.values()
    return tuple((key, value if isinstance(value, str) else value[0]) for test in tests for key, value in test.items())
