"""Secrets are known by numbers; their values are nowhere but in the target's store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Code, Diagnosis, Phase, Result
from deployer.engine.secrets import hiding, redacted
from deployer.errors import DeploymentFailed, Interrupted, SpecError
from tests.unit.engine.place import Heard, Place, wish

SECRET: dict[str, Any] = {"secrets": {"TOKEN": {"env": "MY_TOKEN"}}}
ONE, TWO, THREE = "value-number-one", "value-number-two", "value-number-three"


def _stored(place: Place) -> dict[str, str]:
    secrets = place.store.state.endpoints["iris"].secrets
    return {f"{name}/{number}": value for (name, number), (value, _) in secrets.items()}


@pytest.fixture
def made(place: Place, first: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("MY_TOKEN", ONE)
    place.deployer().create(wish(first, **SECRET))
    return place


def test_the_same_value_is_the_same_revision_and_another_one_is_not(
    made: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = made.deployer()
    assert _stored(made) == {"TOKEN/1": ONE}
    revision = made.live().revisions[0].id
    assert ada.update("iris").traffic.served == (revision,)
    monkeypatch.setenv("MY_TOKEN", TWO)
    plan = ada.plan_update("iris", lambda recorded: wish(Path(recorded["model"]), **SECRET))
    assert ("secrets.TOKEN", "another value") in [(each.what, each.after) for each in plan.changes]
    assert ada.update("iris").traffic.served != (revision,)
    assert _stored(made) == {"TOKEN/1": ONE, "TOKEN/2": TWO}


def test_unset_keeps_the_stored_one(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_TOKEN")
    made.deployer().update("iris", model=str(second))
    assert _stored(made) == {"TOKEN/1": ONE}
    assert {each.fields["secrets"]["TOKEN"] for each in made.record().releases.values()} == {1}


def test_unset_and_nothing_stored(place: Place, first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    with pytest.raises(SpecError, match="the variable MY_TOKEN is not set") as caught:
        place.deployer().create(wish(first, **SECRET))
    assert (caught.value.where, caught.value.hint) == ("secrets.TOKEN", "export MY_TOKEN=...")
    assert place.empty


@pytest.mark.parametrize("now", [TWO, None])
def test_rollback_has_the_value_it_had(
    made: Place, second: Path, monkeypatch: pytest.MonkeyPatch, now: str | None
) -> None:
    """The variable holds another value by then, or none."""
    ada = made.deployer()
    monkeypatch.setenv("MY_TOKEN", TWO)
    ada.update("iris", model=str(second))
    if now is None:
        monkeypatch.delenv("MY_TOKEN")
    ada.rollback("iris")
    assert _stored(made) == {"TOKEN/1": ONE, "TOKEN/2": TWO}
    assert made.record().releases[made.live().revisions[0].id].fields["secrets"] == {"TOKEN": 1}


def test_wait_from_elsewhere_overwrites_nothing(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = made.deployer()
    monkeypatch.setenv("MY_TOKEN", TWO)
    ada.execute(ada.plan(wish(second, **SECRET), verb="update"), wait=False)
    monkeypatch.setenv("MY_TOKEN", THREE)
    ada.wait("iris")
    assert _stored(made) == {"TOKEN/1": ONE, "TOKEN/2": TWO}
    monkeypatch.delenv("MY_TOKEN")
    assert ada.get("iris").phase is Phase.HEALTHY


def test_no_number_ever_stands_for_two_values(made: Place, first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejected release is forgotten, and its number is not given to another value."""
    ada = made.deployer()
    spec = wish(first, **SECRET, config={"behaviour": "load-fails"})
    monkeypatch.setenv("MY_TOKEN", TWO)
    with pytest.raises(DeploymentFailed):
        ada.apply(spec)
    assert _stored(made) == {"TOKEN/1": ONE}
    monkeypatch.setenv("MY_TOKEN", THREE)
    plan = ada.plan(spec)
    assert plan.has_changes  # another secret, so another revision, which nobody rejected
    assert plan.wish is not None
    assert plan.wish.release.fields["secrets"] == {"TOKEN": 3}


