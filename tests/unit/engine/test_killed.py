"""Killed at every single request, before it or after it: what the next command makes of what is left.

The engine's `BaseException` path runs nothing of ours on the way out but forgetting the claim, as a killed process does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Phase, Result
from deployer.errors import Conflict, DeployerError, DeploymentFailed, NotFound
from tests.unit.engine.place import Place, packaged, wish

LOAD_FAILS = {"config": {"behaviour": "load-fails"}}


class Killed(BaseException):
    """In the place of SIGKILL."""


@dataclass(frozen=True)
class Scene:
    """A command, and what stands before it."""

    before: Callable[[Deployer, Path], Any]
    command: Callable[[Deployer, Path], Any]


def _made(ada: Deployer, models: Path, **fields: Any) -> None:
    ada.create(wish(models / "1", **fields))


def _made_twice(ada: Deployer, models: Path) -> None:
    _made(ada, models)
    ada.update("iris", model=str(models / "2"))


def _secret(ada: Deployer, models: Path) -> None:
    _made(ada, models, secrets={"TOKEN": {"env": "MY_TOKEN"}})


SCENES = {
    "create": Scene(lambda _ada, _models: None, lambda ada, models: ada.create(wish(models / "1"))),
    "update": Scene(_made, lambda ada, models: ada.update("iris", model=str(models / "2"), labels={"a": "b"})),
    "in-place": Scene(_made, lambda ada, _models: ada.update("iris", replicas=3, labels={"a": "b"})),
    "recreate": Scene(
        _made, lambda ada, models: ada.update("iris", model=str(models / "2"), rollout={"strategy": "recreate"})
    ),
    "rollback": Scene(_made_twice, lambda ada, _models: ada.rollback("iris")),
    "apply": Scene(_made, lambda ada, models: ada.apply(wish(models / "2", replicas=2))),
    "secrets": Scene(_secret, lambda ada, models: ada.update("iris", model=str(models / "2"))),
}


def _scene(name: str, tmp_path: Path) -> tuple[Place, Scene, Path]:
    for number in "123":
        packaged(tmp_path / number, weights=number)
    place, scene = Place(), SCENES[name]
    scene.before(place.deployer(), tmp_path)
    return place, scene, tmp_path


def _requests(name: str, tmp_path: Path) -> int:
    place, scene, models = _scene(name, tmp_path)
    ada = place.deployer()
    scene.command(ada, models)
    return len(place.target(ada).asked)


def _kill(place: Place, command: Callable[[Deployer], Any], at: int, *, after: bool) -> None:
    """Run a command that is killed at the n-th request; one that never comes is an error of the test."""
    doomed = place.deployer("eve@laptop")
    target, seen = place.target(doomed), 0

    def count(verb: str, _number: int) -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            raise Killed(verb)

    if after:
        target.after = count
    else:
        target.before = count
    with pytest.raises(Killed):
        command(doomed)


def _points(name: str, tmp_path: Path) -> list[tuple[int, bool]]:
    count = _requests(name, tmp_path / "count")
    return [(at, after) for at in range(1, count + 1) for after in (False, True)]


def _settled(place: Place) -> None:
    """Everything agrees, and nothing is left over."""
    record, live = place.record(), place.live()
    assert (record.rollout, record.claim) == (None, None)
    assert live.phase is Phase.HEALTHY
    assert live.traffic == record.traffic
    assert [each.id for each in live.revisions] == list(record.traffic.served)
    assert live.revisions[0].wanted == record.spec.get("replicas", 1)
    assert live.settings["labels"] == record.spec.get("labels", {})
    held = place.holdings()["endpoints"]["iris"]
    assert set(held["artifacts"]) == set(record.releases)
    used = {f"{k}/{n}" for each in record.releases.values() for k, n in (each.fields.get("secrets") or {}).items()}
    assert set(held["secrets"]) == used


@pytest.mark.parametrize("name", SCENES)
def test_the_same_command_again_converges(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cret-one")
    for at, after in _points(name, tmp_path):
        place, scene, models = _scene(name, tmp_path / f"{at}{after}")
        _kill(place, lambda eve, s=scene, m=models: s.command(eve, m), at, after=after)  # type: ignore[misc]
        known = {each.revision for each in place.record().history} if "iris" in place.store.state.records else set()
        if name == "rollback" and place.record().rollout is None and place.record().generation > 2:
            continue  # it was done; once more would go forth again
        made = scene.command(place.deployer(), models)
        _settled(place)
        history = place.record().history
        revision = made.traffic.served[0]
        released = [each for each in history if each.revision == revision and each.result is Result.RELEASED]
        assert len(released) == (2 if name == "rollback" else 1), (at, after, history)
        assert {each.result for each in history} <= {Result.RELEASED, Result.CHANGED, Result.UNDONE}
        assert known <= {each.revision for each in history}


@pytest.mark.parametrize("name", [each for each in SCENES if each not in ("create", "secrets")])
def test_another_wish_converges_and_serves_all_the_time(name: str, tmp_path: Path) -> None:
    for at, after in _points(name, tmp_path):
        place, scene, models = _scene(name, tmp_path / f"{at}{after}")
        _kill(place, lambda eve, s=scene, m=models: s.command(eve, m), at, after=after)  # type: ignore[misc]
        bob = place.deployer("bob@desk")
        bob.update("iris", model=str(models / "3"), rollout={"strategy": "rolling"})
        _settled(place)
        assert place.record().spec["model"] == str(models / "3")


@pytest.mark.parametrize("name", SCENES)
def test_rollback_or_delete_afterwards_leaves_a_settled_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cret-one")
    for at, after in _points(name, tmp_path):
        for way in ("rollback", "delete", "wait"):
            place, scene, models = _scene(name, tmp_path / f"{at}{after}{way}")
            _kill(place, lambda eve, s=scene, m=models: s.command(eve, m), at, after=after)  # type: ignore[misc]
            bob = place.deployer("bob@desk")
            try:
                getattr(bob, way)("iris")
            except NotFound:
                assert place.empty or way == "rollback"
            if not place.empty:
                assert way != "delete"
                _settled(place)


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_delete_is_finished_by_delete_and_by_create(tmp_path: Path, after: bool) -> None:
    packaged(tmp_path / "1")
    probe = Place()
    ada = probe.deployer()
    ada.create(wish(tmp_path / "1", config={"settle": {"stop": "2s"}}))
    probe.target(ada).asked.clear()
    ada.delete("iris")
    for at in range(1, len(probe.target(ada).asked) + 1):
        for way in ("delete", "create", "rollback"):
            place = Place()
            ada = place.deployer()
            ada.create(wish(tmp_path / "1", config={"settle": {"stop": "2s"}}))
            _kill(place, lambda eve: eve.delete("iris"), at, after=after)
            began = place.empty or place.record().rollout is not None
            if way == "delete":
                ada.delete("iris", missing_ok=True)
                assert place.empty
            elif way == "create":
                ada.create(wish(tmp_path / "1", config={"settle": {"stop": "2s"}}))
                _settled(place)
                assert len(place.record().history) == 1
            elif began:
                with pytest.raises((Conflict, NotFound)):
                    ada.rollback("iris")


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_a_failed_update_is_taken_back(tmp_path: Path, after: bool) -> None:
    models = tmp_path
    packaged(models / "1")
    probe = Place()
    ada = probe.deployer()
    ada.create(wish(models / "1"))
    probe.target(ada).asked.clear()
    with pytest.raises(DeploymentFailed):
        ada.update("iris", LOAD_FAILS)
    for at in range(1, len(probe.target(ada).asked) + 1):
        place = Place()
        ada = place.deployer()
        traffic = ada.create(wish(models / "1")).traffic
        _kill(place, lambda eve: eve.update("iris", LOAD_FAILS), at, after=after)
        assert place.live().traffic == traffic
        with pytest.raises(DeploymentFailed):
            ada.update("iris", LOAD_FAILS)
        assert place.live().traffic == traffic
        _settled(place)
        assert place.record().history[0].result is Result.REJECTED


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_a_failed_create_is_removed(tmp_path: Path, after: bool) -> None:
    packaged(tmp_path / "1")
    bad = wish(tmp_path / "1", **{"config": {"behaviour": "load-fails", "settle": {"stop": "2s"}}})
    probe = Place()
    ada = probe.deployer()
    with pytest.raises(DeploymentFailed):
        ada.create(bad)
    for at in range(1, len(probe.target(ada).asked) + 1):
        place = Place()
        ada = place.deployer()
        _kill(place, lambda eve: eve.create(bad), at, after=after)
        if at % 2:
            with pytest.raises(DeploymentFailed):
                ada.create(bad)
            assert place.empty
        else:
            ada.create(wish(tmp_path / "1"))
            _settled(place)


def test_killed_twice_converges(tmp_path: Path) -> None:
    """An update that is killed while it takes back another one that was killed."""
    count = _requests("update", tmp_path / "count")
    for at in range(6, count, 3):
        for then in range(2, count + 4, 2):
            place, scene, models = _scene("update", tmp_path / f"{at}-{then}")
            _kill(place, lambda eve, s=scene, m=models: s.command(eve, m), at, after=True)  # type: ignore[misc]
            other = place.deployer("bob@desk")
            target, seen = place.target(other), 0

            def kill(verb: str, _number: int, then: int = then) -> None:
                nonlocal seen
                seen += 1
                if seen == then:
                    raise Killed(verb)

            target.after = kill
            try:
                other.update("iris", model=str(models / "3"))
            except Killed:
                way = ("rollback", "update")[then % 4 // 2]
                ada = place.deployer()
                try:
                    ada.rollback("iris") if way == "rollback" else ada.update("iris", model=str(models / "3"))
                except DeployerError as error:
                    assert isinstance(error, NotFound), (at, then, error)
                    continue
            if place.record().rollout is None:
                _settled(place)
