"""What carries our marks and nothing refers to any more: what a killed process, or a lost Record, left behind.

Names find them, tags prove whose they are: AWS's tagging API lags behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from deployer.endpoint import Record
from deployer.errors import ClaimLost, DeployerError
from deployer.target import Orphan
from deployer_sagemaker.calls import Call, delete_config, delete_endpoint
from deployer_sagemaker.client import Aws
from deployer_sagemaker.ecr import Ecr
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.images import Images
from deployer_sagemaker.making import Maker
from deployer_sagemaker.marks import State
from deployer_sagemaker.mounted import Mounted
from deployer_sagemaker.naming import Naming
from deployer_sagemaker.records import Records
from deployer_sagemaker.survey import Surveyor

__all__ = ["Orphanage"]


@dataclass(frozen=True)
class _Found:
    kind: str
    endpoint: str
    name: str
    arn: str
    since: float
    call: Call

    @property
    def identity(self) -> str:
        return f"{self.arn}@{self.since:.3f}"


class Orphanage:
    """Finds them, and removes them.

    Args:
        aws: The connection.
        records: Where Records lie.
        surveyor: Looks at endpoints.
    """

    def __init__(self, aws: Aws, records: Records, surveyor: Surveyor) -> None:
        self._aws = aws
        self._records = records
        self._surveyor = surveyor
        naming = Naming(aws, records)
        self._shared: tuple[Images | Mounted, ...] = (Images(aws, Ecr(aws), naming), Mounted(aws, records, naming))

    def find(self, older_than: float) -> Iterator[Orphan]:
        """What may be removed, older than so many seconds."""
        now = self._aws.now()
        for endpoint in sorted(self._surveyor.names()[0]):
            for each, _ in self._of(endpoint):
                if now - each.since >= older_than:
                    yield Orphan(each.identity, f"{each.kind} {each.name}", None, each.since, endpoint)
        for store in self._shared:
            yield from store.find(older_than)

    def remove(self, orphan: Orphan, older_than: float) -> bool:
        """Look again, and remove it if it is what was found."""
        for store in self._shared:
            if store.knows(orphan):
                return store.remove(orphan, older_than)
        now = self._aws.now()
        endpoint = orphan.endpoint
        for each, seen in self._of(endpoint) if endpoint else ():
            if each.identity == orphan.identity and now - each.since >= older_than:
                maker = Maker(self._aws, partial(self._same, each.endpoint, seen))
                try:
                    return maker.make(each.call)
                except ClaimLost:
                    return False
        return False

    def _of(self, endpoint: str) -> Iterator[tuple[_Found, str | None]]:
        """What is left of it, each with the version of the Record that this was seen by; None for none."""
        try:
            stored = self._records.read(endpoint)
            facts = self._surveyor.survey(endpoint, record=stored)
        except DeployerError:
            return  # nobody can tell what it refers to
        record = stored[0] if stored is not None else None
        if facts.record_trouble or (record is not None and (record.claim is not None or record.rollout is not None)):
            return
        if record is None and facts.kept_elsewhere(self._records.place):
            return
        for each in _left_of(facts, record):
            yield each, stored[1] if stored is not None else None

    def _same(self, endpoint: str, version: str | None) -> None:
        """Right before a call: whoever claims it writes its Record first."""
        stored = self._records.read(endpoint)
        if (stored[1] if stored is not None else None) != version:
            raise ClaimLost(f"somebody has {endpoint} now", hint="deployer gc")


def _left_of(facts: Facts, record: Record | None) -> Iterator[_Found]:
    """What is left of an endpoint that nobody changes."""
    known = frozenset(record.releases) if record is not None else frozenset()
    main, verify = facts.main, facts.verify
    if main is not None and record is None and main.marks is not None and main.marks.traffic is not None:
        return  # it serves: its Record is lost, or lies in another bucket, and nobody here knows what that names
    if verify is not None and verify.ours:
        for call in delete_endpoint(verify):
            yield _Found("endpoint", facts.name, verify.name, verify.arn, verify.created, call)
    if main is not None and record is None and main.marks is not None:
        for call in delete_endpoint(main):
            yield _Found("endpoint", facts.name, main.name, main.arn, main.created, call)
    needed: set[str] = set()
    for config in facts.configs:
        used = facts.is_used(config.name)
        wanted = config.state is not None and set(config.revisions) <= known and bool(config.revisions)
        if used or (wanted and config.state in (State.STAGED, State.KEPT)):
            needed |= set(config.models)
            continue
        yield _Found("configuration", facts.name, config.name, config.arn, config.created, delete_config(config))
    for model in facts.models:
        if model.name not in needed and model.revision not in known:
            call = Call("DeleteModel", {"ModelName": model.name}, fine=("gone",))
            yield _Found("model", facts.name, model.name, model.arn, model.created, call)
