"""A question to a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes:
        action: ``sagemaker:CreateModel``.
        resource: An ARN, or ``*`` for an action without a resource.
        context: Condition keys and values.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
