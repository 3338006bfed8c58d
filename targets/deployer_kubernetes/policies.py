"""How long a revision's NetworkPolicy stays: until the last of its pods is gone, also when nobody waits for that.

A Deployment is gone while its pods still end their requests, and so is all that it owns. The garbage collector
removes an object when the last of its owners is gone, so a policy that is to go is given the pods as its owners.
"""

from __future__ import annotations

from deployer.errors import TargetUnavailable
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.marks import REVISION, Role, selector
from deployer_kubernetes.writing import Hand

__all__ = ["keep_policy", "leave_policy"]


def keep_policy(hand: Hand, name: str) -> None:
    """Let a policy stay, that was to go with pods of an earlier life.

    Raises:
        TargetUnavailable: It goes at this moment; transient.
    """
    found = hand.find("NetworkPolicy", name)
    if found is None or not found["metadata"].get("ownerReferences"):
        return
    if found["metadata"].get("deletionTimestamp") or not hand.tie("NetworkPolicy", found, ()):
        raise TargetUnavailable(f"NetworkPolicy {name} is just being removed", transient=True, where=name)


def leave_policy(cluster: Cluster, hand: Hand, endpoint: str, revision: str, name: str) -> None:
    """Have a policy go with the last pod of its revision, whose Deployment was removed before."""
    found = hand.find("NetworkPolicy", name)
    if found is None:
        return
    labels = f"{selector(endpoint, Role.SERVER)},{REVISION}={revision}"
    # Who makes pods counts too: one may come into being after this look.
    owners = [
        {"apiVersion": api, "kind": kind, **each}
        for kind, api in (("ReplicaSet", "apps/v1"), ("Pod", "v1"))
        for each in cluster.all(kind, labels)[0]
    ]
    if owners:
        hand.tie("NetworkPolicy", found, owners)
    else:
        hand.remove("NetworkPolicy", name)
