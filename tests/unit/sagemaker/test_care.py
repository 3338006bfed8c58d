"""Logs, figures, doctor and what is left behind, on the double."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Traffic
from deployer.errors import TargetUnavailable
from deployer.target import Check
from deployer.testing.writer import Writer
from deployer_sagemaker import changing
from deployer_sagemaker.measuring import PERIOD, Span, figures_of, span_of
from tests.unit.sagemaker.living import ASKED, OTHER, REVISION, Living, until
from tests.unit.sagemaker.values import config_fact, endpoint, facts

if TYPE_CHECKING:
    from deployer_sagemaker.target import SageMakerTarget


# Logs.


def test_lines_are_of_the_revision_that_wrote_them(living: Living) -> None:
    living.begin().serve().stage(OTHER, "good:2").healthy(OTHER)
    lines = list(living.target.logs(living.name))
    assert {line.revision for line in lines} == {REVISION, OTHER}
    assert all(line.text.startswith("serving good@") and line.replica.startswith("i-") for line in lines)
    living.route({OTHER: 100})
    found = list(living.target.logs(living.name, revision=OTHER))
    assert len(found) == 2  # where it was verified, and where it serves
    assert [line.revision for line in living.target.logs(living.name, revision=REVISION)] == [REVISION]
    living.writer.retire(REVISION, keep=True)
    living.stage(REVISION).healthy(REVISION)
    living.route({REVISION: 100})
    assert len(list(living.target.logs(living.name, revision=OTHER))) == 2
    assert len(list(living.target.logs(living.name, revision=REVISION))) == 3
    assert list(living.target.logs("nothing-here")) == []


def test_lines_can_be_cut_and_followed(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer_sagemaker.logs.PAUSE", 0.05)
    living.begin().serve(replicas=2)
    containers = living.double.world.containers.started[-2:]  # type: ignore[attr-defined]
    for number in range(5):
        containers[0].write(f"line {number}")
    assert [line.text for line in living.target.logs(living.name, tail=2)] == ["line 3", "line 4"]
    assert list(living.target.logs(living.name, since=living.target.now() + 60)) == []
    following = living.target.logs(living.name, tail=1, follow=True)
    assert "line 4" in {next(following).text, next(following).text}
    containers[1].write("more")
    assert next(following).text == "more"
    living.writer.destroy()
    until(lambda: living.target.observe(living.name) is None)
    list(following)  # it ends with the endpoint


# Figures.


def _span(**fields: object) -> Span:
    return Span(**{"endpoint": "iris", "variant": "primary", "since": 600.0, "until": 720.0, **fields})  # type: ignore[arg-type]


def test_figures_are_of_whole_minutes() -> None:
    values = {
        "requests": [(600.0, 30.0), (660.0, 10.0)],
        "errors": [(600.0, 1.0), (660.0, 1.0)],
        "mean": [(600.0, 10_000.0), (660.0, 50_000.0)],
        "p95": [(600.0, 20_000.0), (660.0, 90_000.0)],
        "overhead": [(600.0, 2_000.0), (660.0, 2_000.0)],
        "memory": [(600.0, 40.0), (660.0, 50.0)],
        "cpu": [(660.0, 150.0)],
    }
    found = figures_of(values, _span(instances=2, type="ml.m5.large"), 700.0)
    assert (found.requests, found.errors, found.error_rate) == (40, 2, 0.05)
    assert found.latency == {"mean": pytest.approx(0.022), "p95": pytest.approx(0.092)}
    assert (found.window, found.until, found.resolution) == (100.0, 700.0, PERIOD)
    assert found.memory == 2 * 4 * 2**30
    assert found.cpu == 3.0


def test_without_requests_there_is_no_latency() -> None:
    found = figures_of({}, _span(), 700.0)
    assert (found.requests, found.errors, dict(found.latency), found.memory, found.cpu) == (0, 0, {}, None, None)


@pytest.mark.parametrize(
    ("created", "configured", "since"),
    [
        (3050.0, 3040.0, 3000),  # nothing served before it: its first minute is its own
        (10.0, 3050.0, 3060),  # an update has moved it: in that minute another one answered, too
    ],
)
def test_the_first_minute_counts_where_nobody_else_served_in_it(created: float, configured: float, since: int) -> None:
    serves = facts(endpoint=endpoint(created=created), configs=(config_fact(created=configured),))
    found = span_of(serves, REVISION, 3170.0, 600.0)
    assert found is not None
    assert (found.since, found.until) == (since, 3180)


def test_what_was_asked_is_counted(living: Living) -> None:
    living.begin().serve()
    for _ in range(3):
        living.target.invoke(living.name, ASKED)
    found = living.target.measure(living.name, REVISION, window=600)
    assert found is not None
    assert found.requests == 3
    assert found.errors == 0
    assert found.latency["mean"] > 0
    assert 0 < found.latency["p50"] <= found.latency["p95"] <= found.latency["p99"]
    assert living.target.measure(living.name, OTHER, window=600) is None
    assert living.target.measure("nothing-here", OTHER, window=600) is None


# Doctor.


def _checks(target: SageMakerTarget) -> dict[str, Check]:
    return {each.what: each for each in target.preflight()}


def test_doctor_finds_all_well(living: Living) -> None:
    living.begin()
    living.calls()
    found = _checks(living.target)
    assert {each.ok for each in found.values()} <= {True, None}, found
    assert found["credentials of AWS"].ok
    assert found["the execution role"].ok
    assert found["the bucket"].ok
    assert found["ECR"].ok
    assert found["permissions"].ok
    assert living.calls() == []


@pytest.mark.usefixtures("unheld")
def test_doctor_names_what_is_not(
    new_living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch, faults: Callable[..., None]
) -> None:
    found = _checks(new_living(bucket="of-nobody", role="absent").target)
    assert found["the bucket"].ok is False
    assert found["the execution role"].ok is False
    assert "no role absent" in found["the execution role"].detail
    assert _checks(new_living(role=None).target)["the execution role"].ok is None
    assert _checks(new_living(region="eu-central-1").target)["the bucket"].ok is None
    faults("SimulatePrincipalPolicy", error="AccessDenied", status=403, message="no")
    assert _checks(new_living().target)["permissions"].ok is None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert list(_checks(new_living().target)) == ["credentials of AWS"]


# What is left behind.


def test_what_a_killed_process_left_is_found_and_removed(living: Living) -> None:
    living.begin().serve().stage(OTHER).healthy(OTHER)
    assert list(living.target.orphans(older_than=0)) == []  # it is claimed
    releases = {REVISION: living.release()}
    living.writer.write(releases=releases)
    living.writer.give_back()
    assert [each for each in living.target.orphans() if each.endpoint == living.name] == []  # it is too young

    def mine() -> list[str]:
        return [each.what.split()[0] for each in living.target.orphans(older_than=-5) if each.endpoint == living.name]

    assert sorted(mine()) == ["configuration", "endpoint"]  # the model is needed as long as that endpoint runs it

    def swept() -> bool:
        for each in list(living.target.orphans(older_than=-5)):
            if each.endpoint == living.name:
                living.target.remove_orphan(each, older_than=-5)
        return not mine()

    until(swept)
    assert living.target.invoke(living.name, ASKED).revision == REVISION


@pytest.mark.usefixtures("unheld")
def test_what_has_its_record_elsewhere_is_not_removed_though_it_serves_nobody_yet(living: Living) -> None:
    living.begin().stage().healthy(REVISION)
    aws, records = living.target._aws, living.target._records
    found = records.read(living.name)
    assert found is not None
    living.writer.give_back()
    changing._DUTIES.clear()
    elsewhere = type(living.target)(living.target.options.model_copy(update={"prefix": "others"}), living.target.site)
    assert [each.what for each in elsewhere.orphans(older_than=-5) if each.endpoint == living.name] == []
    # Here it is nobody's, once its Record is lost.
    aws.ask("s3", "DeleteObject", {"Bucket": records.bucket.name, "Key": records.bucket.key(living.name)})
    assert [each for each in living.target.orphans(older_than=-5) if each.endpoint == living.name]


@pytest.mark.usefixtures("unheld")
def test_what_is_taken_over_from_elsewhere_is_marked_as_here(living: Living) -> None:
    living.begin().serve()
    living.writer.give_back()
    changing._DUTIES.clear()
    options = living.target.options.model_copy(update={"prefix": "others"})
    elsewhere = type(living.target)(options, living.target.site)
    Writer(elsewhere, living.name).adopt(living.spec(), living.release(), None)
    facts = type(living.target)(options, living.target.site)._surveyor.survey(living.name)
    assert not facts.kept_elsewhere(elsewhere._records.place)
    assert facts.kept_elsewhere(living.target._records.place)
    Writer(elsewhere, living.name).begin(living.spec(), "delete")


def test_what_was_claimed_between_the_look_and_the_call_is_not_removed(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.begin().serve().stage(OTHER).healthy(OTHER)
    living.writer.write(releases={REVISION: living.release()})
    living.writer.give_back()
    found = [each for each in living.target.orphans(older_than=-5) if each.endpoint == living.name]
    look = living.target._surveyor.survey

    def late(*args: Any, **more: Any) -> Any:
        seen = look(*args, **more)
        living.writer.begin(living.spec(), "update")
        return seen

    monkeypatch.setattr(living.target._surveyor, "survey", late)
    assert not living.target.remove_orphan(found[0], older_than=-5)


def test_what_was_claimed_meanwhile_is_not_removed(living: Living) -> None:
    living.begin().serve().stage(OTHER).healthy(OTHER)
    living.writer.write(releases={REVISION: living.release()})
    living.writer.give_back()
    found = [each for each in living.target.orphans(older_than=-5) if each.endpoint == living.name]
    assert found
    living.writer.begin(living.spec(), "update")
    assert [living.target.remove_orphan(each, older_than=-5) for each in found] == [False] * len(found)


def test_an_endpoint_that_serves_is_nobody_s_orphan_though_its_record_is_lost(living: Living) -> None:
    living.begin().serve().serve(OTHER).route({REVISION: 100})
    bucket = living.target._records.bucket
    living.target._aws.ask("s3", "DeleteObject", {"Bucket": bucket.name, "Key": bucket.key(living.name)})
    changing._DUTIES.clear()
    # Nor is what it could go back to: its Record may lie in another bucket.
    assert [each.what for each in living.target.orphans(older_than=-5) if each.endpoint == living.name] == []
    assert living.target.invoke(living.name, ASKED).revision == REVISION
    living.begin()  # it is ours still, by its marks
    living.stage()
    living.writer.route(Traffic.all_to(REVISION))


def test_gc_is_told_when_AWS_does_not_answer(living: Living, faults: Callable[..., None]) -> None:  # noqa: N802
    faults("ListEndpoints", error="ThrottlingException")
    with pytest.raises(TargetUnavailable) as caught:
        list(living.target.orphans())
    assert caught.value.transient
