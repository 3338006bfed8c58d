"""What is due of each verb, from any state; and that a process which is killed anywhere has lost nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase, Traffic
from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer_sagemaker.calls import Due, add_tags
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.observe import endpoint_of
from deployer_sagemaker.removing import destroy_due, retire_due
from deployer_sagemaker.requests import mark_asked
from deployer_sagemaker.routing import route_due
from deployer_sagemaker.staging import Staging
from tests.unit.sagemaker.cloud import Cloud
from tests.unit.sagemaker.values import OTHER, REVISION, endpoint, place, record, release, spec

Verb = Callable[[Facts], Due]
RANGE = {"min": 1, "max": 4, "value": 100}
VARIANT = {"verify": "variant"}


def _stage(revision: str = REVISION, wish: DeploymentSpec | None = None) -> Verb:
    return Staging(wish or spec(), release(revision), place()).due


def _route(traffic: dict[str, int], wish: DeploymentSpec | None = None) -> Verb:
    return lambda facts: route_due(facts, wish or spec(), Traffic(traffic), place())


def _retire(revision: str, *, keep: bool, wish: DeploymentSpec | None = None) -> Verb:
    return partial(_retired, revision=revision, keep=keep, wish=wish or spec())


def _retired(facts: Facts, *, revision: str, keep: bool, wish: DeploymentSpec) -> Due:
    return retire_due(facts, wish, revision, place(), keep=keep)


def _seen(cloud: Cloud) -> Endpoint:
    found = endpoint_of(cloud.facts())
    assert found is not None
    return found


def _phase(cloud: Cloud, revision: str) -> Phase | None:
    found = _seen(cloud).find(revision)
    return found.phase if found is not None else None


def _serving(wish: DeploymentSpec | None = None) -> Cloud:
    cloud = Cloud()
    cloud.drive(_stage(REVISION, wish))
    cloud.drive(_route({REVISION: 100}, wish))
    return cloud


def _left(cloud: Cloud) -> dict[str, Any]:
    """All that is there, without times."""
    return {
        "endpoints": {name: (each.status, each.config, each.pending) for name, each in cloud.endpoints.items()},
        "variants": {
            name: [(v.name, v.wanted, v.weighed) for v in each.variants] for name, each in cloud.endpoints.items()
        },
        "configs": {each.name: each.state for each in cloud.facts().configs},
        "models": sorted(cloud.models),
        "traffic": _seen(cloud).traffic.root,
        "scaler": cloud.scaler,
    }


def test_the_first_revision_is_staged_on_the_endpoint_itself() -> None:
    cloud = Cloud()
    cloud.drive(_stage())
    assert set(cloud.endpoints) == {"iris"}
    assert (_phase(cloud, REVISION), bool(_seen(cloud).traffic)) == (Phase.HEALTHY, False)
    cloud.made.clear()
    cloud.drive(_route({REVISION: 100}))
    assert cloud.made == ["AddTags"]
    assert _seen(cloud).traffic.root == {REVISION: 100}
    cloud.made.clear()
    for verb in (_stage(), _route({REVISION: 100})):
        cloud.drive(verb)
    assert cloud.made == []


def test_a_later_one_is_verified_beside_it_and_moved_by_one_update() -> None:
    cloud = _serving()
    cloud.made.clear()
    cloud.drive(_stage(OTHER))
    assert set(cloud.endpoints) == {"iris", "iris--verify"}
    assert cloud.endpoints["iris--verify"].variants[0].wanted == 1
    assert (_phase(cloud, OTHER), _seen(cloud).traffic.root) == (Phase.HEALTHY, {REVISION: 100})
    cloud.drive(_route({OTHER: 100}))
    assert cloud.made.count("UpdateEndpoint") == 1
    assert cloud.made.index("AddTags") < cloud.made.index("UpdateEndpoint")
    assert set(cloud.endpoints) == {"iris"}
    assert _seen(cloud).traffic.root == {OTHER: 100}
    cloud.drive(_retire(REVISION, keep=True))
    assert [each.id for each in _seen(cloud).revisions] == [OTHER]
    assert sum(REVISION in name and "verify" not in name for name in cloud.configs) == 1


def test_what_was_kept_is_gone_back_to() -> None:
    cloud = _serving()
    for verb in (_stage(OTHER), _route({OTHER: 100}), _retire(REVISION, keep=True)):
        cloud.drive(verb)
    cloud.made.clear()
    for verb in (_stage(), _route({REVISION: 100}), _retire(OTHER, keep=False)):
        cloud.drive(verb)
    assert _seen(cloud).traffic.root == {REVISION: 100}
    assert not any(OTHER in name for name in (*cloud.configs, *cloud.models))
    assert cloud.made.count("CreateEndpointConfig") == 1  # the one to verify it by; its own was kept


def test_the_count_changes_in_place() -> None:
    cloud = _serving()
    cloud.made.clear()
    cloud.drive(_stage(wish=spec(replicas=3)))
    assert cloud.made == ["UpdateEndpointWeightsAndCapacities"]
    assert cloud.endpoints["iris"].variants[0].ready == 3
    cloud.drive(_stage(OTHER, spec(replicas=3)))
    cloud.drive(_route({OTHER: 100}, spec(replicas=3)))
    assert cloud.endpoints["iris"].variants[0].ready == 3


def test_a_range_belongs_to_the_autoscaler() -> None:
    wish = spec(replicas=RANGE)
    cloud = _serving(wish)
    assert cloud.scaler is not None
    assert cloud.scaler.bounds == (1, 4)
    variants = (replace(cloud.endpoints["iris"].variants[0], wanted=3, ready=3),)
    cloud.endpoints["iris"] = replace(cloud.endpoints["iris"], variants=variants)  # the autoscaler acts
    cloud.drive(_stage(wish=wish))
    assert cloud.endpoints["iris"].variants[0].wanted == 3
    cloud.drive(_stage(OTHER, wish))
    cloud.drive(_route({OTHER: 100}, wish))
    assert cloud.endpoints["iris"].variants[0].ready == 3
    cloud.drive(_stage(OTHER))
    assert cloud.scaler is None
    assert cloud.endpoints["iris"].variants[0].ready == 1


def test_traffic_is_taken_away_and_given_back() -> None:
    cloud = _serving()
    cloud.drive(_route({}))
    assert cloud.endpoints == {}
    assert (_phase(cloud, REVISION), bool(_seen(cloud).traffic)) == (Phase.PENDING, False)
    cloud.drive(_route({REVISION: 100}))
    assert _seen(cloud).traffic.root == {REVISION: 100}


def test_recreate_needs_one_fleet_only() -> None:
    cloud = _serving()
    for verb in (_route({}), _retire(REVISION, keep=True), _stage(OTHER)):
        cloud.drive(verb)
        assert len(cloud.endpoints) <= 1
    cloud.drive(_route({OTHER: 100}))
    assert _seen(cloud).traffic.root == {OTHER: 100}
    assert cloud.made.count("UpdateEndpoint") == 0


def test_a_request_while_aws_deletes_is_made_when_it_is_gone() -> None:
    cloud = _serving()
    cloud.ask(_route({}))
    assert cloud.endpoints["iris"].status == "Deleting"
    assert not cloud.ask(_route({REVISION: 100}))
    cloud.drive(_route({REVISION: 100}))
    assert _seen(cloud).traffic.root == {REVISION: 100}


def test_an_update_that_is_taken_back_serves_on_and_can_be_tried_again() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({OTHER: 100}))
    cloud.reverts = True
    cloud.settle()
    assert _seen(cloud).traffic.root == {REVISION: 100}
    assert _phase(cloud, OTHER) is Phase.FAILED
    cloud.drive(_route({REVISION: 100}))  # back
    cloud.drive(_retire(OTHER, keep=False))
    assert [each.id for each in _seen(cloud).revisions] == [REVISION]
    assert _seen(cloud).phase is Phase.HEALTHY
    cloud.drive(_stage(OTHER))
    assert _phase(cloud, OTHER) is Phase.HEALTHY
    cloud.drive(_route({OTHER: 100}))
    assert _seen(cloud).traffic.root == {OTHER: 100}


def test_a_revision_that_was_taken_back_is_staged_anew() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({OTHER: 100}))
    cloud.reverts = True
    cloud.settle()
    cloud.drive(_stage(OTHER))
    assert _phase(cloud, OTHER) is Phase.HEALTHY


def test_what_nothing_tells_the_way_of_is_waited_for() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    before = cloud.endpoints["iris"]
    cloud.ask(_route({OTHER: 100}))
    # Another writer's mark; and the update slipped through after it, whose requests have moved by now.
    cloud.take(
        add_tags(before.arn, mark_asked(spec(), before.config, place(), before.modified, Traffic({REVISION: 100})))
    )
    moved = cloud.endpoints["iris"]
    cloud.endpoints["iris"] = replace(moved, pending="", coming=())
    assert not cloud.ask(_stage())
    cloud.endpoints["iris"] = moved
    cloud.settle()
    assert _phase(cloud, REVISION) is Phase.FAILED
    cloud.drive(_stage())
    assert _phase(cloud, REVISION) is Phase.HEALTHY


def test_an_update_cannot_be_called_off_and_is_gone_back_from() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    cloud.ask(_route({OTHER: 100}))
    assert not cloud.ask(_route({REVISION: 100}))
    assert not cloud.ask(_retire(OTHER, keep=False))
    assert not cloud.ask(_stage())
    cloud.settle()
    assert _seen(cloud).traffic.root == {OTHER: 100}
    cloud.drive(_stage())
    assert _phase(cloud, REVISION) is Phase.HEALTHY
    cloud.drive(_route({REVISION: 100}))
    assert _seen(cloud).traffic.root == {REVISION: 100}


@pytest.mark.parametrize("name", ["iris", "iris--verify"])
def test_what_failed_is_made_anew(name: str) -> None:
    cloud = Cloud() if name == "iris" else _serving()
    revision = REVISION if name == "iris" else OTHER
    cloud.ask(_stage(revision))
    cloud.endpoints[name] = replace(cloud.endpoints[name], status="Failed", pending="", reason="ping")
    assert _phase(cloud, revision) is Phase.FAILED
    began = cloud.endpoints[name].created
    cloud.drive(_stage(revision))
    assert _phase(cloud, revision) is Phase.HEALTHY
    assert cloud.endpoints[name].created > began


def test_a_third_revision_takes_the_second_s_place_in_verification() -> None:
    cloud = _serving()
    cloud.drive(_stage(OTHER))
    third = "r9999999"
    cloud.record = record(releases={each: release(each) for each in (REVISION, OTHER, third)})
    cloud.drive(_stage(third))
    assert _phase(cloud, third) is Phase.HEALTHY
    assert _phase(cloud, OTHER) is Phase.PENDING


def test_a_revision_that_was_never_released_goes_with_its_endpoint() -> None:
    cloud = Cloud()
    cloud.drive(_stage())
    cloud.drive(_retire(REVISION, keep=False))
    assert (cloud.endpoints, cloud.configs, cloud.models) == ({}, {}, {})


def test_what_has_traffic_is_not_retired_and_what_was_not_staged_not_routed_to() -> None:
    cloud = _serving()
    with pytest.raises(Conflict, match="has traffic"):
        cloud.ask(_retire(REVISION, keep=True))
    with pytest.raises(Conflict, match="was not staged"):
        cloud.ask(_route({OTHER: 100}))
    cloud.drive(_stage(OTHER))
    with pytest.raises(Conflict, match="do not run beside each other") as caught:
        cloud.ask(_route({REVISION: 50, OTHER: 50}))
    assert "config.verify=variant" in (caught.value.hint or "")
    cloud.drive(_retire("r0000000", keep=False))


@pytest.mark.parametrize("name", ["iris", "iris--verify"])
def test_what_somebody_else_made_is_never_touched(name: str) -> None:
    cloud = _serving() if name == "iris--verify" else Cloud()
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{name}"
    theirs = endpoint(name=name, arn=arn, config="theirs", marks=None)
    cloud.endpoints[name], cloud.tags[arn] = theirs, {"team": "other"}
    cloud.made.clear()
    for verb in (_stage(OTHER), _route({REVISION: 100}), _route({})):
        with pytest.raises(Conflict, match="did not make"):
            cloud.ask(verb)
    cloud.ask(_retire(OTHER, keep=False))
    cloud.ask(destroy_due)
    cloud.settle()
    assert cloud.endpoints[name] == theirs


def test_nowhere_to_verify() -> None:
    wish = spec(config={"verify": "none"})
    cloud = _serving(wish)
    cloud.drive(_stage(OTHER, wish))
    assert set(cloud.endpoints) == {"iris"}
    assert _phase(cloud, OTHER) is Phase.PENDING
    cloud.drive(_route({OTHER: 100}, wish))
    assert _seen(cloud).traffic.root == {OTHER: 100}


def test_two_variants_share_traffic_and_become_one_again() -> None:
    wish = spec(config=VARIANT, replicas=2)
    cloud = _serving(wish)
    cloud.made.clear()
    cloud.drive(_stage(OTHER, wish))
    assert set(cloud.endpoints) == {"iris"}
    assert (_phase(cloud, OTHER), _seen(cloud).traffic.root) == (Phase.HEALTHY, {REVISION: 100})
    for shares in ({REVISION: 90, OTHER: 10}, {REVISION: 50, OTHER: 50}, {OTHER: 100}):
        cloud.drive(_route(shares, wish))
        assert _seen(cloud).traffic.same_as(Traffic(shares))
    assert cloud.made.count("UpdateEndpoint") == 1
    cloud.drive(_retire(REVISION, keep=True, wish=wish))
    assert cloud.made.count("UpdateEndpoint") == 2
    assert [each.name for each in cloud.endpoints["iris"].variants] == ["primary"]
    assert cloud.endpoints["iris"].variants[0].wanted == 2
    assert [each.id for each in _seen(cloud).revisions] == [OTHER]
    assert _seen(cloud).traffic.root == {OTHER: 100}
    cloud.drive(_stage(OTHER, wish))
    cloud.drive(destroy_due)
    assert not cloud.configs


def test_a_second_variant_that_is_not_wished_any_more_goes() -> None:
    wish = spec(config=VARIANT)
    cloud = _serving(wish)
    cloud.drive(_stage(OTHER, wish))
    cloud.drive(_retire(OTHER, keep=False, wish=wish))
    assert [each.id for each in _seen(cloud).revisions] == [REVISION]
    assert not any(OTHER in name for name in (*cloud.configs, *cloud.models))


@pytest.mark.parametrize("replicas", [1, RANGE])
def test_nothing_is_left_of_it(replicas: Any) -> None:
    wish = spec(replicas=replicas)
    cloud = _serving(wish)
    cloud.drive(_stage(OTHER, wish))
    cloud.drive(destroy_due)
    assert (cloud.endpoints, cloud.configs, cloud.models, cloud.scaler) == ({}, {}, {}, None)
    assert cloud.made.index("DeleteEndpoint") < cloud.made.index("DeleteEndpointConfig")
    cloud.drive(destroy_due)


WAYS: dict[str, tuple[Verb, ...]] = {}
for word, wished in (("plain", {}), ("range", {"replicas": RANGE}), ("variant", {"config": VARIANT})):
    as_wished = spec(**wished)
    WAYS[word] = (
        _stage(REVISION, as_wished),
        _route({REVISION: 100}, as_wished),
        _stage(OTHER, as_wished),
        _route({OTHER: 100}, as_wished),
        _retire(REVISION, keep=True, wish=as_wished),
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


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_is_killed_after_any_call_has_lost_nothing(way: str, settled: bool) -> None:
    """Each verb is broken off after each of its calls, and then called again by another process."""
    verbs = WAYS[way]
    whole = Cloud()
    for verb in verbs:
        whole.drive(verb)
    broken = 0
    for killed in range(len(verbs)):
        for most in range(8):
            cloud = Cloud()
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
