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
        self.place.put_foreign(name, {"detail": "made by hand"})

    def foreign_untouched(self, name: str) -> bool:
        return self.place.foreign(name) == {"detail": "made by hand"}

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
