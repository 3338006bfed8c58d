"""What an engine does with the Record and the claim, and nothing more: for tests of targets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from deployer.endpoint import Claim, Holder, Record, Release, Traffic
from deployer.errors import DeployerError
from deployer.target import Adoptable

if TYPE_CHECKING:
    from deployer.spec import DeploymentSpec
    from deployer.target import Target

__all__ = ["Writer"]

CLAIM_SECONDS = 600.0


class Writer:
    """One writer of one endpoint, which holds the claim from `begin` on.

    Args:
        target: Where.
        name: The endpoint.
        by: Whom the claim names.
    """

    def __init__(self, target: Target, name: str, *, by: str = "suite@conformance") -> None:
        self.target = target
        self.name = name
        self.by = by
        self.record: Record | None = None
        self.version: str | None = None

    @property
    def claim(self) -> Claim:
        """The claim to hand to the verbs.

        Raises:
            DeployerError: `begin` was not called, or the claim was given back.
        """
        if self.record is None or self.record.claim is None:
            raise DeployerError("this writer holds no claim")
        return self.record.claim

    def begin(self, spec: DeploymentSpec, verb: str = "create") -> Writer:
        """Take the claim, from whoever holds it, with a new generation.

        Raises:
            ClaimLost: Somebody else wrote at the same moment.
        """
        self._store(self._claimed(spec, verb))
        return self

    def adopt(self, spec: DeploymentSpec, release: Release, identity: str | None) -> Writer:
        """Take over what is there and not ours, as `Adoptable.adopt`: it is that release from then on.

        Raises:
            ClaimLost: Somebody else wrote at the same moment.
            Conflict: Something else is there.
            DeployerError: The target adopts nothing.
        """
        if not isinstance(self.target, Adoptable):
            raise DeployerError(f"{self.target.kind} adopts nothing")
        begun = self._claimed(spec, "adopt")
        serving = {"traffic": Traffic.all_to(release.revision), "releases": {release.revision: release}}
        record = begun.model_copy(update={"owner": self.target.site.owner, **serving})
        self.version = self.target.adopt(record, self.version, identity)
        self.record = record
        return self

    def _claimed(self, spec: DeploymentSpec, verb: str) -> Record:
        now = self.target.now()
        stored = self.target.read_record(self.name)
        before, self.version = stored or (None, None)
        generation = before.generation + 1 if before else 1
        holder = Holder(by=self.by, host="conformance", pid=1, started="1")
        term = {"since": now, "expires": now + CLAIM_SECONDS}
        claim = Claim(token=uuid.uuid4().hex, generation=generation, holder=holder, verb=verb, **term)
        if before is None:
            owner = self.target.site.owner
            before = Record(endpoint=self.name, owner=owner, generation=1, created=now, spec=spec.wish())
        return before.model_copy(update={"generation": generation, "claim": claim, "spec": spec.wish()})

    def write(self, **changes: Any) -> None:
        """Change fields of the Record.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
        """
        if self.record is None:
            raise DeployerError("this writer holds no claim")
        self._store(self.record.model_copy(update=changes))

    def _store(self, record: Record) -> None:
        self.version = self.target.write_record(record, self.version)
        self.record = record

    def give_back(self) -> None:
        """Give the claim back."""
        self.write(claim=None)

    def configure(self, spec: DeploymentSpec) -> None:
        """As `Target.configure`."""
        self.target.configure(spec, self.claim)

    def stage(self, spec: DeploymentSpec, release: Release) -> None:
        """As `Target.stage`; the Record names the release first."""
        known = self.record.releases if self.record else {}
        if known.get(release.revision) != release:
            self.write(releases={**known, release.revision: release})
        self.target.stage(spec, release, self.claim)

    def route(self, traffic: Traffic) -> None:
        """As `Target.route`; the Record names the wish first."""
        self.write(traffic=traffic)
        self.target.route(self.name, traffic, self.claim)

    def retire(self, revision: str, *, keep: bool) -> None:
        """As `Target.retire`; without ``keep`` the Record forgets the release afterwards."""
        self.target.retire(self.name, revision, self.claim, keep=keep)
        known = self.record.releases if self.record else {}
        if not keep and revision in known:
            self.write(releases={k: v for k, v in known.items() if k != revision})

    def destroy(self) -> None:
        """As `Target.destroy`."""
        self.target.destroy(self.name, self.claim)
