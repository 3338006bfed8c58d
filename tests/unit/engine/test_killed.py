"""Killed at every single request, before it or after it: what the next command makes of what is left.

On the way out of a `BaseException` the engine does nothing but forget its claim, as a killed process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Phase, Result
from deployer.engine.outcome import Ending
from deployer.errors import Conflict, DeploymentFailed, NotFound
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


def _begun(name: str, models: Path) -> tuple[Place, Scene]:
    for number in "123":
        packaged(models / number, weights=number)
    place, scene = Place(), SCENES[name]
    scene.before(place.deployer(), models)
    return place, scene


def _asked(place: Place, command: Callable[[Deployer], Any]) -> int:
    """How many requests a command sends when nothing happens to it."""
    ada = place.copy().deployer()
    command(ada)
    return len(Place.target(ada).asked)


def _kill(place: Place, command: Callable[[Deployer], Any], at: int, *, after: bool) -> bool:
    """Run a command that is killed at its n-th request; False when it ended before."""
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
    try:
        command(doomed)
    except Killed:
        return True
    return False


def _killed(name: str, models: Path, *, every: int = 1) -> Iterator[tuple[Place, Scene]]:
    """The place as it is after a kill at each request, before it and after it."""
    start, scene = _begun(name, models)
    for at in range(1, _asked(start, lambda ada: scene.command(ada, models)) + 1, every):
        for after in (False, True):
            place = start.copy()
            assert _kill(place, lambda eve: scene.command(eve, models), at, after=after)
            yield place, scene


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
    for place, scene in _killed(name, tmp_path):
        known = {each.revision for each in place.record().history} if "iris" in place.store.state.records else set()
        if name == "rollback" and place.record().rollout is None and place.record().generation > 2:
            continue  # it was done; once more would go forth again
        made = scene.command(place.deployer(), tmp_path)
        _settled(place)
        history = place.record().history
        revision = made.traffic.served[0]
        released = [each for each in history if each.revision == revision and each.result is Result.RELEASED]
        assert len(released) == (2 if name == "rollback" else 1), history
        assert {each.result for each in history} <= {Result.RELEASED, Result.CHANGED, Result.UNDONE}
        assert known <= {each.revision for each in history}


@pytest.mark.parametrize("name", ["update", "in-place", "rollback", "apply", "secrets"])
def test_something_serves_at_every_moment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, between and after all requests, also of a command that goes on with a killed one or takes it back."""
    monkeypatch.setenv("MY_TOKEN", "s3cret-one")

    def watched(place: Place) -> Deployer:
        somebody = place.deployer()

        def look(_verb: str, _count: int) -> None:
            live = place.live()
            assert live.traffic
            for served in live.traffic.served:
                revision = live.find(served)
                assert revision is not None
                assert revision.ready > 0

        Place.target(somebody).after = look
        return somebody

    for place, scene in _killed(name, tmp_path, every=5):
        other = place.copy()
        scene.command(watched(place), tmp_path)
        watched(other).update("iris", model=str(tmp_path / "3"))


@pytest.mark.parametrize("name", [each for each in SCENES if each not in ("create", "secrets")])
def test_another_wish_converges(name: str, tmp_path: Path) -> None:
    for place, _ in _killed(name, tmp_path):
        bob = place.deployer("bob@desk")
        bob.update("iris", model=str(tmp_path / "3"), rollout={"strategy": "rolling"})
        _settled(place)
        assert place.record().spec["model"] == str(tmp_path / "3")


@pytest.mark.parametrize("name", SCENES)
def test_rollback_wait_or_delete_afterwards_settle_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cret-one")
    for left, _ in _killed(name, tmp_path):
        for way in ("rollback", "delete", "wait"):
            place = left.copy()
            bob = place.deployer("bob@desk")
            try:
                getattr(bob, way)("iris")
            except NotFound:
                assert place.empty or (way == "rollback" and len(place.record().releases) == 1)
                if not place.empty and place.record().rollout is not None:
                    bob.wait("iris")  # a create that holds has nothing to go back to
            if not place.empty:
                assert way != "delete"
                _settled(place)


