"""The local target against the contract: the real serving runtime, in the interpreter and packages of these tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from deployer.testing.conformance import TargetConformance

if sys.platform == "win32":
    pytest.skip("the local target works on Linux and macOS", allow_module_level=True)

from tests.conformance.images import AGAIN
from tests.conformance.local_bench import LocalWorkbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.exhaustive(*AGAIN)
@pytest.mark.slow
@pytest.mark.timeout(300)
class TestLocal(TargetConformance):
    @pytest.fixture
    def workbench(self, tmp_path: Path) -> Iterator[LocalWorkbench]:
        bench = LocalWorkbench(tmp_path / "local")
        yield bench
        bench.close()
