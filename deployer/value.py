"""Frozen values, their canonical form and their digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["JSON", "Value", "canonical", "digest"]

JSON = Any
"""A JSON value: None, bool, int, float, str, or a list or str-keyed dict of them."""


class Value(BaseModel):
    """A frozen value that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


def canonical(value: JSON) -> bytes:
    """The one UTF-8 JSON text of a value: keys sorted, no white space, so that equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: JSON) -> str:
    """SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
