"""The in-memory target against the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.testing.conformance import Failure, Lot, TargetConformance, Workbench
from deployer.testing.memory import MemoryOptions, MemoryPlace, kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deployer.target import TargetKind
    from deployer.value import JSON


class MemoryWorkbench(Workbench):
    address = "deployer.testing.memory:kind"
    pace = 0.02

    def __init__(self, place: MemoryPlace) -> None:
        self.place = place
        self.began = 1_700_000_000.0
        self._by_hand: dict[str, JSON] = {"detail": "made by hand", "since": self.began}

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> MemoryOptions:
        return MemoryOptions(root=self.place.root)

    def config(self, lot: Lot) -> dict[str, JSON]:
        behaviour = lot if lot in ("load-fails", "missing-dependency") else "healthy"
        return {"behaviour": behaviour, "settle": {"start": "20ms", "stop": "20ms"}}

    def put_foreign(self, name: str) -> None:
        self.place.put_foreign(name, self._by_hand)

    def foreign_untouched(self, name: str) -> bool:
        return self.place.foreign(name) == self._by_hand

    def running(self, name: str) -> JSON:
        """Since when it runs; what is put there by hand does so from the first."""
        seen = self.connect().observe(name)
        revisions = [each.since for each in seen.revisions] if seen else []
        return revisions[0] if revisions else self.began

    def inject(self, verb: str, failure: Failure) -> bool:
        self.place.inject(verb, failure)
        return True

    def leftovers(self) -> list[str]:
        endpoints = self.place.holdings()["endpoints"]
        return sorted(
            f"{name} {what} {each}"
            for name, held in endpoints.items()
            for what in ("revisions", "artifacts", "secrets")
            for each in held[what]
        )


class TestMemory(TargetConformance):
    @pytest.fixture
    def workbench(self, tmp_path: Path) -> Iterator[MemoryWorkbench]:
        with MemoryPlace(tmp_path / "store") as place:
            yield MemoryWorkbench(place)
