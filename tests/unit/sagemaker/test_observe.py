"""From facts to an Endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase, Revision, Traffic
from deployer_sagemaker.facts import Facts, ScalerFact
from deployer_sagemaker.marks import Asked, Role, State
from deployer_sagemaker.observe import endpoint_of, revision_of
from tests.unit.sagemaker.values import (
    NEW,
    OTHER,
    REVISION,
    VERIFY,
    config_fact,
    endpoint,
    facts,
    marks,
    record,
    variant,
)

PAIR = f"iris--{REVISION}-{OTHER}--33333333"
VERIFYING: dict[str, Any] = {
    "name": "iris--verify", "config": VERIFY, "marks": marks(role=Role.VERIFY, traffic=None),
    "variants": (variant(ready=1, wanted=1),),
}  # fmt: skip


def _seen(**fields: Any) -> Endpoint:
    found = endpoint_of(facts(**fields))
    assert found is not None
    return found


def _main(**fields: Any) -> Endpoint:
    return _seen(endpoint=endpoint(**fields))


def _find(found: Endpoint, revision: str = REVISION) -> Revision:
    seen = found.find(revision)
    assert seen is not None
    return seen


def test_nothing_is_there() -> None:
    assert endpoint_of(Facts("iris", "aws")) is None


def test_the_record_alone_is_an_endpoint_that_is_pending() -> None:
    found = _seen(endpoint=None, configs=())
    assert (found.phase, found.managed, found.revisions) == (Phase.PENDING, True, ())


def test_what_somebody_else_made_is_seen_and_not_ours() -> None:
    for fields in ({"record": None, "configs": ()}, {}):
        found = _seen(endpoint=endpoint(marks=None), **fields)
        assert (found.managed, found.owner, found.phase) == (False, None, Phase.HEALTHY)


def test_it_serves() -> None:
    found = _main(labels={"team": "risk"})
    assert (found.phase, found.traffic.root, found.url) == (
        Phase.HEALTHY,
        {REVISION: 100},
        "https://runtime.example/iris",
    )
    revision = _find(found)
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 2, 2, True)
    assert revision.model == "models:/iris/4"
    assert revision.facts["instance_type"] == "ml.m5.large"
    assert found.settings == {"labels": {"team": "risk"}}


def test_tags_of_the_named_target_are_no_labels() -> None:
    found = _seen(endpoint=endpoint(labels={"team": "risk", "cost": "7"}), common=frozenset({"cost"}))
    assert found.settings == {"labels": {"team": "risk"}}


@pytest.mark.parametrize(
    ("status", "phase", "revision", "settled", "served"),
    [
        ("Creating", Phase.PENDING, Phase.STARTING, False, False),
        ("InService", Phase.HEALTHY, Phase.HEALTHY, True, True),
        ("Updating", Phase.HEALTHY, Phase.HEALTHY, False, True),
        ("SystemUpdating", Phase.HEALTHY, Phase.HEALTHY, False, True),
        ("RollingBack", Phase.DEGRADED, Phase.DEGRADED, False, True),
        ("UpdateRollbackFailed", Phase.DEGRADED, Phase.DEGRADED, True, True),
        ("OutOfService", Phase.FAILED, Phase.FAILED, True, False),
        ("Failed", Phase.FAILED, Phase.FAILED, True, False),
        ("Deleting", Phase.STOPPING, Phase.STOPPING, False, False),
    ],
)
def test_the_nine_states(status: str, phase: Phase, revision: Phase, settled: bool, served: bool) -> None:
    found = _main(status=status)
    seen = _find(found)
    if status == "Creating":
        phase = Phase.STARTING
    assert (found.phase, seen.phase, seen.settled) == (phase, revision, settled)
    assert bool(found.traffic) is served
    assert found.detail or status == "InService"


def test_it_is_staged_and_not_released() -> None:
    found = _main(marks=marks(traffic=None))
    assert not found.traffic
    assert _find(found).phase is Phase.HEALTHY
    assert (found.phase, found.detail) == (Phase.PENDING, "no revision has traffic")


def test_fewer_instances_than_wished() -> None:
    found = _find(_main(variants=(variant(ready=1, wanted=3),)))
    assert (found.phase, found.wanted, found.ready, found.settled) == (Phase.DEGRADED, 3, 1, False)


def test_an_answer_without_variants_is_not_success() -> None:
    found = _find(_main(variants=()))
    assert found.phase is Phase.STARTING
    assert not found.settled


def test_a_serverless_endpoint_counts_as_one() -> None:
    found = _find(_main(variants=(variant(ready=0, wanted=0, serverless=True),)))
    assert (found.phase, found.wanted, found.ready, found.settled) == (Phase.HEALTHY, 1, 1, True)
    assert found.facts["instance_type"] == "serverless"


def test_a_revision_is_verified_beside_what_serves() -> None:
    verified = endpoint(**VERIFYING)
    found = _seen(verify=verified, configs=(config_fact(), config_fact(NEW), config_fact(VERIFY, state=None)))
    assert found.traffic.root == {REVISION: 100}
    new = _find(found, OTHER)
    assert (new.phase, new.wanted, new.ready, new.settled) == (Phase.HEALTHY, 1, 1, True)
    assert new.facts["endpoint"] == "iris--verify"


def test_while_aws_moves_traffic_is_the_old_one_s() -> None:
    coming = variant(ready=0, wanted=2, stage="ActivatingTraffic: 10% of the traffic")
    found = _seen(
        endpoint=endpoint(
            status="Updating", pending=NEW, coming=(coming,), modified=30.0, marks=marks(asked=Asked(NEW, 20.0))
        ),
        configs=(config_fact(), config_fact(NEW)),
    )
    assert found.traffic.root == {REVISION: 100}
    old, new = _find(found), _find(found, OTHER)
    assert (old.phase, old.settled) == (Phase.HEALTHY, False)
    assert (new.phase, new.ready, new.settled) == (Phase.STARTING, 0, False)
    assert "10% of the traffic" in new.detail


def test_when_it_has_moved_the_old_one_runs_no_more() -> None:
    found = _seen(
        endpoint=endpoint(config=NEW, modified=90.0, marks=marks(asked=Asked(NEW, 20.0))),
        configs=(config_fact(), config_fact(NEW)),
    )
    assert found.traffic.root == {OTHER: 100}
    assert _find(found, OTHER).settled
    assert (_find(found).phase, _find(found).wanted) == (Phase.PENDING, 0)


def test_success_that_was_reverted_is_a_failure_of_the_new_one_alone() -> None:
    reason = "The primary container for production variant primary did not pass the ping health check."
    found = _seen(
        endpoint=endpoint(modified=90.0, reason=reason, marks=marks(asked=Asked(NEW, 20.0))),
        configs=(config_fact(), config_fact(NEW)),
    )
    assert found.traffic.root == {REVISION: 100}
    assert (_find(found).phase, _find(found).settled) == (Phase.HEALTHY, True)
    assert _find(found, OTHER).phase is Phase.FAILED
    assert "took the update to it back" in _find(found, OTHER).detail
    assert "did not answer GET /ping" in _find(found, OTHER).detail
    assert (found.phase, OTHER in found.detail) == (Phase.DEGRADED, True)


def test_an_answer_that_lies_for_a_while_settles_nothing() -> None:
    found = _seen(endpoint=endpoint(marks=marks(asked=Asked(NEW, 20.0))), configs=(config_fact(), config_fact(NEW)))
    assert not _find(found).settled
    assert _find(found, OTHER).phase is Phase.STARTING
    assert "does not tell of it yet" in _find(found, OTHER).detail


def test_what_was_marked_and_never_sent_is_still_verified() -> None:
    found = _seen(
        endpoint=endpoint(marks=marks(asked=Asked(NEW, 20.0))), verify=endpoint(**VERIFYING),
        configs=(config_fact(), config_fact(NEW)),
    )  # fmt: skip
    assert _find(found, OTHER).phase is Phase.HEALTHY


def test_a_kept_configuration_is_no_revision_and_a_staged_one_is() -> None:
    assert _seen(configs=(config_fact(), config_fact(NEW, state=State.KEPT))).find(OTHER) is None
    assert _find(_seen(configs=(config_fact(), config_fact(NEW))), OTHER).phase is Phase.PENDING


def test_traffic_was_taken_away() -> None:
    found = _seen(endpoint=endpoint(status="Deleting"))
    assert not found.traffic
    gone = _seen(endpoint=None, record=record(traffic=Traffic()))
    assert not gone.traffic
    assert (_find(gone).phase, gone.phase) == (Phase.PENDING, Phase.PENDING)


def test_an_endpoint_that_is_gone_though_it_is_to_serve_has_failed() -> None:
    found = _seen(endpoint=None, record=record(traffic=Traffic.all_to(REVISION)))
    assert (found.phase, found.url) == (Phase.FAILED, None)
    assert "deployer apply" in found.detail


def test_two_variants_share_by_their_weights() -> None:
    shared = endpoint(
        config=PAIR,
        variants=(variant(weight=90.0, weighed=90.0), variant(name="candidate", weight=10.0, weighed=10.0)),
    )
    pair = config_fact(PAIR, runs={"primary": REVISION, "candidate": OTHER})
    found = _seen(endpoint=shared, configs=(pair,))
    assert found.traffic.root == {REVISION: 90, OTHER: 10}
    assert _find(found, OTHER).phase is Phase.HEALTHY
    moving = endpoint(
        config=PAIR, status="Updating",
        variants=(variant(weight=1.0, weighed=0.0), variant(name="candidate", weight=0.0, weighed=1.0)),
    )  # fmt: skip
    found = _seen(endpoint=moving, configs=(pair,))
    assert found.traffic.root == {REVISION: 100}
    assert not _find(found).settled


def test_the_autoscaler_is_told() -> None:
    assert _find(_seen(scaler=ScalerFact(1, 4))).facts["autoscaler"] == "1 to 4"


def test_when_a_revision_began() -> None:
    assert revision_of(facts(), REVISION).since == 10.0
    later = facts(endpoint=endpoint(config=NEW, modified=50.0), configs=(config_fact(NEW, created=40.0),))
    assert revision_of(later, OTHER).since == 40.0
    failed = facts(endpoint=endpoint(status="Failed", created=70.0))
    assert revision_of(failed, REVISION).since == 70.0
