"""Create, update, rollback, delete: what is there afterwards, and what the history says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Endpoint, Observed, Phase, Result
from deployer.engine.beginning import begun
from deployer.engine.claiming import CLAIM_SECONDS
from deployer.engine.outcome import Ending
from deployer.errors import BuildError, Conflict, DeploymentFailed, NotFound, SpecError
from tests.unit.engine.place import Heard, Place, packaged, wish

LOAD_FAILS: dict[str, Any] = {"config": {"behaviour": "load-fails"}}


def test_create_is_healthy_and_verified(place: Place, ada: Deployer, first: Path) -> None:
    heard = Heard()
    made = ada.create(wish(first), on_event=heard)
    assert made.phase is Phase.HEALTHY
    assert heard.steps() == ["configure", "start", "healthy", "traffic"]
    record = place.record()
    assert (record.claim, record.rollout) == (None, None)
    [entry] = record.history
    assert (entry.result, entry.verb, entry.by) == (Result.RELEASED, "create", "ada@laptop")
    assert entry.detail == "answers its own example as the packaged model does (3 of 3)"


def test_create_again_is_unchanged_and_writes_nothing(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    generation = place.record().generation
    assert ada.execute(ada.plan(wish(first), verb="create")).ending is Ending.UNCHANGED
    assert place.record().generation == generation


def test_create_of_another_is_a_conflict_that_names_update(ada: Deployer, first: Path, second: Path) -> None:
    ada.create(wish(first))
    with pytest.raises(Conflict, match="is there already") as caught:
        ada.create(wish(second))
    assert "deployer update iris" in (caught.value.hint or "")


def test_failed_create_leaves_nothing(place: Place, ada: Deployer, first: Path) -> None:
    with pytest.raises(DeploymentFailed) as caught:
        ada.create(wish(first, **LOAD_FAILS))
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code == "MODEL_LOAD"
    assert place.empty


def test_update_moves_traffic_and_keeps_the_old_for_rollback(
    place: Place, ada: Deployer, first: Path, second: Path
) -> None:
    old = ada.create(wish(first)).traffic.served[0]
    heard = Heard()
    new = ada.update("iris", model=str(second), on_event=heard).traffic.served[0]
    assert heard.steps() == ["start", "healthy", "traffic", "retire"]
    assert [each.id for each in place.live().revisions] == [new]
    assert set(place.record().releases) == {old, new}
    assert place.holdings()["endpoints"]["iris"]["artifacts"] == sorted([old, new])


def test_failed_update_leaves_only_its_entry_in_the_history(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first, labels={"team": "risk"}))
    before = place.record()
    with pytest.raises(DeploymentFailed):
        ada.update("iris", labels={"team": "other"}, **LOAD_FAILS)
    after = place.record()
    assert (after.spec, after.traffic, after.releases) == (before.spec, before.traffic, before.releases)
    assert place.live().traffic == before.traffic
    assert place.live().settings["labels"] == {"team": "risk"}
    assert place.holdings()["endpoints"]["iris"]["revisions"] == list(before.releases)
    assert place.holdings()["endpoints"]["iris"]["artifacts"] == list(before.releases)
    entry = after.history[0]
    assert (entry.result, entry.exit_code, entry.detail) == (
        Result.REJECTED, 6, "MODEL_LOAD: the model cannot be loaded",
    )  # fmt: skip
    assert entry.diagnosis is not None
    assert entry.diagnosis.evidence[-1].startswith("_pickle.UnpicklingError")


def test_rejected_is_refused_by_apply_with_its_code_and_tried_again_by_update_and_retry(
    place: Place, ada: Deployer, first: Path
) -> None:
    ada.create(wish(first))
    bad = wish(first, **LOAD_FAILS)
    with pytest.raises(DeploymentFailed):
        ada.apply(bad)
    generation = place.record().generation
    with pytest.raises(DeploymentFailed, match="was rejected before") as caught:
        ada.apply(bad)
    assert caught.value.exit_code == 6
    assert place.record().generation == generation
    with pytest.raises(DeploymentFailed, match="cannot load its model"):
        ada.apply(bad, retry=True)
    with pytest.raises(DeploymentFailed, match="cannot load its model"):
        ada.update("iris", LOAD_FAILS)


def test_a_change_in_place_says_what_changed(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first, replicas=2, labels={"team": "risk"}))
    revision = ada.update("iris", replicas=3, labels={"team": "fraud"}).traffic.served[0]
    entry = place.record().history[0]
    assert (entry.result, entry.revision) == (Result.CHANGED, revision)
    assert entry.detail == "labels.team risk -> fraud, replicas 2 -> 3"
    assert place.live().revisions[0].ready == 3


def test_client_fields_are_recorded_without_touching_the_target(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    target = place.target(ada)
    target.asked.clear()
    entries = len(place.record().history)
    ada.update("iris", health={"consecutive": 5})
    assert not {"configure", "stage", "route", "retire"} & set(target.asked)
    assert place.record().spec["health"] == {"consecutive": 5}
    assert len(place.record().history) == entries


@pytest.mark.parametrize("field", ["index_url", "extra"])
def test_requirements_that_change_no_revision_are_recorded(
    place: Place, ada: Deployer, first: Path, field: str
) -> None:
    ada.create(wish(first))
    value = "https://index.example/simple" if field == "index_url" else "attrs"
    ada.update("iris", requirements={field: value})
    assert place.record().spec["requirements"][field] in (value, [value])


def test_failed_change_in_place_is_no_verdict_on_the_revision_that_serves(
    place: Place, ada: Deployer, first: Path, second: Path
) -> None:
    settle: dict[str, Any] = {"config": {"settle": {"start": "60s"}}}
    one = ada.create(wish(first, **settle)).traffic.served[0]
    with pytest.raises(DeploymentFailed):
        ada.update("iris", replicas=3, conditions={"timeout": 5.0})
    assert place.record().history[0].result is Result.FAILED
    assert place.record().spec.get("replicas", 1) == 1
    assert place.live().revisions[0].wanted == 1
    ada.update("iris", model=str(second))
    assert ada.apply(wish(first, **settle)).traffic.served[0] == one


def test_rollback_goes_back_and_forth_exactly(place: Place, ada: Deployer, first: Path, second: Path) -> None:
    one = ada.create(wish(first, env={"LEVEL": "1"}, replicas=2)).traffic.served[0]
    release = place.record().releases[one]
    two = ada.update("iris", model=str(second), env={"LEVEL": "2"}, replicas=3).traffic.served[0]
    assert ada.rollback("iris").traffic.served[0] == one
    record = place.record()
    assert record.releases[one].model_copy(update={"spec": {}}) == release.model_copy(update={"spec": {}})
    assert record.spec["env"] == {"LEVEL": "1"}
    assert record.spec["replicas"] == 3  # the count is the endpoint's
    assert (record.history[0].verb, record.history[0].result) == ("rollback", Result.RELEASED)
    assert ada.rollback("iris").traffic.served[0] == two
    assert ada.rollback("iris", to=one).traffic.served[0] == one


def test_rollback_without_anything_to_go_back_to(ada: Deployer, first: Path) -> None:
    with pytest.raises(NotFound, match="no endpoint"):
        ada.rollback("iris")
    ada.create(wish(first))
    with pytest.raises(NotFound, match="no earlier revision"):
        ada.rollback("iris")
    with pytest.raises(NotFound, match="keeps no revision r0000000"):
        ada.rollback("iris", to="r0000000")


def test_history_limit_prunes_releases_and_artifacts(place: Place, ada: Deployer, tmp_path: Path) -> None:
    models = [packaged(tmp_path / f"m{index}", weights=str(index)) for index in range(4)]
    ada.create(wish(models[0], history_limit=2))
    served = [ada.update("iris", model=str(each)).traffic.served[0] for each in models[1:]]
    assert set(place.record().releases) == set(served)
    assert place.holdings()["endpoints"]["iris"]["artifacts"] == sorted(served)
    ada.update("iris", history_limit=0)
    assert set(place.record().releases) == {served[-1]}
    assert place.holdings()["endpoints"]["iris"]["artifacts"] == [served[-1]]


def test_what_is_kept_outlives_a_long_history_of_small_changes(
    place: Place, ada: Deployer, first: Path, second: Path
) -> None:
    one = ada.create(wish(first)).traffic.served[0]
    two = ada.update("iris", model=str(second)).traffic.served[0]
    for count in range(2, 27):
        ada.update("iris", replicas=count)
    assert len(place.record().history) == 20
    assert set(place.record().releases) == {one, two}
    assert ada.rollback("iris").traffic.served[0] == one


def test_delete_leaves_nothing_and_a_second_one_is_not_found(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first, config={"settle": {"stop": "3s"}}))
    ada.delete("iris")
    assert place.empty
    with pytest.raises(NotFound):
        ada.delete("iris")
    ada.delete("iris", missing_ok=True)


def test_what_goes_after_its_record_is_waited_for(
    place: Place, ada: Deployer, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim went with the Record, and something is still seen for longer than a claim is good for."""
    ada.create(wish(first))
    seen, until = ada.get("iris"), place.clock.now() + CLAIM_SECONDS
    target = ada._target("memory")
    observed = target.observe

    def observe(name: str) -> Endpoint | None:
        if target.read_record(name) is None and place.clock.now() < until:
            return seen
        return observed(name)

    monkeypatch.setattr(target, "observe", observe)
    ada.delete("iris")
    assert place.clock.now() >= until
    assert place.empty


