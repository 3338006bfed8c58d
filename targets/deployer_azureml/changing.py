"""The verbs that change something: each is told what is due by the facts, makes these calls, and remembers the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from deployer.endpoint import Claim, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict
from deployer.spec import DeploymentSpec
from deployer.target import ensure_held
from deployer_azureml.adopting import adopt_due
from deployer_azureml.calls import refuse_foreign
from deployer_azureml.client import Azure
from deployer_azureml.configuring import configure_due, settled_due
from deployer_azureml.duties import Duties, Duty
from deployer_azureml.facts import Facts
from deployer_azureml.making import Maker
from deployer_azureml.names import usable_name
from deployer_azureml.placing import Placing
from deployer_azureml.records import Records
from deployer_azureml.removing import destroy_due, retire_due
from deployer_azureml.routing import kept_traffic, mirror_due, route_due
from deployer_azureml.staging import Staging
from deployer_azureml.survey import Surveyor

__all__ = ["Changing"]

_DUTIES: dict[tuple[str, str], Duties] = {}
"""By the store of the Records and endpoint: of the whole process, so that whoever looks goes on, by whichever
connection."""


class Changing:
    """Changes endpoints.

    Args:
        azure: The connection.
        records: Where their Records lie.
        surveyor: Looks at them.
        placing: Knows the workspace.
        model_of: The id of the model asset that a revision is made of; "" for none.
    """

    def __init__(
        self,
        azure: Azure,
        records: Records,
        surveyor: Surveyor,
        placing: Placing,
        model_of: Callable[[DeploymentSpec, Release], str],
    ) -> None:
        self._azure = azure
        self._records = records
        self._surveyor = surveyor
        self._placing = placing
        self._model_of = model_of

    # Verbs.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        """As `deployer.target.Target.configure`."""
        record, facts, duties = self._begun(spec.name, claim)
        place = self._placing.place(record.owner)
        keep = partial(settled_due, doing=f"change the endpoint {spec.name}")
        duties.begin(Duty("configure", lambda seen: configure_due(seen, spec, place), keep=keep), facts)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        """As `deployer.target.Target.stage`."""
        record, facts, duties = self._begun(spec.name, claim)
        refuse_foreign(facts)
        model = "" if facts.find(release.revision) is not None else self._model_of(spec, release)
        staging = Staging(spec, release, self._placing.place(record.owner, model))
        duties.begin(Duty("stage", staging.due, release.revision, keep=staging.kept), facts)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        """As `deployer.target.Target.route`."""
        _, facts, duties = self._begun(endpoint, claim)
        duties.forgive(*traffic.served)
        keep = partial(kept_traffic, traffic=traffic)
        duties.begin(Duty("route", partial(route_due, traffic=traffic), keep=keep), facts)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        """As `deployer.target.Mirrors.mirror`."""
        _, facts, duties = self._begun(endpoint, claim)
        keep = partial(settled_due, doing=f"copy requests of {endpoint}")
        duties.begin(Duty("mirror", partial(mirror_due, mirrored=mirrored), keep=keep), facts)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        """As `deployer.target.Target.retire`."""
        _, facts, duties = self._begun(endpoint, claim)
        duties.begin(Duty("retire", partial(retire_due, revision=revision, keep=keep), revision), facts)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        """As `deployer.target.Target.destroy`."""
        _, facts, duties = self._begun(endpoint, claim)
        # What is half taken over is taken over first, so that nothing is left that carries our marks.
        due = duties.in_turn(duties.left_of("adopt"), destroy_due)
        duties.begin(Duty("destroy", due, end=partial(self._forget, endpoint, claim)), facts)

    def adopt(self, record: Record, version: str) -> None:
        """Mark what the endpoint of a Record that was just written is made of, the endpoint last."""
        if record.claim is None:
            raise ClaimLost(f"nobody has claimed {record.endpoint}", hint=f"deployer status {record.endpoint}")
        duties = self._duties(record.endpoint, record.claim)
        facts = self._surveyor.survey(record.endpoint, record=(record, version))
        duties.begin(Duty("adopt", partial(adopt_due, record=record, records=self._placing.records)), facts)

    def go_on(self, facts: Facts) -> Facts:
        """What verbs of this process left to do, as far as it can be done by now; how it is then.

        Raises:
            DeployerError: Azure refuses something of it for good.
        """
        duties = _DUTIES.get(self._key(facts.name))
        if duties is None:
            return facts
        try:
            if not facts.record_trouble:
                self._hold(facts, duties.claim)
            return duties.go_on(facts)
        except ClaimLost:
            duties.drop()
            return facts
        finally:
            if duties.over and _DUTIES.get(self._key(facts.name)) is duties:
                _DUTIES.pop(self._key(facts.name), None)

    # Their parts.

    def _hold(self, facts: Facts, claim: Claim) -> None:
        """The claim holds: by the Record as it was seen, or, where that was before the claim, as it is now."""
        try:
            ensure_held(facts.record, claim)
        except ClaimLost:
            self.held(facts.name, claim)

    def held(self, endpoint: str, claim: Claim) -> Record:
        """The Record, if the claim still holds it.

        Raises:
            ClaimLost: It does not.
        """
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        return ensure_held(found[0] if found is not None else None, claim)

    def _key(self, endpoint: str) -> tuple[str, str]:
        return self._azure.cloud.manager, f"{self._azure.workspace}/{endpoint}".lower()

    def _begun(self, endpoint: str, claim: Claim) -> tuple[Record, Facts, Duties]:
        found = self._records.read(endpoint) if usable_name(endpoint) else None
        record = ensure_held(found[0] if found is not None else None, claim)
        return record, self._surveyor.survey(endpoint, record=found), self._duties(endpoint, claim)

    def _duties(self, endpoint: str, claim: Claim) -> Duties:
        duties = _DUTIES.get(self._key(endpoint))
        if duties is None or (duties.claim.token, duties.claim.generation) != (claim.token, claim.generation):
            maker = Maker(self._azure, partial(self.held, endpoint, claim), self._surveyor.sign)
            look = partial(self._surveyor.survey, endpoint)
            duties = _DUTIES[self._key(endpoint)] = Duties(claim, maker, look)
        return duties

    def _forget(self, endpoint: str, claim: Claim) -> None:
        """All is gone, and its Record goes last."""
        found = self._records.read(endpoint)
        ensure_held(found[0] if found is not None else None, claim)
        if found is not None:
            self._records.forget(endpoint, found[1])

    def refuse_first(self, endpoint: str) -> None:
        """Before the first Record of a name is written.

        Raises:
            Conflict: Something of that name is there that is not ours.
        """
        found = self._surveyor.survey(endpoint).endpoint
        if found is not None and not found.ours:
            raise Conflict(
                f"there is an endpoint {endpoint} ({found.state}), which deployer did not make",
                where=endpoint, hint="take another name, or take it over: deployer apply --adopt",
            )  # fmt: skip