SLOW_STOP: dict[str, Any] = {"config": {"settle": {"stop": "2s"}}}


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_delete_is_finished_by_delete_and_by_create(tmp_path: Path, after: bool) -> None:
    spec = wish(packaged(tmp_path / "1"), **SLOW_STOP)
    start = Place()
    start.deployer().create(spec)
    for at in range(1, _asked(start, lambda ada: ada.delete("iris")) + 1):
        left = start.copy()
        assert _kill(left, lambda eve: eve.delete("iris"), at, after=after)
        for way in ("delete", "create", "rollback"):
            place = left.copy()
            ada = place.deployer()
            if way == "delete":
                ada.delete("iris", missing_ok=True)
                assert place.empty
            elif way == "create":
                ada.create(spec)
                _settled(place)
                assert len(place.record().history) == 1
            elif place.empty or place.record().rollout is not None:
                with pytest.raises((Conflict, NotFound)):
                    ada.rollback("iris")


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_a_failed_update_is_taken_back(tmp_path: Path, after: bool) -> None:
    start = Place()
    traffic = start.deployer().create(wish(packaged(tmp_path / "1"))).traffic

    def fail(somebody: Deployer) -> None:
        with pytest.raises(DeploymentFailed):
            somebody.update("iris", LOAD_FAILS)

    for at in range(1, _asked(start, fail) + 1):
        place = start.copy()
        assert _kill(place, fail, at, after=after)
        assert place.live().traffic == traffic
        fail(place.deployer())
        assert place.live().traffic == traffic
        _settled(place)
        assert place.record().history[0].result is Result.REJECTED


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_a_failed_create_is_removed(tmp_path: Path, after: bool) -> None:
    good = wish(packaged(tmp_path / "1"))
    bad = wish(tmp_path / "1", config={"behaviour": "load-fails", "settle": {"stop": "2s"}})

    def fail(somebody: Deployer) -> None:
        with pytest.raises(DeploymentFailed):
            somebody.create(bad)

    for at in range(1, _asked(Place(), fail) + 1):
        left = Place()
        assert _kill(left, fail, at, after=after)
        place = left.copy()
        fail(place.deployer())
        assert place.empty
        left.deployer().create(good)
        _settled(left)


@pytest.mark.parametrize("way", ["delete", "create"])
def test_what_is_being_removed_may_be_gone_at_any_moment(tmp_path: Path, way: str) -> None:
    """A removal that was begun goes on by itself, while it is looked at, planned, and gone on with."""
    spec = wish(packaged(tmp_path / "1"), config={"settle": {"stop": "2s"}})
    left = Place()
    left.deployer().create(spec)
    assert _kill(left, lambda eve: eve.delete("iris"), _asked(left, lambda ada: ada.delete("iris")) - 2, after=True)
    assert left.live().phase is Phase.STOPPING

    def command(somebody: Deployer) -> None:
        somebody.delete("iris") if way == "delete" else somebody.create(spec)

    for at in range(1, _asked(left, command) + 1):
        place = left.copy()
        ada = place.deployer()
        target, seen = place.target(ada), 0

        def pass_time(_verb: str, _count: int, at: int = at, place: Place = place) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                place.clock.time += 5.0

        target.before = pass_time
        with suppress(NotFound):
            command(ada)
        if way == "delete":
            assert place.empty
        else:
            _settled(place)


def test_a_staged_create_that_is_gone_before_it_is_taken_back(tmp_path: Path) -> None:
    place = Place()
    ada = place.deployer()
    ada.execute(ada.plan(wish(packaged(tmp_path / "1")), verb="create"), wait=False)
    plan = ada.plan_rollback("iris")
    place.deployer("bob@desk").delete("iris")
    assert ada.execute(plan).ending is Ending.DELETED
    assert place.empty


def test_killed_twice_converges(tmp_path: Path) -> None:
    """An update that is killed while it takes back, or goes on from, another one that was killed."""
    model = str(packaged(tmp_path / "3", weights="3"))
    for left, _ in _killed("update", tmp_path, every=4):
        then = 0
        while True:
            then += 3
            once = left.copy()
            if not _kill(once, lambda bob: bob.update("iris", model=model), then, after=True):
                break
            for way in ("rollback", "update"):
                place = once.copy()
                ada = place.deployer()
                ada.update("iris", model=model)
                if way == "rollback":
                    place = once
                    with suppress(NotFound):  # there may be nothing to go back to, when it was all taken back
                        once.deployer().rollback("iris")
                    if once.record().rollout is not None:  # back at the first one, which holds as it was left
                        assert once.record().rollout.moved  # type: ignore[union-attr]
                        assert once.copy().deployer().rollback("iris").phase is Phase.HEALTHY
                        once.deployer().wait("iris")
                _settled(place)
