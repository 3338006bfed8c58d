"""What the memory target adds to the contract: behaviours, the store's clock, faults of one connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code, ModelRef, Phase, Release, Traffic, revision_id
from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target import Request, Site
from deployer.testing.memory import Fault, MemoryOptions, MemoryPlace, MemoryTarget, kind
from deployer.testing.writer import Writer
from deployer.value import digest

if TYPE_CHECKING:
    from pathlib import Path

ASK = Request(body=b'{"inputs": [[1]]}')


def release(**config: Any) -> Release:
    whole = digest(config)
    model = ModelRef(uri="m", resolved="/m", digest=digest("m"))
    return Release(
        revision=revision_id(whole), digest=whole, model=model, lock="", runtime="1", fields={"config": config}
    )


def staged(target: MemoryTarget, *, replicas: int | ReplicaRange = 1, **config: Any) -> tuple[Writer, str]:
    spec = DeploymentSpec(name="iris", model="m", target="memory", replicas=replicas)
    made = release(**config)
    writer = Writer(target, "iris").begin(spec)
    writer.configure(spec)
    writer.stage(spec, made)
    return writer, made.revision


def phase(target: MemoryTarget, revision: str) -> Phase:
    seen = target.observe("iris")
    found = seen.find(revision) if seen else None
    assert found is not None
    return found.phase


@pytest.mark.parametrize(
    ("behaviour", "phases", "code"),
    [
        ("healthy", ("starting", "healthy", "healthy", "healthy"), None),
        ("differs", ("starting", "healthy", "healthy", "healthy"), None),
        ("slow", ("starting", "starting", "healthy", "healthy"), None),
        ("never-ready", ("starting", "starting", "starting", "starting"), Code.PROBE_TIMEOUT),
        ("load-fails", ("starting", "failed", "failed", "failed"), Code.MODEL_LOAD),
        ("missing-dependency", ("starting", "failed", "failed", "failed"), Code.MISSING_DEPENDENCY),
        ("crashes-later", ("starting", "healthy", "healthy", "failed"), Code.CRASH_LOOP),
    ],
)
def test_a_revision_lives_as_it_was_wished(
    place: MemoryPlace, target: MemoryTarget, behaviour: str, phases: tuple[str, ...], code: Code | None
) -> None:
    _, revision = staged(target, behaviour=behaviour, settle={"start": 100, "crash": 5000})
    seen = [phase(target, revision)]
    for seconds in (101, 2000, 5000):
        place.advance(seconds)
        seen.append(phase(target, revision))
    assert tuple(seen) == phases
    diagnosis = target.diagnose("iris", revision)
    assert (diagnosis and diagnosis.code) == code


def test_readiness_and_end_may_be_counted_in_looks(target: MemoryTarget) -> None:
    writer, revision = staged(target, settle={"start": 0, "observations": 3})
    assert [phase(target, revision) for _ in range(3)] == ["starting", "starting", "healthy"]
    writer.retire(revision, keep=False)
    looks = [target.observe("iris") for _ in range(5)]
    assert [bool(seen and seen.find(revision)) for seen in looks] == [True, True, True, False, False]


def test_a_scaled_up_revision_is_degraded_until_all_are_ready(place: MemoryPlace, target: MemoryTarget) -> None:
    writer, revision = staged(target, settle={"start": 50})
    place.advance(51)
    writer.stage(DeploymentSpec(name="iris", model="m", replicas=3), release(settle={"start": 50}))
    seen = target.observe("iris")
    assert seen is not None
    found = seen.find(revision)
    assert found is not None
    assert (found.phase, found.ready, found.wanted, found.settled) == (Phase.DEGRADED, 1, 3, False)
    place.advance(51)
    assert phase(target, revision) is Phase.HEALTHY


def test_a_range_follows_the_requests(place: MemoryPlace, target: MemoryTarget) -> None:
    range_ = ReplicaRange(min=1, max=3, value=5)
    writer, revision = staged(target, replicas=range_, settle={"start": 0})
    writer.route(Traffic.all_to(revision))

    def wanted() -> int:
        seen = target.observe("iris")
        assert seen is not None
        return seen.revisions[0].wanted

    assert wanted() == 1
    for _ in range(8):
        target.invoke("iris", ASK)
    assert wanted() == 2
    for _ in range(30):
        target.invoke("iris", ASK)
    assert wanted() == 3
    place.advance(60)
    assert wanted() == 1


def test_shares_are_met_exactly(place: MemoryPlace, target: MemoryTarget) -> None:
    writer, first = staged(target, settle={"start": 0})
    _, second = staged(target, settle={"start": 0, "stop": 1})
    writer.begin(DeploymentSpec(name="iris", model="m"))
    writer.route(Traffic({first: 90, second: 10}))
    for _ in range(200):
        target.invoke("iris", ASK)
    assert place.answered("iris") == {first: 180, second: 20}


def test_an_endpoint_without_traffic_does_not_answer_yet(target: MemoryTarget) -> None:
    staged(target, settle={"start": 0})
    with pytest.raises(TargetUnavailable) as caught:
        target.invoke("iris", ASK)
    assert caught.value.transient


def test_an_endpoint_that_is_being_removed_is_not_changed(target: MemoryTarget) -> None:
    writer, _ = staged(target, settle={"start": 0, "stop": 1000})
    writer.destroy()
    seen = target.observe("iris")
    assert seen is not None
    assert seen.phase is Phase.STOPPING
    with pytest.raises(TargetUnavailable) as caught:
        writer.configure(DeploymentSpec(name="iris", model="m"))
    assert caught.value.transient


def test_who_took_over_meanwhile_keeps_the_record_when_the_rest_is_gone(
    place: MemoryPlace, target: MemoryTarget
) -> None:
    writer, _ = staged(target, settle={"start": 0, "stop": 100})
    writer.destroy()
    other = Writer(target, "iris").begin(DeploymentSpec(name="iris", model="m"))
    place.advance(101)
    assert target.read_record("iris") == (other.record, other.version)
    assert place.holdings()["endpoints"] == {}
    other.destroy()
    assert target.observe("iris") is None


def test_a_claim_expires_by_the_store_s_clock(place: MemoryPlace, target: MemoryTarget) -> None:
    writer, _ = staged(target)
    before = target.now()
    place.advance(3600)
    assert target.now() >= before + 3600
    assert writer.claim.expires < target.now()


def test_what_was_lost_of_the_record_is_told_from_the_marks(place: MemoryPlace, target: MemoryTarget) -> None:
    _, revision = staged(target)
    place.lose_record("iris")
    seen = target.observe("iris")
    assert seen is not None
    assert (seen.managed, seen.owner, [each.id for each in seen.revisions]) == (True, "default", [revision])
    assert target.read_record("iris") is None


def test_faults_of_one_connection_are_its_own(place: MemoryPlace, target: MemoryTarget) -> None:
    faults = [Fault("now", "throttled", skip=1, times=2), Fault("list", "permission"), Fault("observe", "lost")]
    unlucky = MemoryTarget(MemoryOptions(root=place.root), Site("memory"), faults=faults)
    unlucky.now()
    for _ in range(2):
        with pytest.raises(TargetUnavailable) as caught:
            unlucky.now()
        assert caught.value.transient
        target.now()
    unlucky.now()
    with pytest.raises(TargetUnavailable) as caught:
        unlucky.list()
    assert not caught.value.transient
    with pytest.raises(TargetUnavailable):
        unlucky.observe("iris")
    assert unlucky.observe("iris") is None


def test_an_unknown_fault_is_refused(place: MemoryPlace) -> None:
    with pytest.raises(ValueError, match="stale"):
        MemoryTarget(MemoryOptions(root=place.root), Site("memory"), faults=[Fault("observe", "stale")])


def test_a_stale_observation_lies_as_often_as_it_was_told_to(place: MemoryPlace, target: MemoryTarget) -> None:
    writer, revision = staged(target, settle={"start": 0})
    place.inject("observe", "stale", times=2)
    place.inject("list", "stale")
    writer.route(Traffic.all_to(revision))
    told = [seen.traffic.share(revision) for _ in range(3) if (seen := target.observe("iris"))]
    assert told == [0, 0, 100]
    assert [[each.traffic.share(revision) for each in target.list()] for _ in range(2)] == [[0], [100]]


def test_a_stale_observation_of_what_was_not_there_is_nothing(place: MemoryPlace, target: MemoryTarget) -> None:
    place.inject("observe", "stale")
    staged(target)
    assert target.observe("iris") is None
    assert target.observe("iris") is not None


def test_saved_states_come_back(place: MemoryPlace, target: MemoryTarget) -> None:
    _, revision = staged(target, settle={"start": 0})
    saved = place.save()
    Writer(target, "iris").begin(DeploymentSpec(name="iris", model="m")).destroy()
    place.put_foreign("other")
    place.load(saved)
    assert [each.name for each in target.list()] == ["iris"]
    assert phase(target, revision) is Phase.HEALTHY


def test_watching_does_not_miss_what_changed_before_it_began(target: MemoryTarget) -> None:
    writer, revision = staged(target, settle={"start": "20ms"})
    target.observe("iris")
    writer.write()
    began = time.monotonic()
    target.watch("iris", 300)
    while phase(target, revision) is not Phase.HEALTHY:
        target.watch("iris", 300)
    assert time.monotonic() - began < 60


def test_options_of_a_revision_that_are_none_are_told_by_name(target: MemoryTarget) -> None:
    spec = DeploymentSpec(name="iris", model="m")
    writer = Writer(target, "iris").begin(spec)
    with pytest.raises(SpecError) as caught:
        writer.stage(spec, release(behaviour="odd"))
    assert caught.value.where == "config.behaviour"


def test_the_kind_refuses_what_it_cannot_meet() -> None:
    wish: dict[str, Any] = {
        "name": "iris", "model": "m", "auth": {"api_keys": [{"env": "KEY"}]},
        "network": {"expose": "0.0.0.0", "tls": {"cert": "c", "key": "k"}},
        "replicas": {"min": 0, "max": 2}, "secrets": {"A": {"ref": "vault:a"}, "B": {"env": "B"}},
    }  # fmt: skip
    refused = [field for field, _ in kind.refuse(DeploymentSpec(**wish))]
    assert refused == ["auth.api_keys", "network.expose", "network.tls", "replicas.min", "secrets.A"]
    assert list(kind.refuse(DeploymentSpec(name="iris", model="m", replicas=ReplicaRange(min=1, max=2)))) == []


def test_the_default_folder_is_below_the_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert MemoryTarget(MemoryOptions(), Site("memory")).root == tmp_path / "data" / "deployer" / "memory"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert MemoryTarget(MemoryOptions(), Site("memory")).root == tmp_path / ".local/share/deployer/memory"


def test_a_request_to_a_revision_that_is_not_there_is_not_found(target: MemoryTarget) -> None:
    staged(target)
    with pytest.raises(NotFound):
        target.invoke_revision("iris", "r0000000", ASK)
