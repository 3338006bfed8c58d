"""Pods whose containers cannot even be made."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Ending
from deployer_kubernetes.unborn import with_signs
from tests.unit.kubernetes.values import pod

UNBORN = pod(ready=False, phase="Pending", starting=True, uid="u1")


class _Told:
    """What a cluster answers that is asked for events."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.asked = 0

    def all(self, kind: str, labels: str = "", fields: str = "") -> tuple[list[Any], str]:
        assert (kind, labels, fields) == ("Event", "", "involvedObject.kind=Pod,type=Warning")
        self.asked += 1
        return [*self.events], "1"


def _event(reason: str, message: str, count: int = 1, uid: str = "u1") -> dict[str, Any]:
    return {"reason": reason, "message": message, "count": count, "involvedObject": {"uid": uid}}


MEMORY = "runc create failed: container init was OOM-killed (memory limit too low?): unknown"
SECRET = 'MountVolume.SetUp failed for volume "keys" : secret "iris--keys" not found'


@pytest.mark.parametrize(
    ("event", "waiting"),
    [
        (_event("FailedCreatePodSandBox", MEMORY), "FailedCreatePodSandBox"),
        (_event("FailedCreatePodSandBox", MEMORY, uid="u2"), ""),
        (_event("FailedCreatePodSandBox", "the network plug-in is not there yet", 9), ""),
        (_event("FailedMount", SECRET, 3), "FailedMount"),
        (_event("FailedMount", SECRET, 2), ""),
        (_event("FailedMount", "failed to sync secret cache: timed out waiting for the condition", 9), ""),
        (_event("Unhealthy", MEMORY, 9), ""),
    ],
)
def test_what_is_in_vain(event: dict[str, Any], waiting: str) -> None:
    (found,) = with_signs(cast("Cluster", _Told(event)), (UNBORN,))
    assert found.waiting == waiting
    assert found.waiting_message == (event["message"] if waiting else "")


def test_nobody_is_asked_about_pods_whose_containers_are_there() -> None:
    told = _Told(_event("FailedMount", SECRET, 9))
    others = (
        pod(), pod(ready=False, phase="Pending", waiting="ErrImagePull"), pod(ready=False, phase="Pending", node=""),
        pod(ready=False, phase="Pending", leaving=True), pod(ready=False, last=Ending("Error", 1)),
    )  # fmt: skip
    assert with_signs(cast("Cluster", told), others) == others
    assert told.asked == 0
