"""What is not ours is taken over while it runs, also when whoever does it is killed at any request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Phase
from deployer.engine.outcome import Ending
from deployer.errors import Conflict, DeploymentFailed, Interrupted, NotFound, SpecError
from deployer.plan import ADOPT
from deployer.registry import Registry
from deployer.target import Site, Target, TargetKind
from deployer.testing.memory.place import Fault
from tests.unit.engine.place import Heard, Place, wish

BEGAN = 1_600_000_000.0


class Killed(BaseException):
    """In the place of SIGKILL."""


def by_hand(place: Place, model: Path, name: str = "iris", **runs: Any) -> None:
    """Something that somebody else made, and that serves that model."""
    place.store._place_put_foreign(name, {"since": BEGAN, "url": "http://theirs"}, {"model": str(model), **runs})


def settled(place: Place, revision: str) -> None:
    live, record = place.live(), place.record()
    assert (live.managed, live.owner, live.phase) == (True, "default", Phase.HEALTHY)
    assert live.traffic.served == (revision,)
    assert (record.owner, record.rollout) == ("default", None)


def test_it_is_ours_and_runs_on(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first, replicas=2, env={"A": "1", "API_TOKEN": "hunter2"})
    heard = Heard()
    plan = ada.plan(wish(first, replicas=2, env={"A": "1"}), adopt=True)
    outcome = ada.execute(plan, on_event=heard)
    assert outcome.ending is Ending.ADOPTED
    assert plan.wish is not None
    settled(place, plan.wish.release.revision)
    (runs,) = place.live().revisions
    assert (runs.since, runs.wanted, runs.ready) == (BEGAN, 2, 2)  # nothing was started
    assert heard.steps() == ["adopt"]
    record = place.record()
    assert record.claim is None
    assert [(each.verb, each.by) for each in record.history] == [(ADOPT, "ada@laptop")]
    assert not ada.plan(wish(first, replicas=2, env={"A": "1"})).has_changes


def test_without_being_asked_nothing_is_touched(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first)
    before = place.holdings()
    for act in (
        lambda: ada.apply(wish(first)),
        lambda: ada.create(wish(first)),
        lambda: ada.update("iris", replicas=2),
        lambda: ada.delete("iris"),
        lambda: ada.rollback("iris"),
    ):
        with pytest.raises(Conflict) as caught:
            act()
        assert caught.value.hint == "deployer import iris shows whether it can be taken over"
    assert place.holdings() == before


def test_a_dry_run_touches_nothing(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first)
    before = place.holdings()
    assert ada.plan(wish(first), adopt=True).adopts is not None
    assert place.holdings() == before


def test_it_is_brought_to_the_wish_and_can_go_back(place: Place, ada: Deployer, first: Path, second: Path) -> None:
    by_hand(place, first)
    made = ada.apply(wish(second), adopt=True)
    assert made.revision is not None
    assert [each.verb for each in place.record().history] == ["apply", ADOPT]
    back = ada.rollback("iris")
    assert back.revision is not None
    assert back.revision.model == str(first)


def test_a_failed_release_leaves_what_was_adopted(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first)
    with pytest.raises(DeploymentFailed):
        ada.apply(wish(first, config={"behaviour": "load-fails"}), adopt=True)
    (runs,) = place.live().revisions
    settled(place, runs.id)
    assert runs.since == BEGAN


def test_what_took_its_place_is_left_alone(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first)
    plan = ada.plan(wish(first), adopt=True)
    place.store._place_remove_foreign("iris")
    by_hand(place, first)
    with pytest.raises(Conflict, match="something else by now"):
        ada.execute(plan)
    assert not place.live().managed
    assert place.holdings()["records"] == []


def test_what_went_away_is_not_made(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first)
    plan = ada.plan(wish(first), adopt=True)
    place.store._place_remove_foreign("iris")
    with pytest.raises(Conflict, match="is gone"):
        ada.execute(plan)
    assert place.empty


def test_another_owner_s_endpoint_changes_hands(place: Place, first: Path) -> None:
    risk, ada = place.deployer("eve@risk", owner="risk"), place.deployer()
    made = risk.create(wish(first))
    with pytest.raises(Conflict, match="belongs to the owner 'risk'"):
        ada.apply(wish(first))
    plan = ada.plan(wish(first), adopt=True)
    assert ada.execute(plan).ending is Ending.ADOPTED
    settled(place, made.traffic.served[0])
    assert place.live().revisions[0].since == made.revisions[0].since
    assert place.record().history[0].detail == "taken over from the owner risk"
    with pytest.raises(Conflict, match="belongs to the owner 'default'"):
        risk.update("iris", replicas=2)
    with pytest.raises(Conflict, match="was changed since this plan was made"):
        ada.execute(plan)


def test_a_target_that_cannot_says_so(
    place: Place, ada: Deployer, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(place, first)
    monkeypatch.setattr("deployer.engine.adopting.Adoptable", Plain)
    with pytest.raises(SpecError, match="memory cannot tell or take over"):
        ada.plan(wish(first), adopt=True)
    with pytest.raises(SpecError, match="memory cannot tell or take over"):
        ada.import_("iris")


class Plain:
    """Of which no target is an instance."""


def test_a_lost_answer_is_no_matter(place: Place, first: Path) -> None:
    for kind in ("lost", "half", "timeout"):
        name = f"iris-{kind}"
        by_hand(place, first, name)
        ada = place.deployer(faults=[Fault("adopt", kind)])
        ada.apply(wish(first, name), adopt=True)
        assert [each.verb for each in place.record(name).history] == [ADOPT]
        assert place.live(name).managed


def _interrupting(place: Place, *, at: str) -> Deployer:
    ada = place.deployer()

    def stop(verb: str, _count: int) -> None:
        if verb == at:
            raise KeyboardInterrupt

    place.target(ada).after = stop
    return ada


def test_an_interrupt_leaves_it_serving(place: Place, first: Path) -> None:
    by_hand(place, first)
    with pytest.raises(Interrupted, match="it serves as before"):
        _interrupting(place, at="adopt").apply(wish(first), adopt=True)
    place.deployer().apply(wish(first), adopt=True)
    assert place.live().revisions[0].since == BEGAN


def _scenes(first: Path, second: Path) -> dict[str, tuple[Callable[[Place], Any], Callable[[Deployer], Any]]]:
    def theirs(place: Place) -> None:
        place.deployer("eve@risk", owner="risk").create(wish(first))

    return {
        "by hand": (lambda place: by_hand(place, first), lambda ada: ada.apply(wish(first), adopt=True)),
        "by hand, another wish": (
            lambda place: by_hand(place, first), lambda ada: ada.apply(wish(second, replicas=2), adopt=True),
        ),
        "another owner's": (theirs, lambda ada: ada.apply(wish(second), adopt=True)),
    }  # fmt: skip


@pytest.mark.parametrize("scene", ["by hand", "by hand, another wish", "another owner's"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_anywhere_the_same_command_goes_on(scene: str, after: bool, first: Path, second: Path) -> None:
    begin, command = _scenes(first, second)[scene]
    start = Place()
    begin(start)
    whole = start.copy()
    ada = whole.deployer()
    wanted = command(ada).traffic.served
    for at in range(1, len(whole.target(ada).asked) + 1):
        place = start.copy()
        doomed = place.deployer("eve@laptop")
        target, seen = place.target(doomed), 0

        def count(verb: str, _number: int, at: int = at) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                raise Killed(verb)

        setattr(target, "after" if after else "before", count)
        with pytest.raises(Killed):
            command(doomed)
        assert place.live().phase is Phase.HEALTHY
        command(place.deployer())
        settled(place, wanted[0])
        history = place.record().history
        assert sum(each.verb == ADOPT for each in history) == 1, history
        assert place.holdings()["foreign"] == []


def test_import_tells_the_recorded_spec_and_it_is_unchanged(place: Place, ada: Deployer, first: Path) -> None:
    spec = wish(first, replicas=2, env={"A": "1"}, labels={"team": "risk"}, config={"settle": {"start": "20ms"}})
    ada.create(spec)
    found = ada.import_("iris")
    assert (found.owner, found.untold, found.under_way) == ("default", {}, "")
    assert not ada.plan(type(spec)(**found.spec)).has_changes


def test_import_tells_what_can_be_told_and_no_secret(place: Place, ada: Deployer, first: Path) -> None:
    by_hand(place, first, replicas=2, env={"A": "1", "API_TOKEN": "hunter2"}, config={"behaviour": "healthy"})
    found = ada.import_("iris")
    assert found.spec == {
        "name": "iris", "target": "memory", "model": str(first), "replicas": 2, "env": {"A": "1"}
    }  # fmt: skip
    assert (found.owner, found.what) == (None, "endpoint iris")
    assert list(found.untold) == ["env.API_TOKEN"]
    assert "hunter2" not in found.model_dump_json()


def test_import_of_nothing_and_of_a_lost_record(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    with pytest.raises(NotFound) as near:
        ada.import_("irs")
    assert near.value.hint == "did you mean iris? deployer import iris"
    place.store._place_lose_record("iris")
    with pytest.raises(Conflict, match="record of iris is lost"):
        ada.import_("iris")


def test_render_is_what_is_sent_and_changes_nothing(place: Place, ada: Deployer, first: Path) -> None:
    spec = wish(first, replicas=3, labels={"team": "risk"})
    documents = ada.render(spec)
    assert place.empty
    sent: dict[str, Any] = {}
    target = place.target(ada)
    asked = target._wire.ask

    def listen(verb: str, arguments: Any, **options: Any) -> Any:
        sent.setdefault(verb, {key: value for key, value in arguments.items() if key != "claim"})
        return asked(verb, arguments, **options)

    target._wire.ask = listen  # type: ignore[method-assign]
    ada.create(spec)
    assert list(documents) == [{"verb": verb, "arguments": sent[verb]} for verb in ("configure", "stage", "route")]
    assert ada.render(ada.plan(spec)) == documents


def test_figures_are_in_the_status_that_asks_for_them(place: Place, ada: Deployer, first: Path) -> None:
    made = ada.create(wish(first))
    revision = made.traffic.served[0]
    assert ada.status("iris").figures == {}
    before = ada.status("iris", window=300.0).figures[revision].requests
    place.clock.sleep(10.0)
    ada.predict("iris", [[1.0], [2.0]])
    figures = ada.status("iris", window=300.0).figures[revision]
    assert (figures.requests - before, figures.errors, figures.error_rate) == (1, 0, 0.0)
    assert ada.status("iris", window=5.0).figures[revision].requests == 1
    broken = place.deployer(faults=[Fault("measure", "permission")])
    assert broken.status("iris", window=5.0).figures == {}


def test_a_kind_without_these_is_told_by_its_capabilities(ada: Deployer) -> None:
    kind: TargetKind = Registry().kind("memory")
    assert {"adoption", "render", "figures"} <= {each.word for each in kind.capabilities}
    assert issubclass(type(kind.connect(kind.options(), Site("memory"))), Target)
