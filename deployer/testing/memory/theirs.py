"""What is at the place and is not ours, and how it is taken over. Standard library alone."""

from __future__ import annotations

from typing import Any

from deployer.testing.memory.life import Artifact, Endpoint, Revision
from deployer.testing.memory.refused import Refused

__all__ = ["Theirs"]

Json = dict[str, Any]


class Theirs:
    """The part of a state that knows foreign things; each has a number, so that one is told from its successor."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[str, Json]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.foreign: dict[str, Json] = {}
        self.foreign_runs: dict[str, Json] = {}
        """By name: ``number``, and what can be told of it: ``model``, ``env``, ``replicas``, ``config``."""
        self.now = 0.0
        self._version = 0
        self._numbered = 0

    def put_foreign(self, name: str, facts: Json, runs: Json | None) -> None:
        """Put something there; ``facts`` are how it is seen, ``runs`` what can be told of it."""
        self._numbered += 1
        self.foreign[name], self.foreign_runs[name] = facts, {**(runs or {}), "number": self._numbered}

    def remove_foreign(self, name: str) -> None:
        """Take it away."""
        self.foreign.pop(name, None)
        self.foreign_runs.pop(name, None)

    def stored(self, record: Json) -> str:
        """Keep a Record, and give its new version, which no other Record ever had."""
        self._version += 1
        self.records[record["endpoint"]] = (str(self._version), record)
        return str(self._version)

    def ensure_version(self, name: str, expected: str | None) -> None:
        """Refuse a write on another version than the stored one."""
        found = self.records.get(name)
        if (found[0] if found else None) != expected:
            raise Refused("ClaimLost", f"the record of {name} was written by somebody else meanwhile")

    def do_adoptable(self, *, endpoint: str) -> Json | None:
        """What can be told of a foreign thing, its variables as they are; None when there is none."""
        if endpoint not in self.foreign:
            return None
        return {"identity": self._identity(endpoint), **self.foreign_runs[endpoint]}

    def do_adopt(
        self, *, record: Json, expected: str | None, identity: str | None, revision: Json | None, half: bool
    ) -> str:
        """The Record's new version; what runs carries its marks from now on, as it runs."""
        name = record["endpoint"]
        self.ensure_version(name, expected)
        if name in self.foreign and identity != self._identity(name):
            raise Refused("Conflict", f"{name} is something else by now; nothing of it was changed")
        if name not in self.foreign and name not in self.endpoints:
            raise Refused("Conflict", f"{name} is gone; nothing was taken over")
        if name in self.endpoints and self.endpoints[name].destroying:
            raise Refused("TargetUnavailable", f"{name} is still being removed", transient=True)
        version = self.stored(record)
        if half:
            return version
        if name in self.foreign and revision is not None:
            self.endpoints[name] = self._as_ours(name, record["owner"], revision)
            self.remove_foreign(name)
        elif name in self.endpoints:
            self.endpoints[name].owner = record["owner"]
        return version

    def _identity(self, name: str) -> str:
        return f"foreign {name} {self.foreign_runs[name]['number']}"

    def _as_ours(self, name: str, owner: str, revision: Json) -> Endpoint:
        since = float(self.foreign[name].get("since") or self.now)
        runs = Revision(**revision, began=since)
        count = runs.wanted if isinstance(runs.wanted, int) else runs.wanted["min"]
        runs.replicas = [since] * count  # they run already: nothing is started
        found = Endpoint(name, owner=owner, created=since, configured=True)
        found.revisions[runs.id], found.traffic = runs, {runs.id: 100}
        found.artifacts[runs.id] = Artifact(made=self.now, used=self.now, secrets=runs.secrets)
        return found
