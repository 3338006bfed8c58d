"""Every call that was made, with the action that Azure's role-based access control wants for it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Recorded"]


@dataclass(frozen=True)
class Recorded:
    """One call.

    Attributes:
        at: Seconds since the epoch.
        service: ``arm``, ``identity``, ``blob``, ``registry`` or ``scoring``.
        operation: ``PutDeployment``.
        method: The HTTP method.
        path: As its service sees it, without query.
        version: The api-version, of ARM.
        action: What a role must allow, ``Microsoft.MachineLearningServices/.../read``; empty where none is needed.
        data: Whether it is one of ``dataActions``.
        name: Of the resource.
        principal: Who asked.
        status: The HTTP status of the answer; 0 where the connection was closed.
        error: The code, where it was an error.
        allowed: The patterns of the rights that allowed it.
    """

    at: float
    service: str
    operation: str
    method: str
    path: str
    version: str
    action: str
    data: bool
    name: str
    principal: str
    status: int
    error: str = ""
    allowed: list[str] = field(default_factory=list)
