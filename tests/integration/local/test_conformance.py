"""The local target against the contract, with workers that stand in for the serving runtime."""

from __future__ import annotations

import pytest

from deployer.testing.conformance import TargetConformance, Workbench
from tests.integration.local.place import LocalPlace


class TestLocal(TargetConformance):
    @pytest.fixture
    def workbench(self, place: LocalPlace) -> Workbench:
        return place
