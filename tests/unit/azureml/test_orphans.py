"""What nothing refers to any more, and what is left alone."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Before, Claim, Holder, Record, Rollout, Traffic
from deployer.errors import TargetUnavailable
from deployer.target import Request
from deployer_azureml.errors import Refused
from deployer_azureml.facts import ScalerFact
from deployer_azureml.marks import Marks, Role
from deployer_azureml.naming import Naming
from deployer_azureml.orphans import Left, Orphanage, left_of
from deployer_azureml.survey import Surveyor
from tests.unit.azureml.living import Living
from tests.unit.azureml.parts import Parts, connected, rights_without
from tests.unit.azureml.values import OTHER, REVISION, deployment, endpoint, environment, facts, record, release

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

NOW = 1.9e9
ONLY = {REVISION: release()}


def _left(known: Record | None = None, **fields: Any) -> list[tuple[str, str]]:
    kept = record(releases=ONLY) if known is None else known
    return [(each.kind, each.name) for each in left_of(facts(record=kept, **fields), kept, NOW)]


def _calls(left: Left) -> list[str]:
    return [f"{each.operation} {each.path.rpartition('/')[2]}" for each in left.calls]


def _scaler(of: str) -> ScalerFact:
    return ScalerFact(f"deployer-team-iris-{of}", of, 1, 3)


def test_what_the_record_names_or_serves_stays() -> None:
    assert _left() == []
    assert _left(record()) == []
    # A revision that is kept for a rollback has its environment alone.
    assert _left(record(), environments=(environment(), environment(OTHER))) == []
    # Named, and without traffic: a person may have said so.
    assert _left(record(), deployments=(deployment(), deployment(OTHER))) == []


def test_a_deployment_that_no_record_names() -> None:
    both = (deployment(), deployment(OTHER))
    assert _left(deployments=both) == [("deployment", OTHER)]
    found = next(iter(left_of(facts(deployments=both, scalers=(_scaler(OTHER),)), record(releases=ONLY), NOW)))
    assert _calls(found) == [f"DeleteAutoscale deployer-team-iris-{OTHER}", f"DeleteDeployment {OTHER}"]
    assert found.since == deployment().modified
    shared = endpoint(traffic={REVISION: 90, OTHER: 10})
    assert _left(deployments=both, endpoint=shared) == []
    copied = endpoint(mirrorTraffic={OTHER: 10})
    assert _left(deployments=both, endpoint=copied) == []
    assert _left(deployments=(deployment(), deployment(OTHER, state="Updating"))) == []
    assert _left(deployments=both, endpoint=endpoint(state="Updating")) == []


def test_what_somebody_else_made_stays() -> None:
    theirs = deployment(OTHER, tags={})
    assert _left(deployments=(deployment(), theirs)) == []
    # Of an endpoint that has lost its Record ours goes, and not the endpoint with theirs.
    idle = facts(record=None, endpoint=endpoint(traffic={}), deployments=(deployment(), theirs))
    assert [(each.kind, each.name) for each in left_of(idle, None, NOW)] == [("deployment", REVISION)]


def test_environments_that_nothing_runs_or_keeps() -> None:
    kept = (environment(), environment(OTHER))
    assert _left(environments=kept) == [("environment", f"{OTHER}-00000000")]
    # Somebody else's deployment may run ours.
    assert _left(environments=kept, deployments=(deployment(), deployment(OTHER, tags={}))) == []


def test_an_autoscale_setting_without_its_deployment() -> None:
    assert _left(scalers=(_scaler(REVISION), _scaler(OTHER))) == [
        ("autoscale setting", f"deployer-team-iris-{OTHER}"),
    ]  # fmt: skip


def test_an_endpoint_that_has_lost_its_record() -> None:
    idle = endpoint(traffic={})
    found = [*left_of(facts(record=None, endpoint=idle, scalers=(_scaler(REVISION),)), None, NOW)]
    assert [(each.kind, each.name) for each in found] == [("endpoint", "iris")]
    assert _calls(found[0]) == [f"DeleteAutoscale deployer-team-iris-{REVISION}", "DeleteEndpoint iris"]
    # It serves somebody.
    assert [*left_of(facts(record=None), None, NOW)] == []
    busy = (deployment(state="Creating"),)
    assert [*left_of(facts(record=None, endpoint=idle, deployments=busy), None, NOW)] == []


def test_what_is_recorded_elsewhere_is_nobodys_to_take() -> None:
    """Another deployer.toml, with another prefix or store, has its Record."""
    theirs = Marks("team", "iris", Role.ENDPOINT, records="0a1b2c3d")
    both: dict[str, Any] = {"deployments": (deployment(), deployment(OTHER)), "environments": (environment(),)}
    seen = facts(record=None, endpoint=replace(endpoint(), marks=theirs), **both)
    assert [*left_of(seen, None, NOW, "12345678")] == []
    assert [each.name for each in left_of(seen, None, NOW, "0a1b2c3d")] == [OTHER]
    alone = facts(
        record=None, endpoint=None, deployments=(), environments=(replace(environment(), records="0a1b2c3d"),)
    )
    assert [*left_of(alone, None, NOW, "12345678")] == []
    assert len([*left_of(alone, None, NOW, "0a1b2c3d")]) == 1


def test_what_is_left_of_an_endpoint_that_is_gone() -> None:
    gone: dict[str, Any] = {"endpoint": None, "deployments": ()}
    found = [*left_of(facts(record=None, **gone), None, NOW)]
    assert [(each.kind, each.name) for each in found] == [("environment", f"{REVISION}-00000000")]


def test_a_record_of_nothing() -> None:
    nothing: dict[str, Any] = {"endpoint": None, "deployments": (), "environments": ()}
    kept = record(releases={})
    assert _left(kept, **nothing) == [("record", "iris")]
    # Its endpoint is to be made anew by the next apply.
    released = record(traffic=Traffic.all_to(REVISION))
    assert _left(released, **nothing) == []


def test_nothing_of_what_somebody_has_or_nobody_can_read() -> None:
    both = {"deployments": (deployment(), deployment(OTHER))}
    for kept in (record(releases=ONLY, claim=_claim(NOW + 60)), record(releases=ONLY, rollout=_rollout())):
        assert _left(kept, **both) == []
    assert _left(record(releases=ONLY, claim=_claim(NOW - 60)), **both) == [("deployment", OTHER)]
    assert [*left_of(facts(record_trouble="another version wrote it", **both), None, NOW)] == []


def _claim(expires: float) -> Claim:
    holder = Holder(by="a@b", host="b", pid=1, started="1")
    return Claim(token="t", generation=1, holder=holder, verb="update", since=5.0, expires=expires)


def _rollout() -> Rollout:
    return Rollout(verb="update", revision=OTHER, by="a@b", started=5.0, before=Before(spec=None))


# On the double.


@pytest.fixture
def double() -> Generator[Double]:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, Durations, InProcess, Options
    from deployer.testing.azureml.echo import echo

    with Double(Options(containers=InProcess({"": echo}), durations=Durations(probe_every=0.01))) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(double, connected(double, monkeypatch))


def _orphanage(parts: Parts) -> Orphanage:
    return Orphanage(parts.azure, parts.records, parts.surveyor)


def _found(parts: Parts, older_than: float = 0.0) -> list[str]:
    return [each.what for each in _orphanage(parts).find(older_than)]


def test_a_deployment_goes_and_then_its_environment(parts: Parts) -> None:
    parts.serving()
    parts.stage(OTHER)
    parts.keep(record(releases=ONLY, traffic=Traffic.all_to(REVISION)))
    orphanage = _orphanage(parts)
    assert [*orphanage.find(3600.0)] == []
    (found,) = orphanage.find(0.0)
    assert (found.what, found.endpoint) == (f"deployment {OTHER}", "iris")
    assert not orphanage.remove(found, 3600.0)
    assert orphanage.remove(found, 0.0)
    parts.until(lambda: parts.facts().find(OTHER) is None)
    assert not orphanage.remove(found, 0.0)
    (environment_,) = orphanage.find(0.0)
    assert environment_.what.startswith(f"environment {OTHER}-")
    assert orphanage.remove(environment_, 0.0)
    assert [*orphanage.find(0.0)] == []
    assert parts.driver.invoke(Request(body=b"{}")).status == 200


def test_what_is_named_meanwhile_stays(parts: Parts) -> None:
    parts.serving()
    parts.stage(OTHER)
    parts.keep(record(releases=ONLY))
    orphanage = _orphanage(parts)
    (found,) = orphanage.find(0.0)
    parts.keep(record())
    assert not orphanage.remove(found, 0.0)
    parts.keep(record(releases=ONLY, claim=_claim(parts.azure.now() + 60)))
    assert not orphanage.remove(found, 0.0)
    assert parts.facts().find(OTHER) is not None


def test_an_endpoint_and_all_that_is_left_of_it(parts: Parts) -> None:
    parts.stage(REVISION)
    assert _found(parts) == ["endpoint iris"]
    orphanage = _orphanage(parts)
    (found,) = orphanage.find(0.0)
    assert orphanage.remove(found, 0.0)
    parts.until(lambda: parts.facts().endpoint is None)
    assert _found(parts) == [f"environment {parts.facts().environments[0].version}"]


def test_an_environment_that_is_left_alone(parts: Parts) -> None:
    """Somebody deleted the endpoint and its Record by hand."""
    parts.serving()
    parts.azure.ask("DELETE", "onlineEndpoints/iris")
    parts.until(lambda: parts.facts().endpoint is None)
    (found,) = _orphanage(parts).find(0.0)
    assert found.what.startswith(f"environment {REVISION}-")
    assert _orphanage(parts).remove(found, 0.0)
    assert _found(parts) == []


def test_a_record_of_nothing_goes_by_its_version(parts: Parts) -> None:
    parts.keep(record(releases={}))
    orphanage = _orphanage(parts)
    (found,) = orphanage.find(0.0)
    assert found.what == "record iris"
    parts.keep(record(releases={}, generation=2))
    assert not orphanage.remove(found, 0.0)
    (again,) = orphanage.find(0.0)
    assert orphanage.remove(again, 0.0)
    assert parts.records.read("iris") is None


def test_where_one_may_not_remove_it_the_right_is_told(parts: Parts, double: Double) -> None:
    parts.serving()
    parts.stage(OTHER)
    parts.keep(record(releases=ONLY))
    (found,) = _orphanage(parts).find(0.0)
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/delete"
    double.tell("PUT", "rights", rights_without(action))
    with pytest.raises(TargetUnavailable, match=action):
        _orphanage(parts).remove(found, 0.0)


def test_a_record_that_cannot_be_read_keeps_all(parts: Parts, double: Double) -> None:
    parts.serving()
    parts.stage(OTHER)
    parts.keep(record(releases=ONLY))
    double.fault("GetBlob", error="Odd", status=400, times=5)
    assert _found(parts) == []


def test_with_another_prefix_nothing_of_it_is_found(
    parts: Parts, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = Living(double)
    living.begin().stage().healthy()
    away = Parts(double, connected(double, monkeypatch, prefix="other"))
    naming = Naming(away.azure, away.records)
    found = [each.endpoint for each in Orphanage(away.azure, away.records, away.surveyor).find(0.0)]
    assert living.name not in found
    assert living.name in naming.unrecorded(naming.records() or [])
    monkeypatch.setattr(away.placing.store, "names", _gone)
    with pytest.raises(TargetUnavailable):  # a store whose container is gone tells nothing of what is needed
        naming.records()


def _gone(_query: object) -> Iterator[str]:
    raise Refused(404, ("ContainerNotFound",), "The specified container does not exist.", "GET")


def test_an_environment_that_a_deployment_of_another_endpoint_runs_stays(parts: Parts) -> None:
    parts.serving()
    mine = parts.facts().environments[0]
    parts.azure.ask("PUT", "onlineEndpoints/theirs", {"location": "eastus2", "properties": {"authMode": "Key"}})
    parts.until(
        lambda: parts.azure.ask("GET", "onlineEndpoints/theirs")["properties"]["provisioningState"] == "Succeeded"
    )
    properties = {"endpointComputeType": "Managed", "instanceType": "Standard_DS2_v2", "environmentId": mine.id}
    body = {"location": "eastus2", "sku": {"name": "Default", "capacity": 1}, "properties": properties}
    parts.azure.ask("PUT", "onlineEndpoints/theirs/deployments/blue", body)
    parts.azure.ask("DELETE", "onlineEndpoints/iris")
    parts.until(lambda: parts.facts().endpoint is None)
    assert _found(parts) == []


def test_whoever_claims_it_meanwhile_keeps_it(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.serving()
    parts.stage(OTHER)
    parts.keep(record(releases=ONLY))
    orphanage = _orphanage(parts)
    (found,) = orphanage.find(0.0)
    plain = Surveyor.survey

    def claimed(self: Surveyor, endpoint: str, **more: Any) -> Any:
        seen = plain(self, endpoint, **more)
        parts.keep(record(releases=ONLY, claim=_claim(parts.azure.now() + 60)))
        return seen

    monkeypatch.setattr(Surveyor, "survey", claimed)
    assert not orphanage.remove(found, 0.0)
    monkeypatch.undo()
    assert parts.facts().find(OTHER) is not None
