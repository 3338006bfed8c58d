"""A Record as the text of an object in a store that compares and swaps by ETag.

An ETag may be a digest of the bytes, so that each text has a random word in it, and two equal Records are two versions;
by the word, whoever got no answer finds out whether it was its own text that arrived.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from pydantic import ValidationError

from deployer.endpoint import Record
from deployer.errors import ClaimLost, TargetUnavailable

__all__ = ["overtaken", "record_bytes", "record_of", "word_of"]

_FORMAT = "deployer-record-1"


def record_bytes(record: Record, word: str) -> bytes:
    """As it is stored: readable, but for the locks, which are long and lie packed beside it.

    Args:
        record: What is written.
        word: A random one, another each time.
    """
    plain = record.model_dump(mode="json", exclude={"locks"})
    packed = base64.b64encode(zlib.compress(json.dumps(record.locks, sort_keys=True).encode(), 9)).decode()
    whole = {"deployer": _FORMAT, "write": word, "record": plain, "locks": packed}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def word_of(stored: bytes) -> str:
    """The word that a text was written with; "" where it has none."""
    try:
        whole = json.loads(stored)
    except (ValueError, RecursionError):
        return ""
    return str(whole.get("write") or "") if isinstance(whole, dict) else ""


def record_of(stored: bytes, where: str) -> Record | None:
    """The Record in an object; None when its text is damaged, so that it is rebuilt.

    Args:
        stored: The object's bytes.
        where: Its URI, for errors.

    Raises:
        TargetUnavailable: Another version of deployer wrote it.
    """
    try:
        whole: Any = json.loads(stored)
        plain, packed, form = whole["record"], whole["locks"], whole["deployer"]
        locks = json.loads(zlib.decompress(base64.b64decode(packed)))
    except (KeyError, TypeError, ValueError, zlib.error, RecursionError):
        return None
    try:
        if form == _FORMAT:
            return Record.model_validate({**plain, "locks": locks})
    except (ValidationError, TypeError):
        pass
    raise TargetUnavailable(
        "the record was written by another version of deployer, which this one cannot read", where=where,
        hint="upgrade: pip install --upgrade mlflow-deployer",
    ) from None  # fmt: skip


def overtaken(endpoint: str, found: Record | None) -> ClaimLost:
    """Somebody else wrote meanwhile.

    Args:
        endpoint: Its name.
        found: What is stored now.
    """
    by = found.claim.holder.by if found is not None and found.claim is not None else None
    return ClaimLost(
        f"the record of {endpoint} was changed meanwhile" + (f" by {by}" if by else ""),
        hint=f"deployer status {endpoint}",
    )
