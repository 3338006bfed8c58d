"""Evaluates an identity-based IAM policy: actions, resources and conditions. Pure.

Documented: IAM User Guide, policy evaluation logic. What it cannot evaluate it refuses to load, so that no statement is
passed over unseen.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["Policy"]


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.DOTALL)


def _like(value: str, pattern: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringNotEquals": lambda value, wanted: value != wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "StringNotLike": lambda value, wanted: not _like(value, wanted),
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
}
_NEGATED = frozenset({"StringNotEquals", "StringNotLike"})


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


class Policy:
    """A policy document.

    Args:
        document: With ``Statement``.

    Raises:
        ValueError: A statement has an element or a condition operator that is not known here.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._statements: list[tuple[str, Mapping[str, Any]]] = []
        for number, statement in enumerate(_many(document["Statement"]), 1):
            known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
            if unknown := sorted(set(statement) - known):
                raise ValueError(f"statement {number} has {', '.join(unknown)}, which this double cannot evaluate")
            for operator in statement.get("Condition") or {}:
                if _plain(operator) not in _TESTS and _plain(operator) != "Null":
                    raise ValueError(
                        f"statement {number} has the condition {operator}, which this double cannot evaluate"
                    )
            self._statements.append((str(statement.get("Sid") or number), statement))

    @property
    def names(self) -> list[str]:
        """Its statements that allow something, by Sid or number."""
        return [name for name, statement in self._statements if statement["Effect"] == "Allow"]

    def allowing(self, action: str, resource: str, context: Mapping[str, str | list[str]]) -> str | None:
        """The first statement that allows it; None where none does, or one denies it.

        Args:
            action: ``sagemaker:CreateModel``.
            resource: An ARN, or ``*`` for an action without a resource.
            context: Condition keys and values.
        """
        fitting = [(name, each) for name, each in self._statements if _fits(each, action, resource, context)]
        if any(each["Effect"] == "Deny" for _, each in fitting):
            return None
        return next((name for name, each in fitting if each["Effect"] == "Allow"), None)


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str | list[str]]) -> bool:
    if "Action" in statement:
        named = any(_like(action.lower(), str(each).lower()) for each in _many(statement["Action"]))
    else:
        named = not any(_like(action.lower(), str(each).lower()) for each in _many(statement["NotAction"]))
    if "Resource" in statement:
        meant = any(_like(resource, str(each)) for each in _many(statement["Resource"]))
    else:
        meant = not any(_like(resource, str(each)) for each in _many(statement.get("NotResource", "*")))
    return named and meant and all(_conditions(statement.get("Condition") or {}, context))


def _plain(operator: str) -> str:
    return operator.rpartition(":")[2].removesuffix("IfExists")


def _conditions(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str | list[str]]) -> Iterator[bool]:
    """All operators and all keys must hold; of a key's values any one (documented)."""
    lowered = {key.lower(): value for key, value in context.items()}
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            value = lowered.get(key.lower())
            yield _holds(operator, value, [str(each) for each in _many(wanted)])


def _holds(operator: str, value: str | list[str] | None, wanted: list[str]) -> bool:
    plain = _plain(operator)
    if plain == "Null":
        return (value is None) == (wanted[0].lower() == "true")
    if value is None:
        return operator.endswith("IfExists") or operator.startswith("ForAllValues:") or plain in _NEGATED
    values, test = _many(value), _TESTS[plain]
    hold = all if plain in _NEGATED else any
    found = [hold(test(each, one) for one in wanted) for each in values]
    return all(found) if operator.startswith("ForAllValues:") else any(found)
