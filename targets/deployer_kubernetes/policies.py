"""How long what pods need beside them stays: until the last of them is gone, also when nobody waits for that.

A Deployment is gone while its pods still end their requests, and so is all that it owns. The garbage collector
removes an object when the last of its owners is gone, so what is to go (a NetworkPolicy, a revision's own Service) is
given the pods as its owners.
"""

from __future__ import annotations

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.marks import REVISION, Role, selector
from deployer_kubernetes.writing import Hand

__all__ = ["keep", "keep_policy", "leave", "leave_policy", "leave_service"]


def keep_policy(hand: Hand, name: str) -> None:
    """Let a policy stay, that was to go with pods of an earlier life.

    Raises:
        TargetUnavailable: It goes at this moment; transient.
    """
    keep(hand, "NetworkPolicy", name)


def leave_policy(cluster: Cluster, hand: Hand, endpoint: str, revision: str, name: str) -> None:
    """Have a policy go with the last pod of its revision, whose Deployment was removed before."""
    leave(cluster, hand, ("NetworkPolicy", name), f"{selector(endpoint, Role.SERVER)},{REVISION}={revision}")


def leave_service(cluster: Cluster, hand: Hand, endpoint: str, revision: str, name: str) -> None:
    """Have a revision's own Service go with its last pod: connections that are open need it until then."""
    leave(cluster, hand, ("Service", name), f"{selector(endpoint, Role.SERVER)},{REVISION}={revision}")


def keep(hand: Hand, kind: str, name: str) -> None:
    """Let an object stay, that was to go with pods of an earlier life.

    Raises:
        TargetUnavailable: It goes at this moment; transient.
    """
    found = hand.find(kind, name)
    if found is None or not found["metadata"].get("ownerReferences"):
        return
    if found["metadata"].get("deletionTimestamp") or not hand.tie(kind, found, ()):
        hand.overtaken(kind, name)


def leave(cluster: Cluster, hand: Hand, what: tuple[str, str], labels: str) -> None:
    """Have an object go with the last of some pods, whose Deployment was removed before.

    Args:
        cluster: The namespace.
        hand: Writes the endpoint's objects.
        what: Its kind and name.
        labels: Selects the pods.
    """
    kind, name = what
    found = hand.find(kind, name)
    if found is None:
        return
    # Who makes pods counts too: one may come into being after this look.
    owners = [
        {"apiVersion": api, "kind": maker, **each}
        for maker, api in (("ReplicaSet", "apps/v1"), ("Pod", "v1"))
        for each in cluster.all(maker, labels)[0]
    ]
    if owners:
        hand.tie(kind, found, owners)
    else:
        hand.remove(kind, name)
