"""Which revisions are kept for a rollback, and which are retired. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Observed, Record, Result
from deployer.plan.values import Retire, Step, Wish

__all__ = ["kept_revisions", "retirements"]

HISTORY_LIMIT = 5


def kept_revisions(record: Record, wish: Wish) -> set[str]:
    """The last released revisions, as many as ``history_limit`` says, beside the wished one."""
    limit = int(wish.spec.get("history_limit", HISTORY_LIMIT))
    released = [each.revision for each in record.history if each.result is Result.RELEASED]
    served = () if record.rollout else record.traffic.served  # amid a roll-out it may not be released yet
    kept = [each for each in (*served, *released) if each in record.releases]
    others = [each for each in dict.fromkeys(kept) if each != wish.release.revision]
    return set(others[:limit])


def retirements(wish: Wish, observed: Observed, *, undone: str | None) -> Iterator[Step]:
    """Every revision of ours that is not wished, nor kept for rollback.

    Args:
        wish: With the revision that stays.
        observed: What runs and what the Record keeps.
        undone: Gone already, by an `Undo` before.
    """
    revision, record = wish.release.revision, observed.record
    kept = kept_revisions(record, wish) if record and record.spec else set(observed.revisions)
    running = [each for each in observed.revisions if each not in (revision, undone)]
    stored = [each for each in (record.releases if record else ()) if each not in (revision, undone, *running)]
    yield from (Retire(revision=each, keep=each in kept) for each in sorted(running))
    yield from (Retire(revision=each, keep=False) for each in sorted(stored) if each not in kept)
