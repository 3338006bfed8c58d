"""Tells how many bytes have gone, not at every piece: a tar has many pieces of 512 bytes."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Tell", "counting"]

Tell = Callable[..., None]
"""Told ``detail``, ``done``, ``total`` and ``unit``; see `deployer.engine.events.StepProgress`."""
_EVERY = 1_000_000
"""Bytes."""


def counting(tell: Tell, detail: str, total: int | None = None) -> Callable[[int], None]:
    """What is called with the bytes of each piece.

    Args:
        tell: Told at each further megabyte, and at the end where that is known.
        detail: What goes where, for people.
        total: Bytes in all.
    """
    done = told = 0

    def count(size: int) -> None:
        nonlocal done, told
        done += size
        if done - told >= _EVERY or done == total:
            told = done
            tell(detail=detail, done=done, total=total, unit="bytes")

    return count
