"""What a token says of itself: for people and for hints, and no proof of anything. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

__all__ = ["claims_of"]


def claims_of(token: str) -> dict[str, Any]:
    """The claims in a token of Entra ID or of a registry (RFC 7519); none where it is of another form."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
