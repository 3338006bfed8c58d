"""The contract of `deployer.target` as tests: a target is done when it passes them.

In the tests of a target::

    from deployer.testing.conformance import TargetConformance, Workbench


    class PigeonWorkbench(Workbench):
        address = "deployer_pigeon:kind"
        ...


    class TestPigeon(TargetConformance):
        @pytest.fixture
        def workbench(self, tmp_path):
            return PigeonWorkbench(tmp_path)

Every test uses a name of its own, so one place may serve many tests, one after another or at once. What a target
cannot do (a capability that it has not) and what a place cannot do (inject a failure) is skipped, with the reason.
"""

# ruff: noqa: E402 - pytest must hear of the parts before they are imported, to explain their asserts
from __future__ import annotations

import uuid

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in ("adoption", "capabilities", "claims", "failures", "records", "stopped", "traffic", "verbs")
    )
)

from typing import TYPE_CHECKING

from deployer.testing.caller import Caller
from deployer.testing.conformance.adoption import AdoptionConformance
from deployer.testing.conformance.capabilities import CapabilityConformance
from deployer.testing.conformance.claims import ClaimConformance
from deployer.testing.conformance.failures import FailureConformance
from deployer.testing.conformance.records import RecordConformance
from deployer.testing.conformance.stopped import StoppedWriterConformance
from deployer.testing.conformance.traffic import TrafficConformance
from deployer.testing.conformance.verbs import VerbConformance
from deployer.testing.conformance.workbench import FAILING, Failure, Lot, Workbench, still
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["FAILING", "Caller", "Failure", "Lot", "TargetConformance", "Workbench", "Writer", "still"]


class TargetConformance(
    RecordConformance,
    VerbConformance,
    ClaimConformance,
    TrafficConformance,
    CapabilityConformance,
    AdoptionConformance,
    FailureConformance,
    StoppedWriterConformance,
):
    """Subclass it in a test module, and override ``workbench``."""

    @pytest.fixture
    def workbench(self) -> Workbench:
        """The place under test."""
        raise NotImplementedError("override the fixture workbench with your place")

    @pytest.fixture
    def target(self, workbench: Workbench) -> Target:
        """A connection to the place."""
        return workbench.connect()

    @pytest.fixture
    def other(self, workbench: Workbench) -> Target:
        """Another connection to the same place."""
        return workbench.connect()

    @pytest.fixture
    def name(self) -> str:
        """A name that no other test uses."""
        return f"c{uuid.uuid4().hex[:9]}"
