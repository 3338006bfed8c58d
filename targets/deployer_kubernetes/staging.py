"""Makes a revision, or brings its count and what of the endpoint it carries to what is wished."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from deployer.endpoint import Record, Release
from deployer.spec import DeploymentSpec
from deployer.target.container import auth_of
from deployer.target.reading import secret_numbers
from deployer.value import JSON, digest
from deployer_kubernetes.adoption.adopted import adopted_among
from deployer_kubernetes.adoption.keeping import keep_adopted
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.kserve.staging import stage_inference
from deployer_kubernetes.kserve.wish import by_kserve, made_name
from deployer_kubernetes.marks import BEGUN, PREFIX, Role, selector
from deployer_kubernetes.observe import is_hopeless, traffic_of
from deployer_kubernetes.policies import keep_policy
from deployer_kubernetes.requests import config_of, deployment, deployment_name, network_policy, scaler
from deployer_kubernetes.secrets import ensure_keys, ensure_stored
from deployer_kubernetes.writing import Hand

__all__ = ["Staging", "shape_of"]

_SHAPE = f"{PREFIX}shape"
_COUNT = "count"
_SCALERS = frozenset({"kube-controller-manager", "keda", "keda-operator"})
"""Who has a count on an autoscaler's behalf; a count by hand is not overruled."""


def shape_of(spec: DeploymentSpec) -> str:
    """What of the endpoint a revision's Deployment carries: when that is equal, it is left as it was made.

    So a newer deployer, whose own part of the template differs, restarts nothing.
    """
    config = config_of(spec)
    made = [config.pull_login] if config.pull_login != "none" else []
    return digest([auth_of(spec), config.service_account, [*config.pull_secrets], spec.labels, *made])[:16]


class Staging:
    """One `deployer.target.Target.stage`.

    Args:
        cluster: The namespace.
        hand: Writes the endpoint's objects.
        spec: The wish.
        release: The revision.
        record: The Record as it was read last.
    """

    def __init__(self, cluster: Cluster, hand: Hand, spec: DeploymentSpec, release: Release, record: Record) -> None:
        self._cluster = cluster
        self._hand = hand
        self._spec = spec
        self._release = release
        self._owner = record.owner
        self._name = deployment_name(spec.name, release.revision)

    def run(self, facts: Facts) -> None:
        """Do it.

        Args:
            facts: What is there of the endpoint.
        """
        made = self._cluster.all("Deployment", selector(self._spec.name, Role.SERVER))[0]
        adopted = adopted_among(made, self._release.revision)
        if adopted is not None:
            keep_adopted(self._cluster, self._hand, (self._spec, self._release, self._owner), adopted)
            return
        ensure_stored(self._cluster, self._spec.name, secret_numbers(self._release))
        if self._spec.auth.api_keys:  # its pods would only wait for them
            ensure_keys(self._hand, self._spec, self._owner, os.environ)
        keep_policy(self._hand, self._name)
        self._hand.ensure(network_policy(self._spec, self._release, self._owner))
        if by_kserve(self._spec):
            self._stage_inference(facts)
            return
        found = self._hand.find("Deployment", self._name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            return  # on its way out: the next call makes it anew
        made = self._make(facts) if found is None else self._change(found)
        self._scale(made)
        if found is not None:
            self._revive(made, facts)

    def _stage_inference(self, facts: Facts) -> None:
        revision = self._release.revision
        first = None if revision in traffic_of(facts).served else self._first_count(facts)
        wish, shape = (self._spec, self._release, self._owner), (_SHAPE, shape_of(self._spec))
        stage_inference(self._cluster, self._hand, wish, shape, first)
        made = self._hand.find("Deployment", made_name(self._name))
        if made is not None:
            self._revive(made, facts)

    def _document(self, count: int | None) -> dict[str, Any]:
        found: dict[str, Any] = deployment(self._spec, self._release, self._owner, count)
        found["metadata"]["annotations"][_SHAPE] = shape_of(self._spec)
        return found

    def _make(self, facts: Facts) -> Any:
        made = self._hand.ensure(self._document(self._first_count(facts)))
        # In a name of its own, so that whoever changes the rest leaves the count alone, and an autoscaler can have it.
        return self._hand.own("Deployment", made, {"replicas": made["spec"]["replicas"]}, _COUNT)

    def _first_count(self, facts: Facts) -> int:
        """A range begins where what serves now is, so that a new revision is not smaller than its load."""
        wish = self._spec.replicas
        if isinstance(wish, int):
            return wish
        serving = facts.server(facts.service.revision) if facts.service is not None else None
        return min(wish.max, max(wish.min, 1, serving.wanted if serving is not None else 0))

    def _change(self, found: Any) -> Any:
        wish, now = self._spec.replicas, int(found["spec"].get("replicas", 1))
        if isinstance(wish, int):
            # Whoever scales it lets go first.
            self._hand.remove("HorizontalPodAutoscaler", self._name)
            if now != wish or not self._has_count(found):
                found = self._hand.own("Deployment", found, {"replicas": wish}, _COUNT, _SCALERS)
        elif now == 0 or not self._has_count(found):  # one that sleeps is woken, to be looked at
            found = self._hand.own("Deployment", found, {"replicas": max(now, 1)}, _COUNT, _SCALERS)
        if self._is_as_wished(found):
            return found
        return self._hand.ensure(self._document(None), found)

    def _has_count(self, found: Any) -> bool:
        """Whether the count is somebody's own, so that it stays when the rest is written without it."""
        return any(
            "f:replicas" in (each.get("fieldsV1") or {}).get("f:spec", {})
            for each in found["metadata"].get("managedFields") or ()
            if each.get("manager") != self._hand.manager
        )

    def _is_as_wished(self, found: Any) -> bool:
        image = self._release.image
        containers: list[JSON] = found["spec"]["template"]["spec"]["containers"]
        mine = next((each["image"] for each in containers if each["name"] == "server"), None)
        shape = (found["metadata"].get("annotations") or {}).get(_SHAPE)
        return shape == shape_of(self._spec) and image is not None and mine == image.reference

    def _scale(self, made: Any) -> None:
        document = scaler(self._spec, self._release, self._owner)
        if document is not None:
            document["metadata"]["ownerReferences"] = [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._name, "uid": made["metadata"]["uid"]}
            ]
            self._hand.ensure(document)

    def _revive(self, made: Any, facts: Facts) -> None:
        """Remove pods that would wait in vain, or long: the Deployment makes others at once."""
        live = facts.live(self._release.revision)
        lost = [each for each in live if is_hopeless(facts, each)]
        if lost and not any(each.ready for each in live):
            now = datetime.fromtimestamp(self._cluster.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._hand.annotate("Deployment", made, {BEGUN: now}, "begun")
        for pod in lost:
            self._hand.remove("Pod", pod.name)
