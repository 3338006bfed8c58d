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
        about_nothing: It is about something that is not there, which has no tags.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    about_nothing: bool = False
