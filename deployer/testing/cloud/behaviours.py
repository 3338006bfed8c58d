"""What a double does, and how we know; a guess can be turned the other way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Behaviour", "Guesses"]


@dataclass(frozen=True)
class Behaviour:
    """One thing that the double does.

    Attributes:
        name: For `Options.guesses`.
        says: What it does.
        source: ``documented``, ``recorded`` or ``guessed``.
        where: The document, issue or shape; of a guess, what is done with the switch the other way.
        default: Of a guess: whether ``says`` holds.
    """

    name: str
    says: str
    source: str
    where: str
    default: bool = True


class Guesses:
    """Which way each guess goes.

    Args:
        behaviours: All that a double does.
        changed: Name to value, of guesses only.

    Raises:
        ValueError: A name is of no guess.
    """

    def __init__(self, behaviours: Iterable[Behaviour], changed: Mapping[str, bool]) -> None:
        self._values = {each.name: each.default for each in behaviours if each.source == "guessed"}
        if unknown := sorted(set(changed) - set(self._values)):
            raise ValueError(f"no guessed behaviour: {', '.join(unknown)}; there are {', '.join(sorted(self._values))}")
        self._values.update(changed)

    def __getitem__(self, name: str) -> bool:
        return self._values[name]

    def all(self) -> dict[str, bool]:
        """Name to value."""
        return dict(self._values)
