"""Taking, renewing and giving back the claim: the Record is changed through a `Hold` and in no other way."""

from __future__ import annotations

import uuid
from typing import Any

from deployer.endpoint import Claim, Holder, Observed, Record
from deployer.engine.clock import Clock
from deployer.engine.holder import is_dead_here
from deployer.engine.patience import patiently
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.target import Target

__all__ = ["CLAIM_SECONDS", "Hold", "busy", "take"]

CLAIM_SECONDS = 60.0
"""How long a claim lasts unless it is renewed, by the target's clock."""


def busy(record: Record | None, now: float) -> Claim | None:
    """The claim that still counts: neither expired nor held by a process that is gone from this host."""
    claim = record.claim if record else None
    if claim is None or now >= claim.expires or is_dead_here(claim.holder):
        return None
    return claim


class Hold:
    """The Record as we hold it. Each write is conditional on the one before, and renews the claim."""

    def __init__(self, target: Target, clock: Clock, record: Record, version: str) -> None:
        self._target = target
        self._clock = clock
        self._renewed = clock.monotonic()
        self._version = version
        self.record = record

    @property
    def claim(self) -> Claim:
        """Ours, to hand to the verbs.

        Raises:
            ClaimLost: It was given back already.
        """
        if self.record.claim is None:
            raise ClaimLost(f"the claim on {self.record.endpoint} was given back already")
        return self.record.claim

    def write(self, **changes: Any) -> None:
        """Change the Record and renew the claim.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
        """
        claim = self.claim.model_copy(update={"expires": self._target.now() + CLAIM_SECONDS})
        self._store(self.record.model_copy(update={"claim": claim, **changes}))

    def renew(self) -> None:
        """Renew the claim when half of its time is over."""
        if self._clock.monotonic() - self._renewed > CLAIM_SECONDS / 2:
            self.write()

    def give_back(self, **changes: Any) -> None:
        """Change the Record for the last time, and leave it to others."""
        self._store(self.record.model_copy(update={"claim": None, **changes}))

    def _store(self, record: Record) -> None:
        written = False

        def store() -> str:
            nonlocal written
            if written:  # an earlier try may have arrived though its answer was lost
                stored = self._target.read_record(record.endpoint)
                if stored is not None and stored[0] == record:
                    return stored[1]
            written = True
            return self._target.write_record(record, self._version)

        self._version = patiently(self._clock, store)
        self._renewed = self._clock.monotonic()
        self.record = record


def take(target: Target, clock: Clock, observed: Observed, record: Record, *, holder: Holder, verb: str) -> Hold:
    """Write the first Record of a change: ``record`` with a new generation and our claim.

    Args:
        target: Where.
        clock: Ours.
        observed: What the change was planned on.
        record: With the wish and the roll-out that begins.
        holder: We.
        verb: What we are about to do.

    Raises:
        Conflict: Somebody else is changing it: who, since when.
    """
    now = patiently(clock, target.now)
    held = busy(observed.record, now)
    if held is not None:
        raise Conflict(
            f"{record.endpoint} is being changed by {held.holder.by} ({held.verb}, since {_clock_time(held.since)})",
            hint=f"--wait-lock waits for it; deployer status {record.endpoint} shows it",
        )
    generation = (observed.record.generation if observed.record else 0) + 1
    claim = Claim(
        token=uuid.uuid4().hex, generation=generation, holder=holder, verb=verb, since=now, expires=now + CLAIM_SECONDS
    )
    claimed = record.model_copy(update={"generation": generation, "claim": claim})

    def write() -> str:
        try:
            return target.write_record(claimed, observed.version)
        except (ClaimLost, TargetUnavailable):
            stored = target.read_record(record.endpoint)
            if stored is not None and stored[0].claim is not None and stored[0].claim.token == claim.token:
                return stored[1]  # it had arrived; only the answer was lost
            raise

    try:
        version = patiently(clock, write)
    except ClaimLost as error:
        stored = target.read_record(record.endpoint)
        other = stored[0].claim if stored else None
        by = f" by {other.holder.by} ({other.verb}, since {_clock_time(other.since)})" if other else ""
        raise Conflict(
            f"{record.endpoint} was changed{by} at the same moment; nothing was changed here",
            hint=f"deployer status {record.endpoint}",
        ) from error
    return Hold(target, clock, claimed, version)


def _clock_time(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