def test_a_saved_plan_needs_the_value_before_anything_is_changed(
    made: Place, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = made.deployer()
    monkeypatch.setenv("MY_TOKEN", TWO)
    saved = ada.plan(wish(second, **SECRET))
    assert TWO not in saved.model_dump_json()
    monkeypatch.delenv("MY_TOKEN")
    generation = made.record().generation
    with pytest.raises(SpecError, match="the variable MY_TOKEN is not set"):
        ada.apply(saved)
    assert made.record().generation == generation
    monkeypatch.setenv("MY_TOKEN", TWO)
    ada.apply(saved)
    assert _stored(made) == {"TOKEN/1": ONE, "TOKEN/2": TWO}


def test_a_saved_plan_with_an_old_number_needs_no_value(
    made: Place, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = made.deployer()
    saved = ada.plan(wish(second, **SECRET))
    monkeypatch.setenv("MY_TOKEN", THREE)
    ada.apply(saved)
    assert _stored(made) == {"TOKEN/1": ONE}


def test_stored_before_the_revision_is_staged(place: Place, first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", ONE)
    ada = place.deployer()
    ada.create(wish(first, **SECRET))
    asked = place.target(ada).asked
    assert asked.index("keep_secrets") < asked.index("stage")


def test_killed_before_the_value_was_stored(place: Place, first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine, which has no value, cannot go on, and says so before it changes anything."""
    monkeypatch.setenv("MY_TOKEN", ONE)
    eve = place.deployer("eve@laptop")

    class Killed(BaseException):
        pass

    def kill(verb: str, _count: int) -> None:
        if verb == "keep_secrets":
            raise Killed

    place.target(eve).before = kill
    with pytest.raises(Killed):
        eve.create(wish(first, **SECRET))
    monkeypatch.delenv("MY_TOKEN")
    bob = place.deployer("bob@desk")
    generation = place.record().generation
    with pytest.raises(SpecError, match="MY_TOKEN"):
        bob.wait("iris")
    assert place.record().generation == generation
    monkeypatch.setenv("MY_TOKEN", ONE)
    assert bob.wait("iris").phase is Phase.HEALTHY
    assert _stored(place) == {"TOKEN/1": ONE}


def test_values_appear_nowhere(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when a model prints them."""
    from deployer.testing.memory import life

    monkeypatch.setenv("MY_TOKEN", TWO)
    printed = [f"KeyError: {TWO}", f"token={TWO}"]
    monkeypatch.setitem(life._LINES, "load-fails", printed)
    ada, heard = made.deployer(), Heard()
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", model=str(second), config={"behaviour": "load-fails"}, on_event=heard)
    diagnosis = caught.value.diagnosis
    assert diagnosis is not None
    assert diagnosis.evidence[-2:] == ("KeyError: (secret)", "token=(secret)")
    told = "".join(each.model_dump_json() for each in heard)
    record = made.record().model_dump_json()
    for value in (ONE, TWO):
        assert value not in told
        assert value not in record
        assert value not in str(caught.value) + repr(diagnosis)
    assert made.record().history[0].result is Result.REJECTED


def test_hiding() -> None:
    from types import SimpleNamespace

    plan: Any = SimpleNamespace(
        wish=SimpleNamespace(
            spec={"name": "iris", "model": "m", "secrets": {"A": {"env": "A"}, "B": {"env": "B"}, "C": {"env": "C"}}}
        )
    )
    hide = hiding(plan, {"A": "long-secret", "B": "long-secret-too", "C": "no"})
    assert hide("x long-secret-too y long-secret no") == "x (secret) y (secret) no"
    found = Diagnosis(code=Code.UNKNOWN, summary="long-secret", subject="s", evidence=("a long-secret",), hint=None)
    assert redacted(found, hide) == Diagnosis(
        code=Code.UNKNOWN, summary="(secret)", subject="s", evidence=("a (secret)",)
    )


def test_interrupted_while_values_are_stored(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", TWO)
    ada: Deployer = made.deployer()

    def press(verb: str, _count: int) -> None:
        if verb == "stage":
            raise KeyboardInterrupt

    made.target(ada).before = press
    with pytest.raises(Interrupted):
        ada.update("iris", model=str(second))
    assert made.record().rollout is None or made.target(ada).asked.count("stage") > 1
