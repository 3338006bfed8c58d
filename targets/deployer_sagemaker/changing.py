"""The verbs that change something: each is told what is due by the facts, makes these calls, and remembers the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from deployer.endpoint import Claim, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict
from deployer.spec import DeploymentSpec
from deployer.target import ensure_held
from deployer_sagemaker.calls import Call, refuse_foreign
from deployer_sagemaker.client import Aws
from deployer_sagemaker.diagnose import log_group
from deployer_sagemaker.duties import Duties, Duty
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.labelling import labels_due
from deployer_sagemaker.making import Maker
from deployer_sagemaker.names import usable_name, verify_name
from deployer_sagemaker.placing import Placing
from deployer_sagemaker.records import Records
from deployer_sagemaker.removing import destroy_due, retire_due
from deployer_sagemaker.routing import kept_traffic, route_due
from deployer_sagemaker.staging import Staging
from deployer_sagemaker.survey import Surveyor

__all__ = ["Changing"]

_DUTIES: dict[tuple[str, str, str], Duties] = {}
"""By bucket, region and endpoint: of the whole process, so that whoever looks goes on, by whichever connection."""


class Changing:
    """Changes endpoints.

    Args:
        aws: The connection.
        records: Where their Records lie.
        surveyor: Looks at them.
        check: Raises when AWS would not take a release's image; called before anything is made of it.
    """

    def __init__(
        self, aws: Aws, records: Records, surveyor: Surveyor, check: Callable[[DeploymentSpec, Release], None]
    ) -> None:
        self._aws = aws
        self._records = records
        self._surveyor = surveyor
        self._check = check
        self._placing = Placing(aws, records)

    @property
    def placing(self) -> Placing:
        """Finds the execution role."""
        return self._placing

    # Verbs.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        """As `deployer.target.Target.configure`."""
        record, facts, duties = self._begun(spec.name, claim)
        refuse_foreign(facts)
        place = self._placing.place(spec, record.owner)
        duties.begin(Duty("configure", lambda seen: labels_due(seen, spec, place)), facts)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        """As `deployer.target.Target.stage`."""
        record, facts, duties = self._begun(spec.name, claim)
        refuse_foreign(facts)
        staging = Staging(spec, release, self._placing.place(spec, record.owner), self._aws.options.platform)
        if any(call.operation == "CreateModel" for call in staging.due(facts).calls):
            self._check(spec, release)
        duties.begin(Duty("stage", staging.due, release.revision, keep=staging.kept), facts)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        """As `deployer.target.Target.route`."""
        record, facts, duties = self._begun(endpoint, claim)
        spec = DeploymentSpec(**record.spec)
        place = self._placing.place(spec, record.owner)
        duties.forgive(*traffic.served)
        due = partial(route_due, spec=spec, traffic=traffic, place=place)
        duties.begin(Duty("route", due, keep=partial(kept_traffic, traffic=traffic, due=due)), facts)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        """As `deployer.target.Target.retire`."""
        record, facts, duties = self._begun(endpoint, claim)
        spec = DeploymentSpec(**record.spec)
        place = self._placing.place(spec, record.owner)
        duties.begin(Duty("retire", lambda seen: retire_due(seen, spec, revision, place, keep=keep), revision), facts)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        """As `deployer.target.Target.destroy`."""
        _, facts, duties = self._begun(endpoint, claim)
        end = partial(self._forget, endpoint, claim)
        duties.begin(Duty("destroy", destroy_due, end=end), facts)

    def go_on(self, facts: Facts) -> Facts:
        """What verbs of this process left to do, as far as it can be done by now; how it is then.

        Raises:
            DeployerError: AWS refuses something of it for good.
        """
        duties = _DUTIES.get(self._key(facts.name))
        if duties is None:
            return facts
        try:
            return duties.go_on(facts)
        except ClaimLost:
            return facts
        finally:
            if duties.over and _DUTIES.get(self._key(facts.name)) is duties:
                _DUTIES.pop(self._key(facts.name), None)

    # Their parts.

    def held(self, endpoint: str, claim: Claim) -> Record:
        """The Record, if the claim still holds it.

        Raises:
            ClaimLost: It does not.
        """
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        return ensure_held(found[0] if found is not None else None, claim)

    def _key(self, endpoint: str) -> tuple[str, str, str]:
        bucket = self._records.bucket
        return bucket.name, f"{bucket.region}/{bucket.prefix}", endpoint

    def _begun(self, endpoint: str, claim: Claim) -> tuple[Record, Facts, Duties]:
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        record = ensure_held(found[0] if found is not None else None, claim)
        duties = _DUTIES.get(self._key(endpoint))
        if duties is None or duties.claim.token != claim.token or duties.claim.generation != claim.generation:
            maker = Maker(self._aws, partial(self.held, endpoint, claim))
            look = partial(self._surveyor.survey, endpoint)
            duties = _DUTIES[self._key(endpoint)] = Duties(claim, maker, look)
        return record, self._surveyor.survey(endpoint, record=found), duties

    def _forget(self, endpoint: str, claim: Claim) -> None:
        """All is gone: what it wrote goes, and its Record last."""
        maker = Maker(self._aws, partial(self.held, endpoint, claim))
        for name in (endpoint, verify_name(endpoint)):
            maker.make(Call("DeleteLogGroup", {"logGroupName": log_group(name)}, "logs", ("gone",)))
        found = self._records.read(endpoint)
        ensure_held(found[0] if found is not None else None, claim)
        if found is not None:
            if self._records.adopted(endpoint):
                self._records.keep_adopted(endpoint, ())
            self._records.forget(endpoint, found[1])

    def refuse_first(self, endpoint: str) -> None:
        """Before the first Record of a name is written.

        Raises:
            Conflict: Something of that name is there that is not ours.
        """
        facts = self._surveyor.survey(endpoint)
        if facts.there:
            return
        for each in (facts.endpoint, facts.verify):
            if each is not None and not each.ours:
                raise Conflict(
                    f"there is an endpoint {each.name} ({each.status}), which deployer did not make", where=endpoint,
                    hint="take another name, or take it over: deployer apply --adopt",
                )  # fmt: skip
