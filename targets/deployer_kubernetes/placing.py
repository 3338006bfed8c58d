"""Why no node takes a pod, from the scheduler's sentence. Pure.

``0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: }. preemption: 0/3 nodes are ...``
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import cut

__all__ = ["diagnosis_of_placing"]

_SENTENCE = re.compile(r"(?P<none>\d+/\d+ nodes are available): (?P<why>.+)", re.DOTALL)
_BESIDE = re.compile(r"[.,]?\s*(?:no new claims to deallocate|preemption:).*", re.DOTALL)
"""What making room by ending other pods would not change either."""
_HINTS = (
    (
        r"Insufficient (?P<what>[\w/-]+(?:\.[\w/-]+)*)",
        "no node has so much {what} free: take less by --set resources.{field}=NUMBER, or add a node",
    ),
    (
        r"node affinity|node selector|node\(s\) didn't match",
        "no node has these labels: see config.node_selector, and kubectl get nodes --show-labels",
    ),
    (r"untolerated taint", "the nodes keep others away: see config.tolerations, and kubectl describe nodes"),
    (r"unschedulable|unreachable|not-ready", "nodes are closed or gone: kubectl get nodes"),
    (r"persistentvolumeclaim|volume", "a volume keeps it from every node: kubectl get persistentvolumeclaims"),
    (r"Too many pods", "the nodes have as many pods as they take: add a node, or take fewer replicas"),
)


def diagnosis_of_placing(said: str, events: Sequence[str]) -> Diagnosis:
    """What a pod lacks that no node takes.

    Args:
        said: The scheduler's sentence.
        events: What else the cluster told of the pod.
    """
    found = _SENTENCE.search(said)
    what = f"{_BESIDE.sub('', found['why']).rstrip('. ')} ({found['none']})" if found else said
    return Diagnosis(
        code=Code.UNSCHEDULABLE, summary=cut(f"no node takes it: {what}"),
        evidence=tuple(dict.fromkeys([cut(said), *(cut(each) for each in events if said not in each)]))[:4],
        hint=_hint(said),
    )  # fmt: skip


def _hint(said: str) -> str:
    hints = []
    for pattern, hint in _HINTS:
        match = re.search(pattern, said)
        if match:
            what = match.groupdict().get("what") or ""
            hints.append(hint.format(what=what, field=what if what in ("cpu", "memory") else "gpu"))
    return "; ".join(hints[:2]) or "kubectl describe nodes says what they have"
