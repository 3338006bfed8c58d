"""The verbs that change something, and what of them is still to be done when they have returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from deployer.endpoint import Claim, Mirrored, Record, Release, Traffic
from deployer.errors import ClaimLost, Conflict
from deployer.gateway import Routing, with_mirror, with_traffic, without_pool
from deployer.spec import DeploymentSpec
from deployer.target.container import asked_of, refuse_copies
from deployer.target.reading import secret_numbers
from deployer_docker.artifacts import remove_artifacts, remove_volume, tags_of, volume_names
from deployer_docker.chores import Chores, sweep
from deployer_docker.client import told, unless_gone
from deployer_docker.config import DockerOptions
from deployer_docker.courier import any_image
from deployer_docker.estate import Estate
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.gateway import Gateway, Report
from deployer_docker.keys import ensure_keys
from deployer_docker.leading import lead, rewrite
from deployer_docker.marks import Role
from deployer_docker.observe import is_ready
from deployer_docker.record import Records
from deployer_docker.removing import remove_all
from deployer_docker.replicas import Replicas
from deployer_docker.requests import config_of, gateway_image
from deployer_docker.secrets import Secrets
from deployer_docker.survey import Holdings, gateway_of, holdings
from deployer_docker.wish import with_pool

__all__ = ["Changing", "spec_of"]

_TURNS = 8


class Changing:
    """Of all endpoints of one engine.

    Args:
        api: docker-py's low-level client.
        options: Of the named target.
        target: Its name.
        records: Where the Records are.
        held: The Record of an endpoint, if the claim still holds it.
        local: Whether the engine's loopback is this process's.
    """

    def __init__(
        self,
        api: Any,
        options: DockerOptions,
        target: str,
        *,
        records: Records,
        held: Callable[[str, Claim], Record],
        local: bool,
    ) -> None:
        self._api = api
        self._options = options
        self._target = target
        self._records = records
        self._held = held
        self._local = local
        self._chores: dict[str, Chores] = {}

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        """As `Target.configure`."""
        record = self._held(spec.name, claim)
        held, gateway = self._estate(spec, record, claim).ensure(reshape=True)
        if spec.auth.api_keys:
            self._held(spec.name, claim)
            ensure_keys(self._api, spec, record.owner, any_image(self._api, gateway_image(spec, self._options)))
        sweep(self._api, held, partial(self._held, spec.name, claim))
        if lead(gateway, gateway.report(running=True), partial(self._held, spec.name, claim)).waits:
            self.lead_on(spec.name, claim)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        """As `Target.stage`."""
        record = self._held(spec.name, claim)
        still_held = partial(self._held, spec.name, claim)
        replicas = Replicas(self._api, spec, release, record, still_held)
        replicas.hold_image()
        replicas.find_weights()
        held, gateway = self._estate(spec, record, claim).ensure()
        sweep(self._api, held, partial(self._held, spec.name, claim))
        report = gateway.report(running=True)
        facts = _facts(spec.name, self._target, held, report)
        plan = replicas.plan(facts.of(release.revision), partial(is_ready, facts))
        made: list[ContainerFact] = []
        if plan.broken:
            still_held()
            remove_all(self._api, [each.id for each in plan.broken])
        if plan.missing:
            if spec.auth.api_keys:  # a server that is told of keys does not start without them
                still_held()
                ensure_keys(self._api, spec, record.owner, any_image(self._api, gateway_image(spec, self._options)))
            if numbers := secret_numbers(release):
                still_held()
                self.secrets(spec, record).give(release.revision, numbers)
            gone = {each.id for each in plan.broken}
            left = tuple(each for each in held.replicas if each.id not in gone)
            made = replicas.make(replace(held, replicas=left), plan.missing)
        whole = [replicas.start(each) for each in plan.whole]
        addresses = [each.address for each in sorted((*whole, *made), key=lambda each: each.number)]
        asked = asked_of(spec, config_of(spec))
        routing = with_pool(report.wished or Routing(), release.revision, addresses, asked)
        report = self._rewrite(spec.name, gateway, report, routing, claim)
        self._retire_from(facts, report, plan.surplus, claim)

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        """As `Target.route`."""
        record = self._held(endpoint, claim)
        held, gateway = self._estate(spec_of(record), record, claim).ensure()
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = gateway.report(running=True)
        wished = report.wished or Routing()
        for revision in traffic.served:
            if wished.pool(revision) is None:
                raise Conflict(f"{revision} was not staged, so it can take no traffic", where=endpoint)
        self._rewrite(endpoint, gateway, report, with_traffic(wished, traffic), claim)

    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        """As `Mirrors.mirror`."""
        record = self._held(endpoint, claim)
        if mirrored is not None:
            refuse_copies(spec_of(record))
        held, gateway = self._estate(spec_of(record), record, claim).ensure()
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = gateway.report(running=True)
        revision, percent = (mirrored.revision, mirrored.percent) if mirrored is not None else (None, 0)
        routing = with_mirror(report.wished or Routing(), revision, percent)
        self._rewrite(endpoint, gateway, report, routing, claim)

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        """As `Target.retire`."""
        self._held(endpoint, claim)
        held = holdings(self._api, endpoint)
        sweep(self._api, held, partial(self._held, endpoint, claim))
        report = self.report(held.gateway)
        facts = _facts(endpoint, self._target, held, report)
        for routing in (report.wished, report.loaded.routes if report.loaded else None):
            if routing is not None and routing.shares.get(revision):
                raise Conflict(f"{revision} has traffic, so it cannot be retired", where=endpoint)
        if held.gateway is not None and report.wished is not None and report.wished.pool(revision) is not None:
            gateway = gateway_of(self._api, held.gateway)
            report = self._rewrite(endpoint, gateway, report, without_pool(report.wished, revision), claim)
        if not keep:
            self._chores_of(endpoint, claim).forget_artifacts(revision)
        self._retire_from(facts, report, facts.of(revision), claim)

    def destroy(self, endpoint: str, claim: Claim) -> None:
        """As `Target.destroy`."""
        self._held(endpoint, claim)
        self._chores.pop(endpoint, None)
        held = holdings(self._api, endpoint)
        remove_all(self._api, [each.id for each in (*held.gateways, *held.replicas, *held.couriers)])
        self._held(endpoint, claim)
        for network in held.networks:
            with told("remove a network", network["Name"]), unless_gone():
                self._api.remove_network(network["Id"])
        for name in volume_names(held, (Role.GATEWAY, Role.SECRETS, Role.GIVEN, Role.KEYS, Role.ADOPTED)):
            remove_volume(self._api, name)
        for _, revision in tags_of(self._api, endpoint):
            remove_artifacts(self._api, endpoint, revision, held)
        self._held(endpoint, claim)
        self._records.forget(endpoint)

    def _estate(self, spec: DeploymentSpec, record: Record, claim: Claim) -> Estate:
        held = partial(self._held, spec.name, claim)
        return Estate(self._api, self._options, spec, record, held, local=self._local)

    def secrets(self, spec: DeploymentSpec, record: Record) -> Secrets:
        """The store of an endpoint's secret values."""
        return Secrets(self._api, spec.name, record.owner, any_image(self._api, gateway_image(spec, self._options)))

    def lead_on(self, endpoint: str, claim: Claim) -> None:
        """Its gateway is still to be led to what is wished."""
        self._chores_of(endpoint, claim).leading = True

    def report(self, fact: ContainerFact | None) -> Report:
        """What a gateway's container says."""
        """What a gateway's container says."""
        if fact is None:
            return Report(trouble="its gateway is gone")
        return gateway_of(self._api, fact).report(running=fact.status == "running")

    def _rewrite(self, endpoint: str, gateway: Gateway, report: Report, routing: Routing, claim: Claim) -> Report:
        """What it says then."""
        led = rewrite(gateway, report, routing, partial(self._held, endpoint, claim))
        if led.waits:
            self.lead_on(endpoint, claim)
        return led.report

    def _retire_from(self, facts: Facts, report: Report, containers: Iterable[ContainerFact], claim: Claim) -> None:
        """Let containers end that the gateway, as its last report says, is told to send nothing new.

        So are those that were condemned before and run on: whoever condemned them may have gone before they were told.
        """
        chores = self._chores_of(facts.name, claim)
        chores.dismiss(facts, (*containers, *(each for each in facts.replicas if each.condemned and each.running)))
        for turn in range(_TURNS):
            if chores.over:
                return
            held = holdings(self._api, facts.name)
            if turn:
                report = self.report(held.gateway) if chores.asks_gateway else Report()
            if not chores.go_on(_facts(facts.name, self._target, held, report)):
                return
            chores.await_exits()

    def _chores_of(self, endpoint: str, claim: Claim) -> Chores:
        found = self._chores.get(endpoint)
        if found is None or found.claim.token != claim.token:
            held = partial(self._held, endpoint, claim)
            found = self._chores[endpoint] = Chores(self._api, endpoint, claim, held)
        return found

    def go_on(self, endpoint: str, facts: Facts) -> bool:
        """End what can be ended by now of what a verb began; whether anything was changed."""
        chores = self._chores.get(endpoint)
        if chores is None:
            return False
        try:
            changed = chores.go_on(facts)
        except ClaimLost:
            self._chores.pop(endpoint, None)
            return False
        if chores.over:
            self._chores.pop(endpoint, None)
        return changed


def spec_of(record: Record) -> DeploymentSpec:
    """The wish that a Record names."""
    return DeploymentSpec(**record.spec)


def _facts(name: str, target: str, held: Holdings, report: Report) -> Facts:
    return Facts(
        name=name, target=target, replicas=held.replicas, gateway=held.gateway, wished=report.wished,
        loaded=report.loaded, gateway_trouble=report.trouble,
    )  # fmt: skip
