"""Why no node takes a pod, in the scheduler's own sentences."""

from __future__ import annotations

import pytest

from deployer.endpoint import Code
from deployer_kubernetes.placing import diagnosis_of_placing

AFTER = "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
SAID = {
    f"0/3 nodes are available: 3 Insufficient cpu. {AFTER}": (
        "no node takes it: 3 Insufficient cpu (0/3 nodes are available)", "resources.cpu=",
    ),
    "0/3 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are": (
        "1 Insufficient memory, 2 Insufficient nvidia.com/gpu (0/3", "resources.memory=",
    ),
    f"0/3 nodes are available: 3 Insufficient nvidia.com/gpu. {AFTER}": ("nvidia.com/gpu (0/3", "resources.gpu="),
    f"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. {AFTER}": (
        "didn't match Pod's node affinity/selector (0/1", "config.node_selector",
    ),
    "0/2 nodes are available: 2 node(s) had untolerated taint {gpu: true}. preemption: 0/2 nodes are available": (
        "untolerated taint {gpu: true} (0/2", "config.tolerations",
    ),
    "0/1 nodes are available: 1 Too many pods.": ("1 Too many pods (0/1", "fewer replicas"),
    "running PreBind plugin: the volume is elsewhere": ("the volume is elsewhere", "persistentvolumeclaims"),
    "nobody knows": ("nobody knows", "kubectl describe nodes"),
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_what_is_missing(said: str) -> None:
    words, hint = SAID[said]
    found = diagnosis_of_placing(said, (f"FailedScheduling: {said}", "FailedScheduling: earlier, something else"))
    assert (found.code, found.is_verdict) == (Code.UNSCHEDULABLE, False)
    assert words in found.summary
    assert "reemption" not in found.summary
    assert hint in (found.hint or "")
    assert found.evidence == (said, "FailedScheduling: earlier, something else")
