"""Images that a node asked for before it had the login for them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Facts, PodFact
from deployer_kubernetes.late_logins import without_late_logins
from deployer_kubernetes.observe import endpoint_of
from tests.unit.kubernetes.values import facts, pod

IMAGE = "registry.example.com/ml/iris@sha256:1"
REFUSED = (
    f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": pulling from host '
    "registry.example.com failed with status code [manifests 1]: 401 Unauthorized"
)
ABSENT = f'failed to pull and unpack image "{IMAGE}": {IMAGE}: not found'
LATE = "Unable to retrieve some image pull secrets (iris--pull); attempting to pull the image may not succeed."


class _There:
    """A cluster that has these events, and the Secret ``iris--pull``."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events = events
        self.asked = 0

    def all(self, kind: str, labels: str = "", fields: str = "") -> tuple[list[Any], str]:
        assert (kind, labels, fields) == ("Event", "", "involvedObject.uid=u1")
        self.asked += 1
        return [*self._events], "1"

    def get(self, kind: str, name: str) -> Any:
        assert kind == "Secret"
        return {} if name == "iris--pull" else None


def event(reason: str, second: int, message: str = "", count: int = 1) -> dict[str, Any]:
    time = f"2026-01-01T00:00:{second:02d}Z"
    return {"reason": reason, "message": message, "count": count, "lastTimestamp": time, "metadata": {}}


def waiting(reason: str, said: str) -> PodFact:
    return pod(ready=False, phase="Pending", waiting=reason, waiting_message=said)


FAILED = f'Failed to pull image "{IMAGE}": {REFUSED}'
FIRST = (
    event("FailedToRetrieveImagePullSecret", 5, LATE), event("Pulling", 5), event("Failed", 6, FAILED),
    event("Failed", 12, "Error: ImagePullBackOff"),
)  # fmt: skip
BACK_OFF = f'Back-off pulling image "{IMAGE}": ErrImagePull: {REFUSED}'


@pytest.mark.parametrize(
    ("reason", "said", "events", "tried_again"),
    [
        ("ErrImagePull", REFUSED, FIRST, True),
        ("ErrImagePull", REFUSED, (), True),  # the events are on their way
        ("ErrImagePull", REFUSED, FIRST[1:], False),  # with the login, or there is none
        ("ErrImagePull", ABSENT, (), False),
        ("ImagePullBackOff", BACK_OFF, FIRST, True),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', FIRST, True),
        ("ImagePullBackOff", BACK_OFF, (), False),
        ("ImagePullBackOff", BACK_OFF, (*FIRST, event("Pulling", 16, count=2)), True),  # is just pulled
        ("ImagePullBackOff", BACK_OFF, (*FIRST, event("Failed", 16, FAILED, 2)), False),  # refused with it
        ("ImagePullBackOff", BACK_OFF, (event(FIRST[0]["reason"], 25, LATE, 9), event("Failed", 25, FAILED, 3)), False),
        ("ImagePullBackOff", BACK_OFF, (event(FIRST[0]["reason"], 5, LATE.replace("iris--pull", "mine")),), False),
    ],
)
def test_what_is_tried_again_with_a_login_is_waited_for(
    reason: str, said: str, events: tuple[dict[str, Any], ...], tried_again: bool
) -> None:
    (found,) = without_late_logins(cast("Cluster", _There(*events)), (waiting(reason, said),))
    assert (found.waiting == "") is tried_again
    seen = endpoint_of(_facts(found))
    assert seen is not None
    assert seen.revisions[0].phase.value == ("starting" if tried_again else "failed")


def _facts(found: PodFact) -> Facts:
    return facts(pods=(found,))


def test_nobody_is_asked_about_pods_that_wait_for_something_else() -> None:
    there = _There()
    pods = (pod(), waiting("ErrImagePull", ABSENT), waiting("CrashLoopBackOff", "401 Unauthorized"))
    assert without_late_logins(cast("Cluster", there), pods) == pods
    assert there.asked == 0
