"""Role-based access control: what a call needs, and whether the rights that were given allow it.

Documented: Azure RBAC, "Understand Azure role definitions": actions and dataActions with ``*``, less notActions and
notDataActions; no case.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.testing.azureml.answers import Refusal

__all__ = ["Rights", "allows"]


def allows(permission: Mapping[str, Any], action: str, *, data: bool) -> str:
    """The pattern of a role's permission that allows an action; the empty text where none does."""
    if _first(permission.get("notDataActions" if data else "notActions") or (), action):
        return ""
    return _first(permission.get("dataActions" if data else "actions") or (), action)


def _first(patterns: Sequence[str], action: str) -> str:
    for pattern in patterns:
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE):
            return pattern
    return ""


class Rights:
    """The rights of whoever calls.

    Args:
        permissions: Of its roles; None allows all.

    Attributes:
        used: (pattern, action) of everything that was allowed.
        refused: Actions that were not.
    """

    def __init__(self, permissions: Sequence[Mapping[str, Any]] | None) -> None:
        self._lock = threading.Lock()
        self.permissions = permissions
        self.used: set[tuple[str, str]] = set()
        self.refused: list[str] = []

    def set(self, permissions: Sequence[Mapping[str, Any]] | None) -> None:
        """Other rights from now on; what was used is forgotten."""
        with self._lock:
            self.permissions = permissions
            self.used.clear()
            self.refused.clear()

    def check(self, action: str, *, data: bool, principal: str, scope: str) -> list[str]:
        """The patterns that allow an action.

        Raises:
            Refusal: 403 AuthorizationFailed, in ARM's words (recorded in many public issues).
        """
        if self.permissions is None or not action:
            return []
        found = [pattern for each in self.permissions if (pattern := allows(each, action, data=data))]
        with self._lock:
            self.used.update((pattern, action) for pattern in found)
            if found:
                return found
            self.refused.append(action)
        raise Refusal(
            403,
            "AuthorizationFailed",
            f"The client '{principal}' with object id '{principal}' does not have authorization to perform action "
            f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
            "your credentials.",
        )

    def json(self) -> dict[str, Any]:
        """For the admin route: which patterns were used, which not, what was refused."""
        with self._lock:
            patterns = [
                pattern
                for each in self.permissions or ()
                for kind in ("actions", "dataActions")
                for pattern in each.get(kind) or ()
            ]
            used = {pattern for pattern, _ in self.used}
            return {
                "used": sorted(used),
                "unused": sorted({each for each in patterns if each not in used}),
                "actions": sorted(f"{pattern} {action}" for pattern, action in self.used),
                "refused": list(self.refused),
            }
