"""Where a request goes, and that it is looked again when what was read of the cluster is gone by then."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response
from deployer_kubernetes import doors
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.forwarding import Unsent, send_to_pod
from tests.unit.kubernetes.values import OTHER, facts, pod, server, service_fact

Ask = Callable[..., list[str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send a request while looks find this, one after the other: the pods that were asked."""

    def sent(*seen: Facts, gone: tuple[str, ...] = ()) -> list[str]:
        looks, asked = iter(seen), list[str]()

        def to_pod(_cluster: Any, name: str, _port: int, _request: Request) -> Response:
            if name in gone:
                raise Unsent(f"{name} is gone", transient=True)
            asked.append(name)
            return Response(200, b"")

        monkeypatch.setattr(doors, "survey", lambda *_, **__: next(looks))
        monkeypatch.setattr(doors, "send_to_pod", to_pod)
        monkeypatch.setattr(doors, "_PAUSES", (0, 0))
        cluster: Any = SimpleNamespace(inside=False)
        doors.Doors(cluster, "k8s").send("iris", Request())
        return asked

    return sent


def test_it_goes_to_a_pod_behind_the_service(ask: Ask) -> None:
    other = pod(name="other", uid="u9", revision=OTHER)
    assert ask(facts(pods=(pod(), other))) == [pod().name]


def test_traffic_that_moved_between_two_answers_is_looked_for_again(ask: Ask) -> None:
    """The Service was read before its traffic moved, and the pods after the old ones had gone."""
    other = pod(name="other", uid="u9", revision=OTHER)
    torn = facts(pods=(other,))
    moved = facts(
        pods=(other,), servers=(server(revision=OTHER),), service=service_fact(revision=OTHER, behind=("other",))
    )
    assert ask(torn, moved) == ["other"]


def test_a_pod_that_went_at_that_moment_is_not_the_last_word(ask: Ask) -> None:
    other = pod(name="other", uid="u9")
    before, after = facts(), facts(pods=(other,), service=service_fact(behind=("other",)))
    assert ask(before, after, gone=(pod().name,)) == ["other"]


def test_what_the_api_server_says_of_a_pod_that_went(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words, by which nothing was sent, so that another pod is asked."""
    exceptions = import_module("kubernetes.client.exceptions")
    said = 'Handshake status 404 Not Found -+-+- {"server": "x"} -+-+- b\'{"message":"pods \\"a\\" not found"}\''

    def refuse(*_: Any, **__: Any) -> Any:
        raise exceptions.ApiException(status=0, reason=said)

    monkeypatch.setattr(import_module("kubernetes.stream"), "portforward", refuse)
    settings = import_module("kubernetes.client").Configuration()
    cluster: Any = SimpleNamespace(settings=settings, namespace="ml")
    with pytest.raises(Unsent, match="a is gone") as caught:
        send_to_pod(cluster, "a", 8080, Request())
    assert caught.value.transient


def test_it_is_not_looked_for_ever(ask: Ask) -> None:
    with pytest.raises(TargetUnavailable, match="no pod of iris is ready") as caught:
        ask(*[facts(pods=())] * 3)
    assert caught.value.transient
