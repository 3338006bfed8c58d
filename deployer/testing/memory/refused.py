"""The store's own errors. Standard library alone."""

from __future__ import annotations

from typing import Any

__all__ = ["Refused"]


class Refused(Exception):
    """The store's answer is an error.

    Args:
        kind: ``ClaimLost``, ``Conflict``, ``NotFound`` or ``TargetUnavailable``.
        message: What happened.
        details: ``transient``, ``hint``, ``record``.
    """

    def __init__(self, kind: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.answer: dict[str, Any] = {"kind": kind, "message": message, **details}
