"""Taking, renewing and giving back the claim: the Record is changed through a `Hold` and in no other way."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from deployer.endpoint import Claim, Holder, Observed, Record
from deployer.engine.clock import Clock
from deployer.engine.holder import is_dead_here, this_process
from deployer.engine.patience import PATIENCE, patiently
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.target import Target

__all__ = ["CLAIM_SECONDS", "Hold", "abandoned", "busy", "claimed", "kept_alive", "refuse_busy"]

CLAIM_SECONDS = 60.0
"""How long a claim lasts unless it is renewed, by the target's clock."""

_HELD_HERE: set[str] = set()
"""Tokens of the claims that this very process still works under."""


def abandoned(claim: Claim) -> bool:
    """Whether its holder is certainly gone from this host, or is this process, which has ended that work."""
    if claim.token in _HELD_HERE:
        return False
    holder, here = claim.holder, this_process("")
    ours = bool(here.started) and (holder.host, holder.pid, holder.started) == (here.host, here.pid, here.started)
    return ours or is_dead_here(holder)


def busy(record: Record | None, now: Callable[[], float]) -> Claim | None:
    """The claim that still counts: neither expired nor abandoned.

    Args:
        record: As it is stored.
        now: The target's clock, asked only when there is a claim.
    """
    claim = record.claim if record else None
    if claim is None or abandoned(claim) or now() >= claim.expires:
        return None
    return claim


def refuse_busy(name: str, held: Claim | None) -> None:
    """Raise `Conflict` for a claim that counts: who, since when."""
    if held is not None:
        raise Conflict(
            f"{name} is being changed by {_who(held)}",
            hint=f"--wait-lock waits for it; deployer status {name} shows it",
        )


def _who(claim: Claim) -> str:
    since = datetime.fromtimestamp(claim.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{claim.holder.by} ({claim.verb}, since {since})"


class Hold:
    """The Record as we hold it. Each write is conditional on the one before, and renews the claim.

    Args:
        target: Where.
        clock: Ours.
        record: With our claim; not written yet.
        version: The version that the first write replaces; None when there is no Record.
    """

    def __init__(self, target: Target, clock: Clock, record: Record, version: str | None) -> None:
        self._target = target
        self._clock = clock
        self._renewed = clock.monotonic()
        self._version = version
        self._doubtful: Record | None = None
        """Sent, and not known to have arrived."""
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

    def take(self) -> None:
        """Write the first Record of a change.

        Raises:
            Conflict: Somebody else wrote at the same moment: who, since when.
        """
        _HELD_HERE.add(self.claim.token)
        try:
            self._store(self.record)
        except ClaimLost as error:
            stored = patiently(self._clock, lambda: self._target.read_record(self.record.endpoint))
            other = stored[0].claim if stored else None
            raise Conflict(
                f"{self.record.endpoint} was changed{f' by {_who(other)}' if other else ''} at the same moment; "
                "nothing was changed here",
                hint=f"deployer status {self.record.endpoint}",
            ) from error

    def arrived(self) -> bool:
        """Whether the stored Record has our claim, after a `take` that was interrupted."""
        stored = self._target.read_record(self.record.endpoint)
        if stored is None or stored[0].claim is None or stored[0].claim.token != self.claim.token:
            return False
        self.record, self._version = stored
        self._doubtful = None
        return True

    def write(self, **changes: Any) -> None:
        """Change the Record and renew the claim.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
        """
        self._store(self._renewal(patiently(self._clock, self._target.now), **changes))

    def renew(self) -> None:
        """Renew the claim when half of its time is over."""
        if self._clock.monotonic() - self._renewed > CLAIM_SECONDS / 2:
            self.write()

    def beat(self) -> None:
        """Renew it now, with one try."""
        self._store(self._renewal(self._target.now()), seconds=0.0)

    def give_back(self, **changes: Any) -> None:
        """Change the Record for the last time, and leave it to others."""
        self._store(self.record.model_copy(update={"claim": None, **changes}))

    def end(self) -> None:
        """This process works under the claim no more, whether it could be given back or not."""
        if self.record.claim is not None:
            _HELD_HERE.discard(self.record.claim.token)

    def _renewal(self, now: float, **changes: Any) -> Record:
        claim = self.claim.model_copy(update={"expires": now + CLAIM_SECONDS})
        return self.record.model_copy(update={"claim": claim, **changes})

    def _store(self, record: Record, *, seconds: float = PATIENCE) -> None:
        token = self.record.claim.token if self.record.claim else ""
        patiently(self._clock, lambda: self._attempt(record), seconds=seconds)
        self._renewed = self._clock.monotonic()
        if record.claim is None:
            _HELD_HERE.discard(token)

    def _attempt(self, record: Record) -> None:
        if self._doubtful is not None:  # it may have arrived, though its answer was lost
            stored = self._target.read_record(record.endpoint)
            if stored is not None and stored[0] == self._doubtful:
                self.record, self._version = stored
            self._doubtful = None
            if stored is not None and stored[0] == record:
                return
        self._doubtful = record
        self._version = self._target.write_record(record, self._version)
        self._doubtful, self.record = None, record


def claimed(target: Target, clock: Clock, observed: Observed, record: Record, *, holder: Holder, verb: str) -> Hold:
    """The Hold of a change that is about to begin: ``record`` with a new generation and our claim, not written yet.

    Args:
        target: Where.
        clock: Ours.
        observed: What the change was planned on.
        record: With the wish and the roll-out that begins.
        holder: We.
        verb: What we are about to do.
    """
    now = patiently(clock, target.now)
    generation = (observed.record.generation if observed.record else 0) + 1
    claim = Claim(
        token=uuid.uuid4().hex, generation=generation, holder=holder, verb=verb, since=now, expires=now + CLAIM_SECONDS
    )
    return Hold(target, clock, record.model_copy(update={"generation": generation, "claim": claim}), observed.version)


@contextmanager
def kept_alive(hold: Hold, *, every: float = CLAIM_SECONDS / 3) -> Iterator[None]:
    """Renews the claim from a thread of its own during one long piece of work, which must not touch the Hold.

    Raises:
        ClaimLost: At the end, when somebody took it over meanwhile.
    """
    over = threading.Event()
    lost: list[ClaimLost] = []

    def beat() -> None:
        while not over.wait(every) and not lost:
            try:
                hold.beat()
            except ClaimLost as error:
                lost.append(error)
            except TargetUnavailable:
                continue

    thread = threading.Thread(target=beat, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if lost:
        raise lost[0]
