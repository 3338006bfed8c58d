"""What is due of each verb, from any state; and that a process which is killed anywhere has lost nothing."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from deployer.endpoint import Endpoint, Mirrored, Phase, Traffic
from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer_azureml.calls import Due
from deployer_azureml.configuring import configure_due
from deployer_azureml.facts import Facts
from deployer_azureml.marks import Marks, Role
from deployer_azureml.observe import endpoint_of
from deployer_azureml.removing import destroy_due, retire_due
from deployer_azureml.routing import mirror_due, route_due
from deployer_azureml.staging import Staging
from tests.unit.azureml.cloud import Cloud
from tests.unit.azureml.values import IDENTITY, OTHER, REVISION, place, record, release, spec

Verb = Callable[[Facts], Due]
THIRD = "r9999999"
RANGE = {"min": 1, "max": 4}
KUBERNETES = {"compute": "aks"}


def _configure(wish: DeploymentSpec | None = None) -> Verb:
    return lambda facts: configure_due(facts, wish or spec(), place())


def _stage(revision: str = REVISION, wish: DeploymentSpec | None = None) -> Verb:
    return Staging(wish or spec(), release(revision), place()).due


def _route(traffic: dict[str, int]) -> Verb:
    return partial(route_due, traffic=Traffic(traffic))


def _mirror(revision: str | None, percent: int = 20) -> Verb:
    wished = Mirrored(revision=revision, percent=percent) if revision is not None else None
    return partial(mirror_due, mirrored=wished)


def _retire(revision: str, *, keep: bool) -> Verb:
    return partial(retire_due, revision=revision, keep=keep)


def _seen(cloud: Cloud) -> Endpoint:
    found = endpoint_of(cloud.facts())
    assert found is not None
    return found


def _phase(cloud: Cloud, revision: str) -> Phase | None:
    found = _seen(cloud).find(revision)
    return found.phase if found is not None else None


def _serving(wish: DeploymentSpec | None = None, **options: Any) -> Cloud:
    cloud = Cloud(**options)
    for verb in (_configure(wish), _stage(REVISION, wish), _route({REVISION: 100})):
        cloud.drive(verb)
    return cloud


def _left(cloud: Cloud) -> dict[str, Any]:
    """All that is there, without times."""
    told = cloud.endpoint["properties"] if cloud.endpoint is not None else {}
    return {
        "endpoint": {key: told.get(key) for key in ("traffic", "mirrorTraffic", "provisioningState")},
        "tags": cloud.endpoint["tags"] if cloud.endpoint is not None else {},
        "deployments": {
            name: (each["properties"]["provisioningState"], each["sku"]["capacity"])
            for name, each in cloud.deployments.items()
        },
        "environments": sorted(cloud.environments),
        "scalers": sorted(cloud.scalers),
    }


def test_the_first_revision() -> None:
    cloud = Cloud()
    assert not cloud.ask(_configure())
    assert cloud.made == ["PutEndpoint"]
    assert not cloud.ask(_stage())  # its environment needs no endpoint, its deployment does
    assert cloud.made == ["PutEndpoint", "PutEnvironment"]
    cloud.settle()
    assert cloud.ask(_stage())
    assert _phase(cloud, REVISION) is Phase.STARTING
    cloud.settle()
    assert (_phase(cloud, REVISION), bool(_seen(cloud).traffic)) == (Phase.HEALTHY, False)
    cloud.drive(_route({REVISION: 100}))
    assert cloud.made == ["PutEndpoint", "PutEnvironment", "PutDeployment", "PutEndpoint"]
    assert _seen(cloud).traffic.root == {REVISION: 100}
    assert _seen(cloud).phase is Phase.HEALTHY
    cloud.made.clear()
    for verb in (_configure(), _stage(), _route({REVISION: 100}), _mirror(None)):
        cloud.drive(verb)
    assert cloud.made == []


def test_staging_makes_the_endpoint_where_nobody_did() -> None:
    cloud = Cloud()
    cloud.drive(_stage())
    assert _phase(cloud, REVISION) is Phase.HEALTHY


def test_a_later_one_runs_beside_it_and_traffic_moves_in_steps() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    assert (_phase(cloud, OTHER), _seen(cloud).traffic.root) == (Phase.HEALTHY, {REVISION: 100})
    cloud.made.clear()
    for shares in ({REVISION: 90, OTHER: 10}, {REVISION: 50, OTHER: 50}, {OTHER: 100}):
        cloud.drive(_route(shares))
        assert _seen(cloud).traffic.root == shares
    assert cloud.made == ["PutEndpoint"] * 3
    cloud.drive(_retire(REVISION, keep=True))
    assert [each.id for each in _seen(cloud).revisions] == [OTHER]
    assert any(version.startswith(REVISION) for version in cloud.environments)
    cloud.drive(_retire(REVISION, keep=False))
    assert not any(version.startswith(REVISION) for version in cloud.environments)


def test_what_was_kept_is_gone_back_to() -> None:
    cloud = _serving()
    for verb in (_stage(OTHER), _route({OTHER: 100}), _retire(REVISION, keep=True)):
        cloud.drive(verb)
    cloud.made.clear()
    for verb in (_stage(), _route({REVISION: 100}), _retire(OTHER, keep=False)):
        cloud.drive(verb)
    assert _seen(cloud).traffic.root == {REVISION: 100}
    assert "PutEnvironment" not in cloud.made


def test_the_count_changes_in_place() -> None:
    cloud = _serving()
    cloud.made.clear()
    assert cloud.ask(_stage(wish=spec(replicas=3)))
    assert cloud.made == ["ScaleDeployment"]
    found = _seen(cloud).find(REVISION)
    assert found is not None
    assert (found.phase, found.wanted, found.ready, found.settled) == (Phase.HEALTHY, 3, 1, False)
    cloud.settle()
    cloud.drive(_stage(wish=spec(replicas=3)))
    assert cloud.made == ["ScaleDeployment"]
    cloud.drive(_stage(OTHER, spec(replicas=3)))
    assert cloud.deployments[OTHER]["sku"]["capacity"] == 3


def test_a_count_that_azure_could_not_give_serves_on_and_is_asked_for_again() -> None:
    cloud = _serving()
    cloud.ask(_stage(wish=spec(replicas=40)))
    cloud.fails[REVISION] = "OutOfQuota: ..."
    cloud.settle()
    assert (_phase(cloud, REVISION), _seen(cloud).traffic.root) == (Phase.DEGRADED, {REVISION: 100})
    cloud.drive(_stage(wish=spec(replicas=1)))
    assert (_phase(cloud, REVISION), cloud.deployments[REVISION]["sku"]["capacity"]) == (Phase.HEALTHY, 1)


def test_a_range_belongs_to_the_autoscaler() -> None:
    wish = spec(replicas=RANGE)
    cloud = _serving(wish)
    assert [each.bounds for each in cloud.facts().scalers] == [(1, 4)]
    cloud.deployments[REVISION]["sku"]["capacity"] = 3  # the autoscaler acts
    cloud.made.clear()
    cloud.drive(_stage(wish=wish))
    assert cloud.made == []
    assert cloud.deployments[REVISION]["sku"]["capacity"] == 3
    cloud.drive(_stage(wish=spec(replicas={"min": 2, "max": 6, "value": 50})))
    assert [each.bounds for each in cloud.facts().scalers] == [(2, 6)]
    cloud.drive(_stage(OTHER, wish))
    assert cloud.deployments[OTHER]["sku"]["capacity"] == 3  # not smaller than its load
    assert len(cloud.scalers) == 2
    cloud.drive(_route({OTHER: 100}))
    cloud.drive(_retire(REVISION, keep=True))
    assert len(cloud.scalers) == 1
    cloud.drive(_stage(OTHER))
    assert (cloud.scalers, cloud.deployments[OTHER]["sku"]["capacity"]) == ({}, 1)


def test_on_kubernetes_the_scaler_is_a_part_of_the_deployment() -> None:
    wish = spec(config=KUBERNETES)
    cloud = _serving(wish)
    cloud.made.clear()
    for replicas, bounds in ((RANGE, (1, 4)), ({"min": 2, "max": 3}, (2, 3)), (2, None)):
        cloud.drive(_stage(wish=spec(config=KUBERNETES, replicas=replicas)))
        assert cloud.facts().deployments[0].bounds == bounds
    assert cloud.made == ["PutDeployment"] * 3
    assert cloud.deployments[REVISION]["sku"]["capacity"] == 2
    assert cloud.scalers == {}


def test_copies_come_and_go_and_end_when_it_gets_traffic() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.drive(_mirror(OTHER))
    assert _seen(cloud).mirror == Mirrored(revision=OTHER, percent=20)
    cloud.drive(_mirror(OTHER, 50))
    cloud.drive(_route({REVISION: 100}))
    assert _seen(cloud).mirror == Mirrored(revision=OTHER, percent=50)
    cloud.drive(_route({OTHER: 100}))
    assert (_seen(cloud).mirror, _seen(cloud).traffic.root) == (None, {OTHER: 100})
    cloud.drive(_mirror(REVISION))
    cloud.drive(_retire(REVISION, keep=False))
    assert (_seen(cloud).mirror, set(cloud.deployments)) == (None, {OTHER})
    cloud.drive(_mirror(None))


def test_copies_that_azure_does_not_send() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    with pytest.raises(Conflict, match="at most 50 %"):
        cloud.ask(_mirror(OTHER, 51))
    with pytest.raises(Conflict, match="has traffic"):
        cloud.ask(_mirror(REVISION))
    with pytest.raises(Conflict, match="was not staged"):
        cloud.ask(_mirror(THIRD))
    cloud = _serving(spec(config=KUBERNETES))
    cloud.drive(_stage(OTHER, spec(config=KUBERNETES)))
    with pytest.raises(Conflict, match="Kubernetes"):
        cloud.ask(_mirror(OTHER))


def test_traffic_is_taken_away_and_given_back() -> None:
    cloud = _serving()
    cloud.drive(_route({}))
    assert (_phase(cloud, REVISION), bool(_seen(cloud).traffic)) == (Phase.HEALTHY, False)
    cloud.drive(_retire(REVISION, keep=True))
    assert cloud.deployments == {}
    with pytest.raises(Conflict, match="was not staged"):
        cloud.ask(_route({REVISION: 100}))
    cloud.drive(_stage())
    cloud.drive(_route({REVISION: 100}))
    assert _seen(cloud).traffic.root == {REVISION: 100}


def test_what_failed_is_made_anew() -> None:
    cloud = _serving()
    cloud.ask(_stage(OTHER))
    cloud.fails[OTHER] = "ResourceNotReady: User container has crashed or terminated"
    cloud.settle()
    assert (_phase(cloud, OTHER), _seen(cloud).traffic.root) == (Phase.FAILED, {REVISION: 100})
    assert _seen(cloud).phase is Phase.HEALTHY
    with pytest.raises(Conflict, match="has failed"):
        cloud.ask(_route({OTHER: 100}))
    cloud.made.clear()
    cloud.drive(_stage(OTHER))
    assert cloud.made == ["DeleteDeployment", "PutDeployment"]
    assert _phase(cloud, OTHER) is Phase.HEALTHY


def test_an_endpoint_that_could_not_be_made_is_made_anew() -> None:
    cloud = Cloud()
    cloud.ask(_configure())
    cloud.fails["iris"] = "SubscriptionNotRegistered"
    cloud.settle()
    assert _seen(cloud).phase is Phase.FAILED
    cloud.made.clear()
    cloud.drive(_stage())
    assert cloud.made[:2] == ["DeleteEndpoint", "PutEnvironment"]
    assert _phase(cloud, REVISION) is Phase.HEALTHY


def test_traffic_that_could_not_be_moved_is_asked_for_again() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({OTHER: 100}))
    cloud.fails["iris"] = "InternalServerError"
    cloud.settle()
    assert _seen(cloud).phase is Phase.DEGRADED
    cloud.made.clear()
    cloud.drive(_route({OTHER: 100}))
    assert cloud.made == ["PutEndpoint"]
    assert _seen(cloud).phase is Phase.HEALTHY


def test_labels_and_how_callers_are_let_in_change_in_place_and_nothing_else_does() -> None:
    cloud = _serving()
    assert cloud.endpoint is not None
    cloud.endpoint["tags"]["cost-centre"] = "by a policy"
    cloud.endpoint["properties"]["newer"] = {"than": "us"}
    cloud.made.clear()
    wish = spec(labels={"team": "risk", "stage": "prod"}, config={"auth_mode": "aml_token", "public": False})
    cloud.drive(_configure(wish))
    assert cloud.made == ["PutEndpoint"]
    assert _seen(cloud).settings == {
        "labels": {"team": "risk", "stage": "prod"}, "config.auth_mode": "aml_token", "config.public": False,
    }  # fmt: skip
    cloud.drive(_configure(spec(labels={"team": "risk"}, config={"auth_mode": "aml_token", "public": False})))
    assert cloud.endpoint["tags"]["cost-centre"] == "by a policy"
    assert "stage" not in cloud.endpoint["tags"]
    cloud.drive(_stage(OTHER))
    cloud.drive(_route({REVISION: 50, OTHER: 50}))
    cloud.drive(_mirror(None))
    assert cloud.endpoint["properties"]["newer"] == {"than": "us"}
    assert cloud.endpoint["tags"]["cost-centre"] == "by a policy"
    assert _seen(cloud).settings["labels"] == {"team": "risk"}


@pytest.mark.parametrize(
    ("wished", "field"),
    [
        ({"compute": "aks"}, "config.compute"),
        ({"connections": True}, "config.connections"),
        ({"identity": [IDENTITY]}, "config.identity"),
    ],
)
def test_what_azure_never_changes_of_an_endpoint(wished: dict[str, Any], field: str) -> None:
    cloud = _serving()
    with pytest.raises(Conflict) as caught:
        cloud.ask(_configure(spec(config=wished)))
    assert caught.value.where == field
    assert "deployer delete iris" in (caught.value.hint or "")


def test_while_azure_changes_it_what_is_due_waits() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({REVISION: 50, OTHER: 50}))
    for verb in (_route({OTHER: 100}), _stage(THIRD), _configure(spec(labels={"a": "b"}))):
        before = len(cloud.made)
        assert not cloud.ask(verb)
        assert [each for each in cloud.made[before:] if each != "PutEnvironment"] == []
    cloud.settle()
    cloud.drive(_route({OTHER: 100}))
    assert _seen(cloud).traffic.root == {OTHER: 100}


def test_nothing_is_sent_to_what_is_not_up_yet() -> None:
    cloud = _serving()
    cloud.ask(_stage(OTHER))
    assert not cloud.ask(_route({OTHER: 100}))
    assert cloud.traffic() == {REVISION: 100}
    cloud.drive(_route({OTHER: 100}))
    assert cloud.traffic() == {OTHER: 100}


def test_what_has_traffic_is_not_retired() -> None:
    cloud = _serving()
    with pytest.raises(Conflict, match="has traffic"):
        cloud.ask(_retire(REVISION, keep=True))
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({REVISION: 50, OTHER: 50}))
    assert not cloud.ask(_retire(OTHER, keep=True))  # who has it is being changed
    cloud.drive(_retire(THIRD, keep=False))


def _foreign(cloud: Cloud) -> None:
    assert cloud.endpoint is not None
    cloud.endpoint["tags"] = {"team": "other"}


def test_what_somebody_else_made_is_never_touched() -> None:
    cloud = _serving()
    _foreign(cloud)
    cloud.made.clear()
    for verb in (_configure(), _stage(), _route({REVISION: 100}), _route({}), _mirror(None)):
        with pytest.raises(Conflict, match="did not make"):
            cloud.ask(verb)
    cloud.environments.clear()
    cloud.drive(destroy_due)
    assert cloud.made == []
    assert cloud.endpoint is not None


def test_a_deployment_of_somebody_else_is_left_alone_and_keeps_its_endpoint() -> None:
    cloud = _serving()
    theirs = {**cloud.deployments[REVISION], "name": "blue", "tags": {}}
    cloud.deployments["blue"] = theirs
    cloud.served.add("blue")
    cloud.drive(_stage(OTHER))
    cloud.drive(_route({OTHER: 100}))
    cloud.drive(_retire("blue", keep=False))
    assert cloud.deployments["blue"] is theirs
    assert "blue" in _seen(cloud).detail
    with pytest.raises(Conflict, match="would go with it: blue"):
        cloud.ask(destroy_due)
    assert cloud.endpoint is not None
    del cloud.deployments["blue"]
    cloud.drive(destroy_due)
    assert cloud.endpoint is None


def test_a_deployment_that_has_a_revision_s_name_and_no_marks() -> None:
    cloud = _serving()
    cloud.deployments[OTHER] = {**cloud.deployments[REVISION], "name": OTHER, "tags": {}}
    with pytest.raises(Conflict, match=f"a deployment {OTHER} of iris that deployer did not make"):
        cloud.ask(_stage(OTHER))


def test_an_adopted_deployment_keeps_its_name() -> None:
    cloud = _serving()
    adopted = cloud.deployments.pop(REVISION)
    cloud.deployments["Blue"] = {**adopted, "name": "Blue"}
    cloud.served.add("Blue")
    assert cloud.endpoint is not None
    cloud.endpoint["properties"]["traffic"] = {"Blue": 100}
    assert _seen(cloud).traffic.root == {REVISION: 100}
    cloud.made.clear()
    cloud.drive(_stage())
    cloud.drive(_route({REVISION: 100}))
    assert cloud.made == []
    cloud.drive(_stage(OTHER))
    cloud.drive(_route({REVISION: 90, OTHER: 10}))
    assert cloud.traffic() == {"Blue": 90, OTHER: 10}
    cloud.drive(_route({OTHER: 100}))
    cloud.drive(_retire(REVISION, keep=True))
    assert set(cloud.deployments) == {OTHER}


@pytest.mark.parametrize("replicas", [1, RANGE])
def test_nothing_is_left_of_it(replicas: Any) -> None:
    wish = spec(replicas=replicas)
    cloud = _serving(wish)
    cloud.drive(_stage(OTHER, wish))
    cloud.drive(destroy_due)
    assert (cloud.endpoint, cloud.deployments, cloud.environments, cloud.scalers) == (None, {}, {}, {})
    cloud.drive(destroy_due)
    cloud.drive(_route({}))
    with pytest.raises(Conflict, match="there is no endpoint"):
        cloud.ask(_route({REVISION: 100}))


WAYS: dict[str, tuple[Verb, ...]] = {}
for word, wished in (("plain", {}), ("range", {"replicas": RANGE}), ("kubernetes", {"config": KUBERNETES})):
    as_wished = spec(**wished)
    WAYS[word] = (
        _configure(as_wished),
        _stage(REVISION, as_wished),
        _route({REVISION: 100}),
        _stage(OTHER, as_wished),
        _route({REVISION: 90, OTHER: 10}),
        _route({OTHER: 100}),
        _retire(REVISION, keep=True),
    )
WAYS["shadow"] = (
    _configure(spec(labels={"team": "risk"})),
    _stage(),
    _route({REVISION: 100}),
    _stage(OTHER),
    _mirror(OTHER, 50),
    _mirror(None),
    _route({OTHER: 100}),
    _retire(REVISION, keep=False),
)
WAYS["recreate"] = (
    _stage(),
    _route({REVISION: 100}),
    _route({}),
    _retire(REVISION, keep=True),
    _stage(OTHER),
    _route({OTHER: 100}),
)
WAYS["end"] = (_stage(), _route({REVISION: 100}), _stage(OTHER), destroy_due)


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_is_killed_after_any_call_has_lost_nothing(way: str, settled: bool, serial: bool) -> None:
    """Each verb is broken off after each of its calls, and then called again by another process."""
    verbs = WAYS[way]
    whole = Cloud(serial=serial)
    for verb in verbs:
        whole.drive(verb)
    broken = 0
    for killed in range(len(verbs)):
        for most in range(8):
            cloud = Cloud(serial=serial)
            for verb in verbs[:killed]:
                cloud.drive(verb)
            before = len(cloud.made)
            cloud.ask(verbs[killed], most=most)
            if most and len(cloud.made) - before < most:
                break
            if settled:
                cloud.settle()
            for verb in verbs[killed:]:
                cloud.drive(verb)
            assert _left(cloud) == _left(whole), (killed, most)
            broken += 1
    assert broken >= len(verbs)


@pytest.mark.parametrize("seed", range(60))
def test_from_any_state_the_same_wish_ends_at_the_same_state_and_takes_traffic_from_nobody(seed: int) -> None:
    """Verbs of many writers, broken off anywhere, with failures of Azure between them; then one goes on alone."""
    chance = random.Random(seed)
    releases = {each: release(each) for each in (REVISION, OTHER, THIRD)}
    cloud = Cloud(record(releases=releases), serial=chance.random() < 0.5)
    for _ in range(chance.randrange(1, 30)):
        _step(cloud, chance)
    wish = spec(labels={"team": "risk"}, replicas=2)
    before = cloud.traffic()
    for verb in (_configure(wish), _stage(THIRD, wish)):
        cloud.drive(verb)
        assert cloud.traffic() == before, "only a route moves traffic"
    cloud.drive(_route({THIRD: 100}))
    for revision in (REVISION, OTHER):
        cloud.drive(_retire(revision, keep=False))
    assert _left(cloud) == {
        "endpoint": {"traffic": {THIRD: 100}, "mirrorTraffic": {}, "provisioningState": "Succeeded"},
        "tags": Marks("team", "iris", Role.ENDPOINT).tags({"team": "risk"}),
        "deployments": {THIRD: ("Succeeded", 2)},
        "environments": [version for version in cloud.environments if version.startswith(THIRD)],
        "scalers": [],
    }
    assert len(cloud.environments) == 1


def _step(cloud: Cloud, chance: random.Random) -> None:
    """One writer's verb, or Azure acts, or fails."""
    revision, other = chance.sample([REVISION, OTHER, THIRD], 2)
    percent = chance.choice([100, 90, 50])
    shares = {revision: percent, other: 100 - percent} if percent < 100 else {revision: 100}
    wish = spec(replicas=chance.choice([1, 3, RANGE]), labels=chance.choice([{}, {"team": "a"}]))
    verbs: list[tuple[str, Verb]] = [
        ("stage", _stage(revision, wish)), ("stage", _stage(revision)), ("configure", _configure(wish)),
        ("route", _route(shares)), ("route", _route({revision: 100})), ("mirror", _mirror(revision, 30)),
        ("retire", _retire(revision, keep=chance.random() < 0.5)), ("settle", _stage()), ("settle", _stage()),
        ("fail", _stage()),
    ]  # fmt: skip
    word, verb = chance.choice(verbs)
    before = cloud.traffic()
    if word == "settle":
        cloud.settle()
    elif word == "fail":
        name = chance.choice([*cloud.deployments, "iris"])
        serves = cloud.endpoint is not None and bool(cloud.endpoint["properties"]["scoringUri"])
        if name != "iris" or serves or not cloud.deployments:
            cloud.fails[name] = "ResourceNotReady: User container has crashed or terminated"
        cloud.settle()
        cloud.fails.clear()
    else:
        with contextlib.suppress(Conflict):
            cloud.ask(verb, most=chance.choice([None, 0, 1, 2]))
    if word != "route":
        assert cloud.traffic() == before or not before, (word, before, cloud.traffic())
