"""One look at an endpoint: what runs, and the Record of it."""

from __future__ import annotations

from deployer.endpoint import Observed
from deployer.engine.clock import Clock
from deployer.engine.patience import PATIENCE, patiently
from deployer.target import Target

__all__ = ["observe"]


def observe(target: Target, name: str, clock: Clock, *, seconds: float = PATIENCE) -> Observed:
    """What is there now; the Record is read first, so that it is never newer than what was seen to run."""

    def look() -> Observed:
        stored = target.read_record(name)
        record, version = stored or (None, None)
        return Observed(endpoint=target.observe(name), record=record, version=version)

    return patiently(clock, look, seconds=seconds)