def test_recreate_stops_the_old_first(place: Place, ada: Deployer, first: Path, second: Path) -> None:
    ada.create(wish(first, rollout={"strategy": "recreate"}))
    heard = Heard()
    ada.update("iris", model=str(second), on_event=heard)
    assert heard.steps() == ["traffic", "retire", "start", "healthy", "traffic"]
    assert place.record().traffic == place.live().traffic


def test_failed_recreate_makes_room_and_brings_the_old_back(place: Place, ada: Deployer, first: Path) -> None:
    old = ada.create(wish(first, rollout={"strategy": "recreate"})).traffic
    heard = Heard()
    with pytest.raises(DeploymentFailed):
        ada.update("iris", LOAD_FAILS, on_event=heard)
    assert place.live().traffic == old
    assert [each.id for each in place.live().revisions] == list(old.served)
    assert place.live().phase is Phase.HEALTHY
    assert heard.steps() == ["traffic", "retire", "start", "retire", "traffic"]
    assert place.record().rollout is None


def test_a_lost_record_is_written_anew_by_apply(place: Place, ada: Deployer, first: Path) -> None:
    revision = ada.create(wish(first)).traffic.served[0]
    place.store._place_lose_record("iris")
    assert ada.get("iris").traffic.served == (revision,)
    outcome = ada.execute(ada.plan(wish(first)))
    assert outcome.ending is Ending.UPDATED
    assert set(place.record().releases) == {revision}
    assert place.record().history[0].detail == "record was lost, and is written anew"
    assert not ada.plan(wish(first)).has_changes


