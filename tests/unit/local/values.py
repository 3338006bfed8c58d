"""Values that the unit tests of the local target share."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import Claim, Holder, ModelRef, Record, Release
from deployer_local.desired import Desired, Marks, Settings, Wanted
from deployer_local.facts import Facts, Supervision, WorkerFact

REVISION = "r1111111"
OTHER = "r2222222"


def release(revision: str = REVISION, **fields: Any) -> Release:
    digit = revision[1]
    model = ModelRef(uri="models:/iris@a", resolved="models:/iris/4", digest=digit * 64)
    return Release(revision=revision, digest=digit * 64, model=model, lock="a" * 64, runtime="b" * 64, fields=fields)


def record(**changes: Any) -> Record:
    holder = Holder(by="ada@laptop", host="boot", pid=1, started="1")
    claim = Claim(token="t", generation=3, holder=holder, verb="update", since=1.0, expires=1e12)
    plain = Record(endpoint="iris", owner="team", generation=3, created=5.0, spec={}, claim=claim)
    return plain.model_copy(update=changes)


def wanted(replicas: int = 1, **changes: Any) -> Wanted:
    plain = Wanted(
        digest="1" * 64, model="models:/iris/4", replicas=replicas, serial=7, since=10.0,
        python="environments/aaaa/bin/python", runtime="runtimes/bbbb", model_folder="models/1111",
    )  # fmt: skip
    return plain.model_copy(update=changes)


def desired(traffic: str | None = REVISION, **revisions: Wanted) -> Desired:
    return Desired(
        marks=Marks(owner="team", endpoint="iris"),
        settings=Settings(port=8321),
        revisions=revisions or {REVISION: wanted()},
        traffic={traffic: 100} if traffic else {},
    )


def worker(revision: str = REVISION, number: int = 0, **changes: Any) -> WorkerFact:
    plain: dict[str, Any] = {"state": "ready", "accepting": True, "pid": 100 + number, "alive": True, "began": 20.0}
    return WorkerFact(revision=revision, number=number, **{**plain, **changes})


def facts(*workers: WorkerFact, **changes: Any) -> Facts:
    plain: dict[str, Any] = {
        "name": "iris", "target": "local", "record": record(), "desired": desired(), "seen": "s", "acted": "s",
        "supervision": Supervision.ANSWERS, "changes": 4, "host": "127.0.0.1", "port": 8321,
        "serials": {REVISION: 7, OTHER: 7}, "was_ready": frozenset({REVISION}), "workers": workers or (worker(),),
    }  # fmt: skip
    return Facts(**{**plain, **changes})
