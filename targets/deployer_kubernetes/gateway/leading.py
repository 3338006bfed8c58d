"""Has all pods of an endpoint's gateway do what its ConfigMap says, and have its files."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from deployer.errors import TargetUnavailable
from deployer.gateway import changes
from deployer_kubernetes.client import REQUEST, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.gateway.asking import send
from deployer_kubernetes.gateway.facts import GatewayFact, Report
from deployer_kubernetes.gateway.objects import settings_for
from deployer_kubernetes.marks import PREFIX

__all__ = ["Leading"]

_ROUNDS = 8
"""How many steps are taken within one verb; what has to wait is gone on with at the next look."""
_AGAIN = 2.0
"""Seconds after which a kubelet that has not brought the files yet is asked once more."""
_ASKED = f"{PREFIX}asked"
_SETTINGS = settings_for(60.0)


class Leading:
    """Leads one endpoint's gateway, under one claim.

    A pod does at once what it is told, and begins with its files when its container is started anew. The kubelet brings
    these within a minute or two, and at once when an annotation of the pod changes
    (https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/).

    Args:
        cluster: Its namespace.
        token: The claim's.
        held: Raises ClaimLost unless that claim holds; called before each change.
    """

    def __init__(self, cluster: Cluster, token: str, held: Callable[[], object]) -> None:
        self.token = token
        self._cluster = cluster
        self._held = held
        self._asked: dict[str, float] = {}

    def lead(self, gateway: GatewayFact) -> GatewayFact:
        """As far as nothing has to wait; what it says then.

        Raises:
            ClaimLost: Another writer has the endpoint.
            TargetUnavailable: A pod that requests are sent to does not answer, or refuses a change; transient.
        """
        if gateway.wished is None:
            raise TargetUnavailable("the gateway has lost its wish", transient=True)
        names = list(gateway.reports)
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            reports = dict(zip(names, pool.map(lambda name: self._lead_one(gateway, name), names), strict=True))
        led = replace(gateway, reports=reports)
        self._bring_files(led)
        silent = next((each for each in led.ready if led.reports.get(each.name, Report()).loaded is None), None)
        if silent is not None:
            said = led.reports.get(silent.name, Report()).trouble
            raise TargetUnavailable(f"the gateway does not answer: {said}", transient=True, where=silent.name)
        return led

    def is_over(self, gateway: GatewayFact) -> bool:
        """Whether nothing is left to do."""
        whole = len([each for each in gateway.pods if not each.leaving]) >= gateway.wanted
        return whole and gateway.is_led() and not [*gateway.stale()]

    def _lead_one(self, gateway: GatewayFact, name: str) -> Report:
        found, wished = gateway.reports[name], gateway.wished
        ready = any(each.name == name for each in gateway.ready)
        said: list[str] = []
        try:
            for _ in range(_ROUNDS):
                if found.loaded is None or wished is None:
                    return found
                step = changes(found.loaded, wished)
                if not step.commands:
                    return found
                self._held()
                said, found = send(self._cluster, name, _SETTINGS, step.commands)
        except TargetUnavailable as error:
            if ready:
                raise
            return Report(trouble=error.message)  # it begins, or ends
        if said and ready:
            raise TargetUnavailable(f"the gateway refuses a change: {said[0][:300]}", transient=True, where=name)
        if said:  # one that takes no requests, and cannot be led: it has no say
            return Report(trouble=said[0][:300])
        return found

    def _bring_files(self, gateway: GatewayFact) -> None:
        leaving = {each.name for each in gateway.pods if each.leaving}
        # Those that have not begun yet may have been given what was wished before.
        begin = [each.name for each in gateway.pods if each.node and each.name not in gateway.reports]
        for name in (*gateway.stale(), *begin):
            if name in leaving or time.monotonic() - self._asked.get(name, -_AGAIN) < _AGAIN:
                continue
            self._held()
            sys.audit(REQUEST, f"gateway files {name}")
            path = f"/metadata/annotations/{_ASKED.replace('/', '~1')}"
            with self._cluster.told(f"have the kubelet bring files to {name}", name):
                try:
                    self._cluster.patch(
                        "Pod", name, [{"op": "add", "path": path, "value": uuid.uuid4().hex}], "deployer"
                    )
                except Refused as refused:
                    if refused.status != 404:  # gone by now
                        raise
            self._asked[name] = time.monotonic()
