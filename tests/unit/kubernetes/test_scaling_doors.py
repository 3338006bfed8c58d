"""A request to an endpoint that sleeps goes where it is held, and where those that are awake get theirs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from deployer.target import Request, Response
from deployer_kubernetes import doors
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.scaling.facts import ActivatorFact
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, server, service_fact

if TYPE_CHECKING:
    import pytest

ACTIVATOR = ActivatorFact(2, 2, (pod(name="a1", revision=""), pod(name="a2", revision="", ready=False)))


def asked(monkeypatch: pytest.MonkeyPatch, seen: Facts, revision: str | None = None) -> tuple[str, int, Response]:
    """Which pod a request goes to, at which port, and what is answered."""
    found: list[tuple[str, int]] = []

    def to_pod(_cluster: Any, name: str, port: int, _request: Request) -> Response:
        found.append((name, port))
        return Response(200, b"")

    monkeypatch.setattr(doors, "survey", lambda *_, **__: seen)
    monkeypatch.setattr(doors, "send_to_pod", to_pod)
    cluster: Any = SimpleNamespace(inside=False)
    way = doors.Doors(cluster, "k8s")
    answer = way.send("iris", Request()) if revision is None else way.send_to("iris", revision, Request())
    ((name, port),) = found
    return name, port, answer


def napping(**fields: Any) -> Facts:
    asleep = {
        "service": service_fact(activator=True, behind=()), "pods": (), "servers": (server(wanted=0, count=0),),
        "activator": ACTIVATOR,
    }  # fmt: skip
    return facts(**{**asleep, **fields})


def test_it_is_held_by_the_activator(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, napping())[:2] == ("a1", 8080)
    assert asked(monkeypatch, napping(), REVISION)[:2] == ("a1", 8080)


def test_one_that_is_awake_is_kept_awake_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    awake = napping(pods=(pod(),), service=service_fact(activator=True))
    assert asked(monkeypatch, awake)[0] == "a1"
    # To be looked at, its own pod is asked.
    assert asked(monkeypatch, awake, REVISION)[0] == pod().name


def test_another_revision_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    other = pod(name="other", revision=OTHER)
    assert asked(monkeypatch, napping(pods=(other,), servers=(server(revision=OTHER),)), OTHER)[0] == "other"


def test_a_server_that_does_not_say_what_it_is_is_told_by_its_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    from deployer.target.container import Asked, write_paths

    routes = write_paths(Asked(9000, "/health", "/v1/answer"))
    seen = napping(servers=(server(wanted=0, count=0, told={"routes": routes}),))
    name, port, answer = asked(monkeypatch, seen)
    assert (name, port, answer.headers["deployer-revision"]) == ("a1", 8080, REVISION)
