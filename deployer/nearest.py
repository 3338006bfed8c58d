"""The nearest right word to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["closest", "did_you_mean"]

_SIMILAR = 0.6
"""difflib's ratio from which a word is worth a guess; its own default, which finds one or two slips in a short word."""
_SHORTEST_PREFIX = 3


def closest(word: str, candidates: Iterable[str], *, similar: float = _SIMILAR) -> str | None:
    """The candidate that was most likely meant, or None when none is near; case, ``-`` and ``_`` do not count.

    Args:
        word: What was typed.
        candidates: The right words.
        similar: difflib's ratio from which one is near.
    """
    plain = {_plain(each): each for each in sorted(candidates, reverse=True)}
    typed = _plain(word)
    if typed in plain:
        return plain[typed]
    found = get_close_matches(typed, plain, n=1, cutoff=similar)
    if found:
        return plain[found[0]]
    begins = [each for each in plain if len(typed) >= _SHORTEST_PREFIX and each.startswith(typed)]
    return plain[begins[0]] if len(begins) == 1 else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """What follows a message about an unknown word: `` (did you mean 'replicas'?)``, or nothing when none is near."""
    found = closest(word, candidates)
    return f" (did you mean {found!r}?)" if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("_", "-")
