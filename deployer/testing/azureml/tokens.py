"""Access tokens: JSON web tokens that the double signs itself, with audience and end, and checks as Azure does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

__all__ = ["Tokens", "claims_of"]


class Tokens:
    """Makes and reads tokens.

    They are signed by a secret (HS256) where Entra's are by a key pair: no client looks at that (documented: access
    tokens are opaque to a client).
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def mint(self, audience: str, until: float, **claims: Any) -> str:
        """A token.

        Args:
            audience: Whom it is meant for.
            until: When it ends, seconds since the epoch.
            **claims: What else it says.
        """
        header = _packed({"alg": "HS256", "typ": "JWT"})
        said = _packed({"aud": audience, "exp": int(until), "jti": secrets.token_hex(8), **claims})
        return f"{header}.{said}.{self._sign(f'{header}.{said}')}"

    def read(self, token: str) -> dict[str, Any] | None:
        """What a token says; None where it is not one of these. Whether it has ended is for the caller to see."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed), signature):
            return None
        return claims_of(token)

    def _sign(self, text: str) -> str:
        return _encoded(hmac.digest(self._secret, text.encode(), hashlib.sha256))


def claims_of(token: str) -> dict[str, Any] | None:
    """What a token says, its signature not looked at; None where it cannot be read."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _packed(value: Any) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
