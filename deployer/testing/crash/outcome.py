"""What a place looks like after a command, in a form that equal runs make equal; and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.endpoint import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deployer.endpoint import Endpoint, HistoryEntry, Record
    from deployer.testing.crash.bench import CrashBench
    from deployer.testing.crash.engine import Ended
    from deployer.value import JSON

__all__ = ["Outcome", "compare", "look"]


@dataclass(frozen=True)
class Outcome:
    """After a command.

    Attributes:
        code: Its exit code; None when it was killed.
        error: What it said.
        effects: What it did, in order.
        endpoint: What runs, without what differs from run to run (moments, process ids).
        record: The Record, without moments and history.
        history: (revision, verb, result, exit code) of each entry, the newest first.
        serving: The revisions that have traffic.
        holdings: All that is at the place.
    """

    code: int | None
    error: str
    effects: tuple[str, ...]
    endpoint: JSON
    record: JSON
    history: tuple[tuple[str, str, str, int], ...]
    serving: frozenset[str]
    holdings: JSON


def look(bench: CrashBench, name: str, ended: Ended) -> Outcome:
    """What is there now."""
    target = bench.connect()
    seen, stored = target.observe(name), target.read_record(name)
    record = stored[0] if stored else None
    names = _models(record) if bench.renumbers else {}
    return Outcome(
        code=ended.code,
        error=ended.error,
        effects=ended.effects,
        endpoint=_without_own(_renamed(_endpoint(seen), names), bench.own),
        record=_without_own(_renamed(_record(record), names), bench.own),
        history=tuple(_entry(each, names) for each in record.history) if record else (),
        serving=frozenset(names.get(each, each) for each in seen.traffic.served) if seen else frozenset(),
        holdings=_renamed(bench.holdings(), names),
    )


def _models(record: Record | None) -> dict[str, str]:
    """Revision -> its model, as far as the Record tells."""
    if record is None:
        return {}
    told = {entry.revision: entry.model for entry in record.history}
    return {**told, **{name: release.model.resolved for name, release in record.releases.items()}}


def _renamed(value: JSON, names: Mapping[str, str]) -> JSON:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(names.get(each, each) for each in value) if all(isinstance(e, str) for e in value) else value
    return value


def _without_own(value: JSON, own: Mapping[JSON, str]) -> JSON:
    if isinstance(value, dict):
        return {key: _without_own(each, own) for key, each in value.items()}
    return value if isinstance(value, list) else own.get(value, value)


def _endpoint(seen: Endpoint | None) -> JSON:
    if seen is None:
        return None
    revisions = {each.id: [each.phase, each.wanted, each.ready] for each in seen.revisions}
    return {
        "phase": seen.phase,
        "traffic": dict(seen.traffic.items()),
        "revisions": revisions,
        "settings": seen.settings,
        "owner": seen.owner,
    }


def _record(record: Record | None) -> JSON:
    if record is None:
        return None
    return {
        "spec": record.spec,
        "owner": record.owner,
        "traffic": dict(record.traffic.items()),
        "releases": sorted(record.releases),
        "locks": sorted(record.locks),
        "rollout": record.rollout and record.rollout.verb,
        "claim": record.claim and record.claim.verb,
    }


def _entry(entry: HistoryEntry, names: Mapping[str, str]) -> tuple[str, str, str, int]:
    return names.get(entry.revision, entry.revision), entry.verb, entry.result.value, entry.exit_code


def compare(expected: Outcome, seen: Outcome, between: Outcome) -> list[str]:
    """What is not as after the uninterrupted run, each in a sentence.

    Args:
        expected: The uninterrupted run's.
        seen: After the same command was run again.
        between: After the kill, before that.
    """
    problems = []
    if seen.code != expected.code:
        problems.append(f"exit {seen.code} ({seen.error}) instead of {expected.code} ({expected.error})")
    for what in ("endpoint", "record", "holdings"):
        before, after = getattr(expected, what), getattr(seen, what)
        problems += [f"{what}{path} is {new} instead of {old}" for path, old, new in _differences(before, after)]
    if not _is_true(expected.history, seen.history, between.history):
        problems.append(f"history is {seen.history} instead of {expected.history}; after the kill {between.history}")
    problems += _lies(between)
    return problems


def _differences(before: JSON, after: JSON, path: str = "") -> Iterator[tuple[str, JSON, JSON]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}")
    elif before != after:
        yield path, before, after


_History = tuple[tuple[str, str, str, int], ...]


def _is_true(expected: _History, seen: _History, between: _History) -> bool:
    """The uninterrupted run's entries, and at most one more on the interruption.

    A command that was killed when its end was recorded already, and that tries again (a failed update), has two ends.
    """
    undone = [each for each in seen if each[2] == Result.UNDONE.value]
    told = tuple(each for each in seen if each[2] != Result.UNDONE.value)
    twice = between == expected and told == (*expected[:1], *expected)
    return len(undone) <= 1 and (told == expected or twice)


def _lies(between: Outcome) -> list[str]:
    """What the Record told after the kill and was not so."""
    newest = between.history[0] if between.history else None
    if newest is None or newest[2] != Result.RELEASED.value or not between.record or between.record["rollout"]:
        return []
    if newest[0] not in between.serving:
        return [f"after the kill the history said that {newest[0]} is released, and it had no traffic"]
    return []
