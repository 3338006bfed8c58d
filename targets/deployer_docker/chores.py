"""What a verb began and its connection's next looks end: replicas that leave, a gateway that is led on, artifacts.

A verb returns at once; requests end in their own time. Whoever waits looks at the endpoint again and again, so each
look does what can be done by then, as long as the claim holds. A client that goes leaves the rest to the next verb.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import Claim
from deployer.gateway import changes
from deployer_docker.artifacts import remove_artifacts, remove_volume
from deployer_docker.client import told, unless_gone
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.marks import PREFIX
from deployer_docker.observe import is_ready
from deployer_docker.removing import remove_all
from deployer_docker.replicas import condemn
from deployer_docker.survey import Holdings, adopted_volumes, gateway_of, holdings

__all__ = ["Chores", "sweep"]

GRACE = 10.0
"""Seconds that a replica gets beyond its own limit for ending its requests."""
PATIENCE = 1.0
"""Seconds that a verb waits for a replica that has no requests any more, so that none but busy ones are waited for."""


@dataclass
class _Leaving:
    serves: bool
    """Whether it was ready when it was dismissed, so that it hears a signal and may have requests."""
    deadline: float | None = None
    """By the monotonic clock, once it has been told to end."""


class Chores:
    """Those of one endpoint, under one claim.

    Args:
        api: docker-py's low-level client.
        endpoint: Which.
        claim: Whose verb began them.
        held: Raises ClaimLost unless that claim holds.
    """

    def __init__(self, api: Any, endpoint: str, claim: Claim, held: Callable[[], object]) -> None:
        self.claim = claim
        self.leading = False
        """Whether the gateway has steps before it."""
        self._api = api
        self._endpoint = endpoint
        self._held = held
        self._leaving: dict[str, _Leaving] = {}
        self._artifacts: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.leading or self._leaving or self._artifacts)

    @property
    def asks_gateway(self) -> bool:
        """Whether what is to be done next depends on what the gateway says."""
        return self.leading or any(each.deadline is None for each in self._leaving.values())

    def dismiss(self, facts: Facts, containers: Iterable[ContainerFact]) -> None:
        """Let containers end, which are no members of the wished routing any more."""
        for each in containers:
            # One that is condemned already may have requests still: it is ended as gently as the first time.
            self._leaving.setdefault(each.id, _Leaving(is_ready(facts, each) or each.condemned))

    def forget_artifacts(self, revision: str) -> None:
        """Remove a revision's artifacts when nothing runs from them any more."""
        self._artifacts.add(revision)

    def go_on(self, facts: Facts) -> bool:
        """Do what can be done by now; whether anything was changed.

        Raises:
            ClaimLost: Another writer has the endpoint; nothing was changed.
        """
        known = {each.id: each for each in facts.replicas}
        self._leaving = {each: how for each, how in self._leaving.items() if each in known}
        ended = [each for each in self._leaving if known[each].condemned and not known[each].running]
        late = [each for each, how in self._leaving.items() if how.deadline and time.monotonic() > how.deadline]
        free = [
            known[each] for each, how in self._leaving.items() if how.deadline is None and _is_free(facts, known[each])
        ]
        free = [each for each in free if each.id not in ended]
        gone = {*ended, *late}
        idle = {
            each for each in self._artifacts
            if not any(one.revision == each and one.id not in gone for one in facts.replicas)
        }  # fmt: skip
        step = changes(facts.loaded, facts.wished) if facts.loaded is not None and facts.wished is not None else None
        self.leading = self.leading and step is not None and not step.done
        commands = step.commands if step is not None and self.leading else ()
        if not (gone or free or idle or commands):
            return False
        self._held()
        remove_all(self._api, gone)
        for volume in adopted_volumes(holdings(self._api, self._endpoint).volumes) if gone else ():
            if volume["Labels"][f"{PREFIX}container"] in gone:
                remove_volume(self._api, volume["Name"])
        for each in free:
            self._end(each)
        if commands and facts.gateway is not None:
            gateway_of(self._api, facts.gateway).send(commands)
        if idle:
            held = holdings(self._api, self._endpoint)
            self._artifacts -= {each for each in idle if remove_artifacts(self._api, self._endpoint, each, held)}
        return True

    def await_exits(self) -> None:
        """Until those that were told to end have ended; not for long, since they may have requests."""
        until = time.monotonic() + PATIENCE
        waiting = [each for each, how in self._leaving.items() if how.deadline is not None]
        while waiting and time.monotonic() < until:
            waiting = [each for each in waiting if self._runs(each)]
            if waiting:
                time.sleep(0.03)

    def _runs(self, container: str) -> bool:
        with told("look at a container", container[:12]), unless_gone():
            return bool(self._api.inspect_container(container)["State"]["Running"])
        return False

    def _end(self, container: ContainerFact) -> None:
        how = self._leaving[container.id]
        drain = container.labels.get("drain", "")
        how.deadline = time.monotonic() + (float(drain) if drain else 30.0) + GRACE
        condemn(self._api, container, serving=how.serves)


def _is_free(facts: Facts, container: ContainerFact) -> bool:
    """Whether the gateway sends a container nothing new."""
    if facts.loaded is None or not container.address:
        return True
    return not any(each.member == container.member and each.state != "draining" for each in facts.loaded.servers)


def sweep(api: Any, held: Holdings, check: Callable[[], object]) -> None:
    """Remove what an earlier verb condemned and nobody was there to remove; ``check`` raises ClaimLost."""
    ended = [each.id for each in held.replicas if each.condemned and not each.running]
    there = {each.id for each in held.replicas} - {*ended}
    past = [each for each in adopted_volumes(held.volumes) if each["Labels"][f"{PREFIX}container"] not in there]
    if ended or held.couriers or past:
        check()
        remove_all(api, [*ended, *(each.id for each in held.couriers)])
        for volume in past:
            remove_volume(api, volume["Name"])