def test_a_lost_record_survives_a_failed_apply(place: Place, ada: Deployer, first: Path) -> None:
    traffic = ada.create(wish(first)).traffic
    place.store._place_lose_record("iris")
    with pytest.raises(DeploymentFailed):
        ada.apply(wish(first, **LOAD_FAILS))
    assert place.live().traffic == traffic
    assert [each.id for each in place.live().revisions] == list(traffic.served)
    with pytest.raises(Conflict, match="the record of iris is lost"):
        ada.update("iris", replicas=2)
    assert ada.apply(wish(first, replicas=2)).traffic == traffic


def test_update_of_a_lost_record_never_deletes(place: Place, ada: Deployer, first: Path) -> None:
    traffic = ada.create(wish(first)).traffic
    place.store._place_lose_record("iris")
    with pytest.raises(Conflict, match="the record of iris is lost"):
        ada.plan_update("iris", lambda _: wish(first))
    assert place.live().traffic == traffic


def test_foreign_and_other_owners_are_left_alone(place: Place, ada: Deployer, first: Path) -> None:
    place.store._place_put_foreign("iris", {"detail": "by hand"})
    for attempt in (
        lambda: ada.create(wish(first)), lambda: ada.apply(wish(first)), lambda: ada.update("iris", replicas=2),
        lambda: ada.rollback("iris"), lambda: ada.delete("iris"), lambda: ada.wait("iris"),
    ):  # fmt: skip
        with pytest.raises(Conflict, match="did not make"):
            attempt()
    assert place.store._place_foreign("iris") == {"detail": "by hand"}
    ada.create(wish(first, name="fraud"))
    bob = place.deployer("bob@desk", owner="risk")
    for attempt in (
        lambda: bob.apply(wish(first, name="fraud")), lambda: bob.delete("fraud"), lambda: bob.rollback("fraud"),
        lambda: bob.update("fraud", replicas=2),
    ):  # fmt: skip
        with pytest.raises(Conflict, match="belongs to the owner 'default', and you are 'risk'"):
            attempt()


