"""Steps from what is loaded to what is wished."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.gateway import Member, Mirror, Pool, Routing, changes
from tests.unit.gateway.fake import FakeGateway

OLD, NEW, THIRD = REVISIONS = ("r1111111", "r2222222", "r3333333")
MEMBERS = [Member("10.0.0.1", 8000 + number) for number in range(7)]


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    """Any routing of three revisions and seven replicas."""
    homes = draw(st.lists(st.sampled_from([None, *REVISIONS]), min_size=len(MEMBERS), max_size=len(MEMBERS)))
    there = draw(st.sets(st.sampled_from(REVISIONS))) | {home for home in homes if home}
    pools = [
        Pool(revision, tuple(m for m, home in zip(MEMBERS, homes, strict=True) if home == revision))
        for revision in sorted(there)
    ]
    peopled = sorted({home for home in homes if home})
    chosen = draw(st.lists(st.sampled_from(peopled), unique=True)) if peopled else []
    cuts = (
        sorted(draw(st.sets(st.integers(1, 99), min_size=len(chosen) - 1, max_size=len(chosen) - 1))) if chosen else []
    )
    shares = (
        dict(zip(chosen, [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)], strict=True)) if chosen else {}
    )
    mirrored: bool = draw(st.booleans())
    mirror = Mirror(draw(st.sampled_from(sorted(there))), 5) if there and mirrored else None
    return Routing(tuple(pools), shares, mirror)


def _settle(gateway: FakeGateway, wished: Routing) -> None:
    """Go on until all is done; no step may lose what was served before it."""
    for _ in range(20):
        before = gateway.loaded()
        served = [revision for revision in before.routes.shares if gateway.serves(revision)]
        step = changes(before, wished)
        for command in step.commands:
            gateway.do(command)
            shares = gateway.loaded().routes.shares
            if served and shares:
                assert any(gateway.serves(revision) for revision in shares)
            # a request that chose just before this step still finds whom it chose
            assert all(gateway.serves(revision) or wished.pool(revision) for revision in served)
        if step.done:
            return
        gateway.check()
    raise AssertionError(f"it does not settle: {changes(gateway.loaded(), wished)}")


@settings(max_examples=60)
@given(st.lists(routings(), min_size=1, max_size=4))
def test_from_any_routing_to_any_other(wishes: list[Routing]) -> None:
    gateway = FakeGateway(healthy=set(MEMBERS), width=8)
    for wished in wishes:
        _settle(gateway, wished)
        assert gateway.loaded().routing() == wished
        assert changes(gateway.loaded(), wished).done


@settings(max_examples=60)
@given(st.lists(routings(), min_size=2, max_size=4), st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_a_change_that_was_left_in_the_middle_is_gone_on_with(wishes: list[Routing], kept: list[int]) -> None:
    gateway = FakeGateway(healthy=set(MEMBERS), width=8)
    for wished, count in zip(wishes, kept, strict=False):
        for command in changes(gateway.loaded(), wished).commands[:count]:
            gateway.do(command)
        gateway.check()
    for _ in range(20):
        step = changes(gateway.loaded(), wishes[-1])
        for command in step.commands:
            gateway.do(command)
        gateway.check()
    assert changes(gateway.loaded(), wishes[-1]).done
    assert gateway.loaded().routing() == wishes[-1]


def _started(*healthy: Member) -> FakeGateway:
    gateway = FakeGateway(healthy=set(healthy))
    _settle(gateway, Routing((Pool(OLD, tuple(MEMBERS[:2])),), {OLD: 100}))
    return gateway


def test_nothing_to_do_is_nothing() -> None:
    gateway = _started(*MEMBERS)
    step = changes(gateway.loaded(), Routing((Pool(OLD, tuple(MEMBERS[:2])),), {OLD: 100}))
    assert (step.commands, step.waits, step.done) == ((), (), True)


def test_shares_wait_for_a_replica_and_the_old_one_for_the_shares() -> None:
    gateway = _started(*MEMBERS[:2])
    wished = Routing((Pool(NEW, (MEMBERS[2],)),), {NEW: 100})
    for _ in range(4):
        step = changes(gateway.loaded(), wished)
        for command in step.commands:
            gateway.do(command)
        gateway.check()
    step = changes(gateway.loaded(), wished)
    assert step.commands == ()
    assert f"a replica of revision {NEW} that is ready" in step.waits
    assert gateway.serves(OLD)
    gateway.healthy.add(MEMBERS[2])
    gateway.check()
    _settle(gateway, wished)
    assert not gateway.loaded().of(OLD)


def test_the_old_one_drains_only_when_the_move_was_seen() -> None:
    gateway = _started(*MEMBERS)
    wished = Routing((Pool(NEW, (MEMBERS[2],)),), {NEW: 100})
    for command in changes(gateway.loaded(), wished).commands:
        gateway.do(command)
    gateway.check()
    moving = changes(gateway.loaded(), wished)
    assert any(command.startswith("commit map") for command in moving.commands)
    assert not any("drain" in command for command in moving.commands)


def test_capacity_is_kept_while_replicas_are_exchanged() -> None:
    gateway = _started(*MEMBERS[:3])
    wished = Routing((Pool(OLD, (MEMBERS[2], MEMBERS[3])),), {OLD: 100})
    for _ in range(4):
        for command in changes(gateway.loaded(), wished).commands:
            gateway.do(command)
        gateway.check()
    assert sum(server.state == "ready" for server in gateway.loaded().of(OLD)) == 2
    gateway.healthy.add(MEMBERS[3])
    gateway.check()
    _settle(gateway, wished)
    assert {server.member for server in gateway.loaded().servers} == {MEMBERS[2], MEMBERS[3]}


def test_a_revision_that_is_to_have_no_replica_has_none() -> None:
    gateway = _started(*MEMBERS)
    wished = Routing((Pool(OLD),), {OLD: 100})
    for _ in range(2):
        for command in changes(gateway.loaded(), wished).commands:
            gateway.do(command)
    assert changes(gateway.loaded(), wished).done
    assert gateway.loaded().servers == ()


def test_what_is_under_way_is_waited_for() -> None:
    gateway = _started(*MEMBERS)
    gateway.servers[0, 0].connections = 3
    wished = Routing((Pool(OLD, (MEMBERS[1],)),), {OLD: 100})
    for _ in range(3):
        for command in changes(gateway.loaded(), wished).commands:
            gateway.do(command)
    step = changes(gateway.loaded(), wished)
    assert (step.commands, step.waits) == ((), ("10.0.0.1:8000: 3 requests under way",))
    gateway.servers[0, 0].connections = 0
    assert changes(gateway.loaded(), wished).commands == ("set server s0/m0 state maint",)


def test_a_replica_that_comes_back_while_it_drains_is_taken_back() -> None:
    gateway = _started(*MEMBERS)
    gateway.do("set server s0/m0 state drain")
    step = changes(gateway.loaded(), Routing((Pool(OLD, tuple(MEMBERS[:2])),), {OLD: 100}))
    assert step.commands == ("set server s0/m0 state ready",)


def test_a_dead_endpoint_takes_whatever_is_wished_at_once() -> None:
    gateway = _started(*MEMBERS[:2])
    gateway.healthy.clear()
    gateway.check()
    for command in changes(gateway.loaded(), Routing((Pool(NEW, (MEMBERS[2],)),), {NEW: 100})).commands:
        gateway.do(command)
    assert gateway.loaded().routes.shares == {NEW: 100}


def test_without_room_it_waits_and_says_for_what() -> None:
    gateway = _started(*MEMBERS)
    pools = tuple(Pool(f"r{number:07x}") for number in range(4))
    step = changes(gateway.loaded(), Routing((Pool(OLD, tuple(MEMBERS[:5])), *pools), {OLD: 100}))
    assert any(phrase.startswith("room for revision r0000003") for phrase in step.waits)
    assert any(phrase.startswith("room for 10.0.0.1:8004") for phrase in step.waits)


def test_a_slot_remembers_the_counters_it_had() -> None:
    gateway = _started(*MEMBERS)
    _settle(gateway, Routing((Pool(OLD, tuple(MEMBERS[:2])), Pool(NEW)), {OLD: 100}))
    assert gateway.entries["s1.base"] == "1,0,0,0"
    assert gateway.loaded().routes.bases[NEW].requests == 1


def test_a_server_that_is_not_ours_keeps_its_paths_while_it_is_there() -> None:
    gateway = FakeGateway(healthy=set(MEMBERS))
    own = Pool(NEW, (MEMBERS[2],), ready="/health", invocations="/v1/infer")
    _settle(gateway, Routing((Pool(OLD, (MEMBERS[0],)), own), {OLD: 50, NEW: 50}))
    assert gateway.loaded().routing().pool(NEW) == own
    assert set(gateway.loaded().routes.foreign) == {NEW}
    assert f"s1:{NEW}:/v1/infer:/health" in gateway.entries[NEW]
    _settle(gateway, Routing((Pool(OLD, (MEMBERS[0],)),), {OLD: 100}))
    assert gateway.loaded().routes.foreign == {}
