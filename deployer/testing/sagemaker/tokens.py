"""The passwords of ECR that were handed out."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading

__all__ = ["HOURS", "Tokens"]

HOURS = 43200.0
"""Documented: an authorization token is good for twelve hours; in seconds."""


class Tokens:
    """The passwords that were handed out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, str, str, float]] = {}

    def make(self, account: str, region: str, principal: str, now: float) -> tuple[str, float]:
        """A new one for somebody, and until when it is good."""
        password, until = secrets.token_urlsafe(32), now + HOURS
        with self._lock:
            self._known[password] = (account, region, principal, until)
        return password, until

    def find(self, header: str, now: float) -> tuple[str, str, str] | None:
        """(account, region, principal) of a Basic authorization; None where it is none that is good."""
        try:
            user, _, password = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
        except (ValueError, binascii.Error):
            return None
        with self._lock:
            account, region, principal, until = self._known.get(password, ("", "", "", 0.0))
        return (account, region, principal) if user == "AWS" and until > now else None