def test_traffic_drift_is_verified_and_repaired(place: Place, ada: Deployer, first: Path, second: Path) -> None:
    ada.create(wish(first))
    two = ada.update("iris", model=str(second)).traffic.served[0]
    place.store.state.endpoints["iris"].traffic = {}
    outcome = ada.execute(ada.plan_update("iris", lambda _recorded: wish(second)))
    assert outcome.ending is Ending.UPDATED
    assert place.live().traffic.share(two) == 100
    assert place.record().history[0].result is Result.CHANGED
    assert place.record().history[0].detail == "repaired: traffic is none"


def test_create_that_repairs_has_not_created(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    place.store.state.endpoints["iris"].traffic = {}
    assert ada.execute(ada.plan(wish(first), verb="create")).ending is Ending.UPDATED


def test_saved_plan_is_executed_once_and_refused_afterwards(ada: Deployer, first: Path) -> None:
    saved = type(plan := ada.plan(wish(first), verb="create")).model_validate_json(plan.model_dump_json())
    assert saved == plan
    assert ada.apply(saved).phase is Phase.HEALTHY
    with pytest.raises(Conflict, match="was changed since this plan was made"):
        ada.apply(saved)
    unchanged = ada.plan(wish(first))
    ada.update("iris", replicas=2)
    with pytest.raises(Conflict, match="was changed since this plan was made"):
        ada.apply(unchanged)


def test_the_model_changed_after_the_plan(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    plan = ada.plan(wish(packaged(first, weights="new")))
    assert plan.has_changes
    ada.apply(plan)
    assert place.record().releases[plan.wish.release.revision].model.digest == plan.wish.release.model.digest  # type: ignore[union-attr]


def test_update_checks_what_it_is_given(ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    with pytest.raises(SpecError, match="replicas"):
        ada.update("iris", replicas="many")
    with pytest.raises(SpecError):
        ada.update("iris", nonsense=1)


def test_a_request_that_cannot_be_read_is_told_before_anything_is_changed(
    place: Place, ada: Deployer, first: Path, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match="cannot read the request"):
        ada.create(wish(first, health={"request": str(tmp_path / "none.json")}))
    assert place.empty


def test_status_of_a_name_with_only_a_record(place: Place, ada: Deployer, first: Path) -> None:
    plan = ada.plan(wish(first), verb="create")
    record = begun(plan, Observed(), by="eve", now=1.0).model_copy(update={"generation": 1})
    place.target(ada).write_record(record, None)
    status = ada.status("iris")
    assert status.endpoint.phase is Phase.FAILED
    assert "unattended create" in status.endpoint.detail
    assert [each.name for each in ada.list(target="memory").endpoints] == ["iris"]
    assert ada.create(wish(first)).phase is Phase.HEALTHY


def test_a_create_that_breaks_in_the_middle_leaves_no_record(place: Place, ada: Deployer, first: Path) -> None:
    def broken(verb: str, _count: int) -> None:
        if verb == "configure":
            raise BuildError("the disk is full")

    place.target(ada).before = broken
    with pytest.raises(BuildError):
        ada.create(wish(first))
    assert place.empty
