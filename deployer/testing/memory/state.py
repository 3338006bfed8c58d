"""All that a memory store knows, and each verb as one step on it. Standard library alone; the time is handed in.

A verb answers a JSON value or raises `Refused`. It checks all that it refuses before it changes anything.
"""

from __future__ import annotations

import contextlib
import hmac
import math
import time
from typing import TYPE_CHECKING, Any

from deployer.testing.memory import life
from deployer.testing.memory.answers import answer
from deployer.testing.memory.life import Artifact, Endpoint, Revision
from deployer.testing.memory.refused import Refused
from deployer.testing.memory.theirs import Theirs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Refused", "State"]

Json = dict[str, Any]


class State(Theirs):
    """The endpoints, Records and foreign things of one place."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[str, int] = {}
        """Raised for a name by each change of it, so that watching misses none."""

    @property
    def empty(self) -> bool:
        """Whether nothing is here that somebody would miss."""
        return not (self.records or self.endpoints or self.foreign)

    def do(self, verb: str, arguments: Json, now: float, *, half: bool = False) -> Any:
        """One request.

        Args:
            verb: A method of this class, one of the verbs.
            arguments: Its arguments.
            now: The store's clock.
            half: Do only the first part of what changes more than one thing, as when the power goes.

        Raises:
            Refused: The request cannot be met; nothing was changed.
        """
        self.now = now
        self.settle(now)
        method: Callable[..., Any] = getattr(self, f"do_{verb}")
        if verb in _CLAIMED:
            self._ensure_held(arguments["endpoint"], arguments.pop("claim"))
            self._ensure_usable(arguments["endpoint"], verb)
        if verb in _IN_PARTS:
            arguments["half"] = half
        answered = method(**arguments)
        if verb in _CHANGING:
            self.settle(now)
            self.touch(str(arguments.get("endpoint") or arguments.get("record", {}).get("endpoint")))
        return answered

    def touch(self, name: str) -> None:
        """Tell those who watch a name that something of it changed."""
        self.changes[name] = self.changes.get(name, 0) + 1

    def settle(self, now: float) -> None:
        """Let happen what is due by now: what stops is gone, autoscaled counts follow the requests."""
        for name, endpoint in list(self.endpoints.items()):
            for revision in list(endpoint.revisions.values()):
                if revision.is_gone(now):
                    del endpoint.revisions[revision.id]
                    self.touch(name)
                elif isinstance(revision.wanted, dict) and revision.stopping is None:
                    life.scale(revision, now)
            if endpoint.destroying and not endpoint.revisions:
                del self.endpoints[name]
                if name in self.records and _holder(self.records[name][1]) == endpoint.destroyer:
                    del self.records[name]  # the last, and only if nobody else has written it since
                self.touch(name)

    def next_change(self, name: str, now: float) -> float:
        """When time alone will next change something of a name."""
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            return math.inf
        return min((life.next_change(each, now) for each in endpoint.revisions.values()), default=math.inf)

    def _ensure_held(self, name: str, claim: Json) -> None:
        record = self.records[name][1] if name in self.records else None
        if record is None or _holder(record) != (claim["token"], claim["generation"]):
            raise Refused("ClaimLost", "the claim has moved", record=record)

    def _ensure_usable(self, name: str, verb: str) -> None:
        if verb == "destroy":
            return
        if name in self.foreign:
            raise Refused("Conflict", f"{name} is there and is not ours; nothing of it was changed")
        if name in self.endpoints and self.endpoints[name].destroying:
            raise Refused("TargetUnavailable", f"{name} is still being removed", transient=True)

    # the Record

    def do_read_record(self, *, endpoint: str) -> Any:
        """(version, record), or None."""
        return self.records.get(endpoint)

    def do_write_record(self, *, record: Json, expected: str | None) -> str:
        """The new version, which no other Record ever had."""
        name = record["endpoint"]
        self.ensure_version(name, expected)
        if expected is None and name in self.foreign:
            raise Refused("Conflict", f"{name} is there and is not ours")
        return self.stored(record)

    # what is there

    def do_observe(self, *, endpoint: str) -> Json | None:
        """The endpoint as plain values, or None."""
        if endpoint in self.foreign:
            return {"name": endpoint, "managed": False, "phase": "healthy", **self.foreign[endpoint]}
        found, record = self.endpoints.get(endpoint), self.records.get(endpoint)
        if found is None:
            if record is None:
                return None
            return {"name": endpoint, "owner": record[1]["owner"], "phase": "pending", "detail": "nothing runs yet"}
        for revision in found.revisions.values():
            revision.seen += 1
        revisions = [_revision(each, self.now) for each in found.revisions.values()]
        return {
            "name": endpoint,
            "owner": found.owner,
            "phase": _phase(found, revisions),
            "since": found.created,
            "revisions": revisions,
            "traffic": found.traffic,
            "mirror": found.mirror,
            "settings": found.settings,
            "url": f"memory:{endpoint}",
        }

    def do_list(self) -> list[Json]:
        """Everything, by name."""
        names = sorted({*self.foreign, *self.endpoints, *self.records})
        return [seen for name in names if (seen := self.do_observe(endpoint=name))]

    # the verbs that change something

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            self.endpoints[name] = Endpoint(name, owner=self.records[name][1]["owner"], created=self.now)
        return self.endpoints[name]

    def do_configure(self, *, endpoint: str, settings: Json, half: bool) -> None:
        """Make the endpoint, and its settings as wished."""
        found = self._endpoint(endpoint)
        if not half:
            found.configured, found.settings = True, settings

    def do_stage(self, *, endpoint: str, revision: Json, half: bool) -> None:
        """Make the revision, start a failed or stopping one anew, or bring the count of one that runs."""
        found = self._endpoint(endpoint)
        there = found.revisions.get(revision["id"])
        if there is None or there.stopping is not None or life.look(there, self.now).phase == "failed":
            there = Revision(**revision, began=self.now)
            found.revisions[there.id] = there
        made = found.artifacts[there.id].made if there.id in found.artifacts else self.now
        found.artifacts[there.id] = Artifact(made=made, used=self.now, secrets=revision["secrets"])
        if not half:
            there.wanted = revision["wanted"]
            life.scale(there, self.now)

    def do_route(self, *, endpoint: str, traffic: dict[str, int]) -> None:
        """Send traffic so."""
        found = self.endpoints.get(endpoint)
        running = {} if found is None else {k: v for k, v in found.revisions.items() if v.stopping is None}
        for revision in traffic:
            if revision not in running:
                raise Refused("Conflict", f"{revision} of {endpoint} was not staged, so no traffic was sent to it")
        if found is not None:
            found.traffic = {revision: percent for revision, percent in traffic.items() if percent}
            if found.mirror is not None and found.traffic.get(found.mirror["revision"]):
                found.mirror = None

    def do_mirror(self, *, endpoint: str, mirror: Json | None) -> None:
        """Copy requests so."""
        found, name = self.endpoints.get(endpoint), mirror["revision"] if mirror else ""
        if mirror is not None:
            there = found.revisions.get(name) if found is not None else None
            if there is None or there.stopping is not None:
                raise Refused("Conflict", f"{name} of {endpoint} was not staged, so no requests are copied to it")
            if found is not None and found.traffic.get(name):
                raise Refused("Conflict", f"{name} of {endpoint} has traffic, so no requests are copied to it")
        if found is not None:
            found.mirror = mirror

    def do_retire(self, *, endpoint: str, revision: str, keep: bool) -> None:
        """Stop it; without ``keep`` forget its artifacts, and the secrets that only it named."""
        found = self.endpoints.get(endpoint)
        if found is None:
            return
        if found.traffic.get(revision):
            raise Refused("Conflict", f"{revision} has {found.traffic[revision]} % of the traffic of {endpoint}")
        if found.mirror is not None and found.mirror["revision"] == revision:
            found.mirror = None
        there = found.revisions.get(revision)
        if there is not None:
            there.stop(self.now)
        gone = None if keep else found.artifacts.pop(revision, None)
        if gone is not None:
            left = self._secrets_in_use(endpoint, without=revision)
            for name, number in gone.secrets:
                if (name, number) not in left:
                    found.secrets.pop((name, number), None)

    def do_destroy(self, *, endpoint: str, half: bool) -> None:
        """Stop everything; when it is gone, the Record goes too."""
        found = self.endpoints.get(endpoint)
        if found is None:
            del self.records[endpoint]
            return
        found.traffic, found.mirror = {}, None
        for revision in found.revisions.values():
            revision.stop(self.now)
        if not half:
            found.destroying = True
            found.destroyer = _holder(self.records[endpoint][1])

    # requests

    def do_invoke(self, *, endpoint: str, request: Json) -> Json:
        """The answer of the revision whose turn it is."""
        if endpoint in self.foreign:
            return {"status": 200, "body": "", "headers": {}}
        found = self.endpoints.get(endpoint)
        if found is None:
            raise Refused("NotFound", f"there is no endpoint {endpoint}")
        if not found.traffic:
            raise Refused("TargetUnavailable", f"{endpoint} sends its traffic nowhere yet", transient=True)
        found.turn += 1
        shares = [revision for revision, percent in sorted(found.traffic.items()) for _ in range(percent)]
        slot = found.turn * 61 % 100  # 61 shares no factor with 100: every slot has its turn, well mixed
        if found.mirror is not None and found.turn * 37 % 100 < found.mirror["percent"]:
            with contextlib.suppress(Refused):
                self._ask(found, found.mirror["revision"], request)
        return self._ask(found, shares[slot], request)

    def do_invoke_revision(self, *, endpoint: str, revision: str, request: Json) -> Json:
        """The answer of one revision."""
        found = self.endpoints.get(endpoint)
        if found is None or revision not in found.revisions:
            raise Refused("NotFound", f"{endpoint} has no revision {revision} that runs")
        return self._ask(found, revision, request)

    def _ask(self, found: Endpoint, name: str, request: Json) -> Json:
        revision = found.revisions[name]
        view = life.look(revision, self.now)
        if not view.ready:
            life.count(revision, self.now, 0.0, answered=False)
            raise Refused("TargetUnavailable", f"{name} does not answer: {view.detail or view.phase}", transient=True)
        revision.asked = [*(at for at in revision.asked if self.now - at <= life.WINDOW), self.now]
        found.answered[name] = found.answered.get(name, 0) + 1
        began = time.perf_counter()
        status, body, headers = answer(
            request["method"], request["path"], request["headers"], bytes.fromhex(request["body"]),
            revision=name, model=revision.model_digest, differs=revision.behaviour == "differs",
        )  # fmt: skip
        life.count(revision, self.now, time.perf_counter() - began, answered=status < 500)
        return {"status": status, "body": body.hex(), "headers": headers}

    # capabilities

    def do_logs(self, *, endpoint: str, revision: str | None, since: float | None) -> list[Json]:
        """Lines of all replicas, the oldest first."""
        found = self.endpoints.get(endpoint)
        chosen = [] if found is None else [r for r in found.revisions.values() if revision in (None, r.id)]
        written = [(at, each.id, replica, text) for each in chosen for at, replica, text in life.lines(each, self.now)]
        return [
            {"at": at, "revision": name, "replica": replica, "text": text}
            for at, name, replica, text in sorted(written, key=lambda line: line[0])
            if since is None or at >= since
        ]

    def do_diagnose(self, *, endpoint: str, revision: str) -> Json | None:
        """The fields of a Diagnosis, or None."""
        found = self.endpoints.get(endpoint)
        there = found.revisions.get(revision) if found else None
        return life.diagnose(there, self.now) if there else None

    def do_measure(self, *, endpoint: str, revision: str, window: float) -> Json | None:
        """The fields of its Figures, or None."""
        found = self.endpoints.get(endpoint)
        there = found.revisions.get(revision) if found else None
        return life.figures(there, self.now, window) if there else None

    def do_holds_secret(self, *, endpoint: str, name: str, number: int, value: str) -> bool:
        """Whether this is the stored value."""
        found = self.endpoints.get(endpoint)
        stored = found.secrets.get((name, number)) if found else None
        return stored is not None and hmac.compare_digest(stored[0].encode(), value.encode())

    def do_keep_secrets(self, *, endpoint: str, values: list[list[Any]], half: bool) -> None:
        """Store (name, number, value)."""
        found = self._endpoint(endpoint)
        for name, number, value in values[:1] if half else values:
            found.secrets[(name, number)] = (value, self.now)

    def _secrets_in_use(self, name: str, without: str = "") -> set[tuple[str, int]]:
        releases = self.records[name][1]["releases"] if name in self.records else {}
        others = [release for revision, release in releases.items() if revision != without]
        used = {(k, n) for release in others for k, n in release["fields"].get("secrets", {}).items()}
        return used | {(k, n) for each in self.endpoints[name].artifacts.values() for k, n in each.secrets}

    def do_orphans(self, *, older_than: float) -> list[Json]:
        """Artifacts and secrets that nothing refers to any more."""
        found: list[Json] = []
        for name, endpoint in self.endpoints.items():
            record = self.records[name][1] if name in self.records else {}
            claim = record.get("claim")
            if endpoint.destroying or not record or (claim and claim["expires"] > self.now):
                continue
            for revision, artifact in endpoint.artifacts.items():
                if (
                    revision not in {*record["releases"], *endpoint.revisions}
                    and self.now - artifact.used >= older_than
                ):
                    what = {"what": f"artifacts of {revision}", "since": artifact.used}
                    found.append({"identity": f"artifact {name} {revision} {artifact.made}", "endpoint": name, **what})
            for (secret, number), (_, at) in endpoint.secrets.items():
                if (secret, number) not in self._secrets_in_use(name) and self.now - at >= older_than:
                    what = {"what": f"secret {secret}, number {number}", "since": at}
                    found.append({"identity": f"secret {name} {secret} {number}", "endpoint": name, **what})
        return found

    def do_remove_orphan(self, *, identity: str, older_than: float) -> bool:
        """Look again, and remove it if it is one still."""
        if identity not in {each["identity"] for each in self.do_orphans(older_than=older_than)}:
            return False
        kind, name, *rest = identity.split(" ")
        if kind == "artifact":
            del self.endpoints[name].artifacts[rest[0]]
        else:
            del self.endpoints[name].secrets[(rest[0], int(rest[1]))]
        self.touch(name)
        return True


_CLAIMED = frozenset({"configure", "stage", "route", "mirror", "retire", "destroy", "keep_secrets"})
_CHANGING = _CLAIMED | {"write_record", "adopt"}
_IN_PARTS = frozenset({"configure", "stage", "destroy", "keep_secrets", "adopt"})


def _holder(record: Json) -> tuple[str | None, int]:
    return (record.get("claim") or {}).get("token"), record["generation"]


def _revision(revision: Revision, now: float) -> Json:
    view = life.look(revision, now)
    return {
        "id": revision.id,
        "phase": view.phase,
        "wanted": view.wanted,
        "ready": view.ready,
        "restarts": view.restarts,
        "since": revision.began,
        "settled": view.settled,
        "detail": view.detail,
        "digest": revision.digest,
        "model": revision.model,
    }


def _phase(endpoint: Endpoint, revisions: list[Json]) -> str:
    if endpoint.destroying:
        return "stopping"
    phases = {each["phase"] for each in revisions if endpoint.traffic.get(each["id"])}
    if not phases:
        return "pending"
    if len(phases) == 1:
        return str(phases.pop())
    return "degraded"
