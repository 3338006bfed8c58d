"""The lines of an endpoint's containers, from CloudWatch Logs: a stream for each, in the group of its endpoint.

SageMaker names a stream ``VARIANT/INSTANCE``, and the variant is the same for every revision: when the stream began
tells which configuration it was started by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deployer.target import LogLine
from deployer.target.following import merged
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.diagnose import log_group
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.facts import EndpointFact, Facts
from deployer_sagemaker.names import verify_name

__all__ = ["LAST", "Logbook", "revision_at"]

LAST = 200
"""Lines that are read to tell why a revision is not well."""
PAUSE = 2.0
"""Seconds between two looks for new lines; CloudWatch takes some to show them anyway."""
_STREAMS = 50
"""The newest streams of a group; those of more instances are not read."""


@dataclass(frozen=True)
class _Stream:
    group: str
    name: str
    revision: str
    replica: str


def revision_at(facts: Facts, endpoint: EndpointFact | None, variant: str, began: float) -> str:
    """The revision that a container ran which began to write then; "" where nobody can tell.

    Args:
        facts: What was found.
        endpoint: The one that it belongs to; None when that is gone.
        variant: Its own.
        began: Seconds since the epoch.
    """
    asked = endpoint.marks.asked if endpoint is not None and endpoint.marks is not None else None
    if asked is not None and began > asked.before:
        return facts.run_by(asked.config).get(variant, "")
    before = [each for each in facts.configs if each.created <= began and each.name != (asked.config if asked else "")]
    if before:
        return max(before, key=lambda each: (each.created, each.name)).runs.get(variant, "")
    return facts.run_by(endpoint.config).get(variant, "") if endpoint is not None else ""


class Logbook:
    """Reads the lines of endpoints.

    Args:
        aws: The connection.
        look: Finds out how an endpoint is.
    """

    def __init__(self, aws: Aws, look: Callable[[str], Facts]) -> None:
        self._aws = aws
        self._look = look

    def read(self, endpoint: str, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
        """What was written so far.

        Args:
            endpoint: Which.
            revision: Only its lines.
            tail: Only so many, the last ones.
            since: Only from then on, seconds since the epoch.
        """
        streams = self._streams(self._look(endpoint), revision)
        return merged([self._lines(each, tail, since)[0] for each in streams], tail)

    def follow(self, endpoint: str, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
        """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""
        tokens: dict[_Stream, str] = {}
        first = True
        while True:
            facts = self._look(endpoint)
            found = []
            for each in self._streams(facts, revision):
                lines, tokens[each] = self._lines(each, tail if first else None, since, tokens.get(each))
                found.append(lines)
            yield from merged(found, None)
            if not facts.there and facts.endpoint is None and not any(found):
                return
            first = False
            time.sleep(PAUSE)

    def last_words(self, facts: Facts, revision: str) -> tuple[str, ...]:
        """The last lines of a revision's newest container, to tell why it is not well."""
        streams = self._streams(facts, revision)
        return tuple(line.text for line in self._lines(streams[0], LAST, None)[0]) if streams else ()

    def _streams(self, facts: Facts, revision: str | None) -> list[_Stream]:
        """Those that are known to be a revision's, or all; the newest first."""
        found = []
        for name, endpoint in ((facts.name, facts.endpoint), (verify_name(facts.name), facts.verify)):
            for each in self._listed(log_group(name)):
                variant, _, instance = str(each["logStreamName"]).partition("/")
                began = float(each.get("firstEventTimestamp") or each.get("creationTime") or 0) / 1000
                runs = revision_at(facts, endpoint, variant, began)
                if revision in (None, runs):
                    found.append((began, _Stream(log_group(name), str(each["logStreamName"]), runs, instance)))
        return [stream for _, stream in sorted(found, key=lambda each: each[0], reverse=True)]

    def _listed(self, group: str) -> list[Any]:
        with told("list what was written", group):
            try:
                answer = self._aws.ask("logs", "DescribeLogStreams", {
                    "logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": _STREAMS,
                })  # fmt: skip
            except Refused as refused:
                if refused.missing:
                    return []
                raise
        return list(answer["logStreams"])

    def _lines(
        self, stream: _Stream, tail: int | None, since: float | None, token: str | None = None
    ) -> tuple[list[LogLine], str]:
        """Lines of one stream, the oldest first, and where to go on."""
        request: dict[str, Any] = {"logGroupName": stream.group, "logStreamName": stream.name}
        request["startFromHead"] = tail is None
        if tail is not None:
            request["limit"] = max(1, min(tail, 10_000))
        if since is not None:
            request["startTime"] = int(since * 1000)
        found: list[LogLine] = []
        with told("read what was written", f"{stream.group}/{stream.name}"):
            while True:
                try:
                    more = {"nextToken": token, "startFromHead": True} if token is not None else {}
                    answer = self._aws.ask("logs", "GetLogEvents", {**request, **more})
                except Refused as refused:
                    if refused.missing:
                        return found, token or ""
                    raise
                for each in answer["events"]:
                    text, at = str(each["message"]).rstrip("\r\n"), float(each["timestamp"]) / 1000
                    found.append(LogLine(text, stream.revision, stream.replica, at))
                before, token = token, str(answer["nextForwardToken"])
                # The same token again, or none wished: that is all.
                if token == before or tail is not None:
                    return found, token
