"""The lines of an endpoint's containers, by ``getLogs``: the last ones of a deployment, without times of their own.

Azure tells a deployment's last lines, and nothing of what was told before; so whoever follows asks anew, and what is
new in an answer is what comes behind the longest part that was known. Of several instances one answers each time, any
of them, so that the lines of each are known apart. Our server's lines have their time in them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from deployer.target import LogLine
from deployer.target.following import merged
from deployer_azureml.client import Azure, told
from deployer_azureml.diagnose import Written, read_logs
from deployer_azureml.errors import Refused
from deployer_azureml.facts import DeploymentFact, Facts
from deployer_azureml.names import deployment_path

__all__ = ["LAST", "MOST", "Logbook", "Told", "time_of", "timed"]

LAST = 200
"""Lines that are read to tell why a revision is not well."""
MOST = 5000
"""Lines that are asked for where all are wished: Azure has no word for all."""
PAUSE = 2.0
"""Seconds between two looks for new lines."""
_WINDOW = 500
"""Lines that are asked for while they are followed; ten times as many where none of them was known."""
_INSTANCES = 50
"""Azure takes no more of a deployment."""


class Told:
    """What was told of a deployment so far, so that nothing is told twice. Pure."""

    def __init__(self) -> None:
        self._known: list[tuple[str, ...]] = []

    @property
    def nothing(self) -> bool:
        """Whether nothing was told yet."""
        return not self._known

    def new_in(self, lines: Sequence[str]) -> tuple[str, ...]:
        """What of an answer was not told yet; it is known from now on.

        Args:
            lines: The last lines of some instance, the newest last.
        """
        answer = tuple(lines)
        if not answer:
            return ()
        # A container that began anew says at first what it said before: then the newest that fits wholly is meant.
        overlaps = [(_overlap(known, answer), number) for number, known in enumerate(self._known)]
        whole = [each for each in overlaps if each[0] == len(self._known[each[1]])]
        most, number = whole[-1] if whole else max(overlaps, default=(0, -1))
        if most:
            del self._known[number]
        self._known = [*self._known[-_INSTANCES:], answer]
        return answer[most:]

    def knows(self, lines: Sequence[str]) -> bool:
        """Whether an answer goes on where an earlier one ended, or has nothing; else lines between may be missing."""
        return not lines or any(_overlap(known, tuple(lines)) for known in self._known)


def _overlap(known: tuple[str, ...], answer: tuple[str, ...]) -> int:
    """Length of the longest end of the one that the other begins with."""
    for count in range(min(len(known), len(answer)), 0, -1):
        if known[-count] == answer[0] and known[-count:] == answer[:count]:
            return count
    return 0


def time_of(line: str) -> float | None:
    """When a line was written, where it tells: our server writes JSON with ``time``, others may begin with a time."""
    if line.startswith("{"):
        try:
            text = json.loads(line).get("time")
        except (ValueError, AttributeError, RecursionError):
            return None
    else:
        text = line.partition(" ")[0]
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) > len("2026-01-01") else None
    except ValueError:
        return None
    return found.timestamp() if found is not None and found.tzinfo is not None else None


def timed(lines: Iterable[str], revision: str, since: float | None = None) -> Iterator[LogLine]:
    """Lines as ours, each with its time; one without is as old as the one before it.

    Args:
        lines: The oldest first.
        revision: Whose they are.
        since: Only those from then on, seconds since the epoch; what nobody knows the time of is among them.
    """
    at: float | None = None
    for text in lines:
        at = max(found, at or found) if (found := time_of(text)) is not None else at
        if since is None or at is None or at >= since:
            yield LogLine(text.rstrip("\r"), revision, "", at)


class Logbook:
    """Reads the lines of endpoints.

    Args:
        azure: The connection.
        look: Finds out how an endpoint is.
        pause: Lets so many seconds pass.
    """

    def __init__(
        self, azure: Azure, look: Callable[[str], Facts], pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._azure = azure
        self._look = look
        self._pause = pause

    def read(self, endpoint: str, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
        """What was written so far.

        Args:
            endpoint: Which.
            revision: Only its lines.
            tail: Only so many, the last ones.
            since: Only from then on, seconds since the epoch.
        """
        facts = self._look(endpoint)
        count = MOST if tail is None or since is not None else max(1, tail)
        streams = [[*timed(self._ask(facts, each, count).lines, each.revision, since)] for each in _of(facts, revision)]
        return merged(streams, tail)

    def follow(self, endpoint: str, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
        """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""
        known: dict[str, Told] = {}
        first = True
        while True:
            facts = self._look(endpoint)
            streams = []
            for each in _of(facts, revision):
                lines = self._new(facts, each, known.setdefault(each.id, Told()), whole=not first or tail is None)
                streams.append([*timed(lines, each.revision, since)])
            found = [*merged(streams, tail if first else None)]
            yield from found
            if facts.endpoint is None and not found:
                return
            first = False
            self._pause(PAUSE)

    def written(self, facts: Facts, revision: str) -> Written:
        """What a revision's containers wrote last, and what Azure tells of them, to tell why it is not well."""
        found = facts.find(revision)
        return self._ask(facts, found, LAST) if found is not None else Written()

    def _new(self, facts: Facts, deployment: DeploymentFact, known: Told, *, whole: bool) -> tuple[str, ...]:
        """The lines that are new.

        Args:
            facts: What was found.
            deployment: Whose.
            known: What was told of it.
            whole: Whether none may be missing where more were written than are asked for at first.
        """
        lines = self._ask(facts, deployment, _WINDOW).lines
        if whole and len(lines) >= _WINDOW and not known.knows(lines):
            lines = self._ask(facts, deployment, _WINDOW * 10).lines
        return known.new_in(lines)

    def _ask(self, facts: Facts, deployment: DeploymentFact, tail: int) -> Written:
        path = f"{deployment_path(facts.name, deployment.name)}/getLogs"
        with told(f"read what {deployment.name} of {facts.name} wrote", facts.name):
            try:
                answer = self._azure.ask("POST", path, {"containerType": "InferenceServer", "tail": tail})
            except Refused as refused:
                # What is being made has no container yet, and what is being deleted none any more.
                if refused.missing or refused.busy:
                    return Written()
                raise
        return read_logs(str((answer or {}).get("content") or ""))


def _of(facts: Facts, revision: str | None) -> list[DeploymentFact]:
    return [each for each in facts.mine if revision in (None, each.revision)]
