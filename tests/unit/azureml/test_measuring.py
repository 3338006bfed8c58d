"""Figures of a revision from Azure Monitor's minutes."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import TargetUnavailable
from deployer.target import Request
from deployer_azureml.measuring import DELAY, PERIOD, Counted, Metrics, Span, figures_of, points_of, span_of
from tests.unit.azureml.parts import Parts, connected, rights_without
from tests.unit.azureml.values import OTHER, REVISION, deployment, endpoint, facts

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

NOW = 1_795_932_390.0  # half a minute after a whole one
MINUTE = 1_795_932_360.0


def _span(**fields: Any) -> Span:
    return Span(**{"deployment": REVISION, "since": MINUTE - 600, "until": MINUTE + 60, **fields})


def test_a_revision_is_counted_from_its_first_minute_on() -> None:
    made = deployment().created
    whole = made // PERIOD * PERIOD
    found = span_of(facts(), REVISION, made + 1000, 3600)
    assert found is not None
    assert (found.deployment, found.since, found.until >= made + 1000) == (REVISION, whole, True)
    assert (found.instances, found.type) == (1, "Standard_DS2_v2")
    later = span_of(facts(), REVISION, made + 1000, 100)
    assert later is not None
    assert later.since == (made + 900) // PERIOD * PERIOD


def test_what_does_not_run_is_not_counted() -> None:
    assert span_of(facts(), OTHER, NOW, 60) is None
    assert span_of(facts(deployments=(deployment(state="Deleting"),)), REVISION, NOW, 60) is None
    failed = (deployment(state="Failed"),)
    assert span_of(facts(deployments=failed, endpoint=endpoint(traffic={})), REVISION, NOW, 60) is None
    assert span_of(facts(deployments=failed), REVISION, NOW, 60) is not None


def test_figures_of_minutes() -> None:
    counted = Counted(
        statuses={200: [(MINUTE - 60, 30.0), (MINUTE, 10.0)], 500: [(MINUTE, 2.0)], 422: [(MINUTE, 1.0)]},
        latency={
            "mean": [(MINUTE - 60, 10.0), (MINUTE, 30.0), (MINUTE - 120, 999.0)],
            "p50": [(MINUTE - 60, 9.0), (MINUTE, 20.0)],
            "p99": [(MINUTE - 120, 999.0), (MINUTE, 80.0)],
        },
        cpu=[(MINUTE, 50.0), (MINUTE - 60, 100.0)],
        memory=[(MINUTE, 25.0)],
    )
    found = figures_of(counted, _span(instances=2, type="Standard_DS3_v2"), NOW)
    assert (found.requests, found.errors) == (43, 2)
    assert found.latency["mean"] == pytest.approx((30 * 10 + 13 * 30) / 43 / 1000)
    assert (found.latency["p50"], found.latency["p99"], "p95" in found.latency) == (0.02, 0.08, False)
    assert (found.cpu, found.memory) == (4.0, 7 * 2**30)
    assert (found.until, found.resolution, found.delay, found.window) == (NOW, 60.0, DELAY, NOW - (MINUTE - 600))


def test_no_request_has_no_latency() -> None:
    found = figures_of(Counted(latency={"mean": [(MINUTE, 0.0)]}), _span(), NOW)
    assert (found.requests, found.errors, found.latency, found.cpu, found.memory) == (0, 0, {}, None, None)


def test_what_monitor_answers_is_read_by_its_dimensions() -> None:
    series = {
        "metadatavalues": [{"name": {"value": "statuscode"}, "value": "424"}],
        "data": [{"timeStamp": "2026-11-29T06:00:00Z", "average": 3.0}, {"timeStamp": "2026-11-29T06:01:00Z"}],
    }
    answer = {"value": [{"name": {"value": "RequestsPerMinute"}, "timeseries": [series]}]}
    assert points_of(answer, "requestsperminute") == [({"statuscode": "424"}, [(1_795_932_000.0, 3.0)])]
    assert points_of({}, "RequestsPerMinute") == []


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


def _ask(parts: Parts, revision: str, status: int = 200) -> None:
    parts.driver.invoke(Request(body=json.dumps({"status": status, "say": "{}"}).encode()), revision)


def test_each_revision_s_own_requests(parts: Parts) -> None:
    parts.serving()
    parts.stage(OTHER)
    for status in (200, 200, 200, 500, 422):
        _ask(parts, REVISION, status)
    _ask(parts, OTHER)
    found = Metrics(parts.azure).figures(parts.facts(), REVISION, 3600.0)
    assert found is not None
    assert (found.requests, found.errors) == (5, 1)
    assert set(found.latency) == {"mean", "p50", "p95", "p99"}
    assert 0 < found.latency["p50"] <= found.latency["p95"] <= found.latency["p99"] < 30
    assert 0 < found.window <= 3600
    other = Metrics(parts.azure).figures(parts.facts(), OTHER, 3600.0)
    assert other is not None
    assert (other.requests, other.errors) == (1, 0)
    assert Metrics(parts.azure).figures(parts.facts(), "r0000000", 3600.0) is None


def test_who_may_not_read_them_is_told_the_right(parts: Parts, double: Double) -> None:
    parts.serving()
    double.tell("PUT", "rights", rights_without("Microsoft.Insights/metrics/read"))
    with pytest.raises(TargetUnavailable, match=r"Microsoft\.Insights/metrics/read"):
        Metrics(parts.azure).figures(parts.facts(), REVISION, 60.0)
