"""What is due where AWS is between two states, could not go back, or somebody else has deleted something; pure."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from deployer.endpoint import Code, Phase, Traffic
from deployer_sagemaker.calls import Due
from deployer_sagemaker.diagnose import diagnosis_of
from deployer_sagemaker.duties import Duties, Duty
from deployer_sagemaker.facts import EndpointFact, Facts
from deployer_sagemaker.marks import Asked, Role
from deployer_sagemaker.observe import revision_of
from deployer_sagemaker.removing import retire_due
from deployer_sagemaker.routing import kept_traffic, route_due
from deployer_sagemaker.staging import Staging
from tests.unit.sagemaker.cloud import Cloud
from tests.unit.sagemaker.values import (
    NEW,
    OTHER,
    REVISION,
    VERIFY,
    config_fact,
    endpoint,
    facts,
    marks,
    place,
    release,
    spec,
)

PING = "The primary container for production variant primary did not pass the ping health check."


def _asked(status: str = "InService", *, modified: float = 90.0, **fields: Any) -> EndpointFact:
    """An endpoint that serves the old one, and was asked at 20 to go to the new one."""
    return endpoint(status=status, modified=modified, marks=marks(asked=Asked(NEW, 20.0)), **fields)


def _verifying(status: str = "InService") -> EndpointFact:
    return endpoint(name="iris--verify", config=VERIFY, status=status, marks=marks(role=Role.VERIFY, traffic=None))


def _facts(main: EndpointFact | None, verify: EndpointFact | None = None) -> Facts:
    return facts(endpoint=main, verify=verify, configs=(config_fact(), config_fact(NEW)))


def _route(revision: str) -> partial[Due]:
    return partial(route_due, spec=spec(), traffic=Traffic.all_to(revision), place=place())


def _operations(due: Due) -> list[str]:
    return [call.operation for call in due.calls]


# While the old fleet ends, nothing is pending any more, and the old configuration is told still.


@pytest.mark.parametrize("verify", [None, "Failed", "Deleting", "InService"])
def test_what_has_the_requests_already_is_not_judged_by_what_verified_it(verify: str | None) -> None:
    found = _facts(_asked("Updating"), _verifying(verify) if verify else None)
    assert revision_of(found, OTHER).phase is Phase.STARTING
    assert diagnosis_of(found, OTHER, (), 100.0) is None


def test_to_go_back_then_waits_until_aws_is_there() -> None:
    back = _route(REVISION)(_facts(_asked("Updating")))
    assert back.calls == ()
    assert NEW in back.waits
    assert not _route(OTHER)(_facts(_asked("Updating"))).calls


# An update that left nothing, or two of them.


def test_an_update_that_left_nothing_is_no_roll_back() -> None:
    told = diagnosis_of(_facts(_asked("Failed", reason=PING)), OTHER, (), 100.0)
    assert told is not None
    assert told.code is Code.PROBE_TIMEOUT
    assert "failed to update" in revision_of(_facts(_asked("Failed", reason=PING)), OTHER).detail
    assert "took the update" in revision_of(_facts(_asked(reason=PING)), OTHER).detail


def test_instances_of_two_revisions_are_made_those_of_one() -> None:
    mixed = _facts(_asked("UpdateRollbackFailed"))
    assert _operations(_route(REVISION)(mixed)) == ["AddTags", "UpdateEndpoint"]
    mending = endpoint(status="Updating", pending=endpoint().config)
    waits = retire_due(_facts(mending), spec(), OTHER, place(), keep=False)
    assert waits.calls == ()
    assert waits.waits


# A mark whose update was never sent.


def test_what_was_marked_and_never_sent_is_forgotten_when_what_serves_is_wished() -> None:
    unsent = _facts(_asked(modified=20.0))
    assert unsent.endpoint is not None
    assert unsent.endpoint.unseen == NEW
    again = Staging(spec(replicas=2), release(REVISION), place()).due(unsent)
    assert _operations(again) == ["AddTags"]
    assert _operations(Staging(spec(replicas=2), release(REVISION), place()).due(_facts(endpoint()))) == []


# Somebody else deletes it.


def _staged() -> tuple[Cloud, Staging]:
    cloud = Cloud()
    for verb in (Staging(spec(), release(REVISION), place()).due, _route(REVISION)):
        cloud.drive(verb)
    staging = Staging(spec(), release(OTHER), place())
    cloud.drive(staging.due)
    return cloud, staging


def test_what_a_revision_is_verified_on_is_made_again() -> None:
    cloud, staging = _staged()
    assert staging.kept(cloud.facts()) == Due((), "it can be asked on iris--verify")
    del cloud.endpoints["iris--verify"]
    assert "CreateEndpoint" in _operations(staging.kept(cloud.facts()))
    del cloud.endpoints["iris"]
    assert "CreateEndpoint" in _operations(staging.kept(cloud.facts()))


def test_what_failed_or_was_taken_back_is_not_made_again() -> None:
    staging = Staging(spec(), release(OTHER), place())
    assert staging.kept(_facts(endpoint(), _verifying("Failed"))).calls == ()
    assert staging.kept(_facts(_asked())) == Due()
    assert staging.kept(_facts(_asked("Updating"))) == Due()
    assert staging.kept(_facts(endpoint(pending=NEW, status="Updating"))) == Due()
    assert Staging(spec(config={"verify": "none"}), release(OTHER), place()).kept(_facts(endpoint())) == Due()


def test_an_endpoint_that_goes_while_traffic_moves_is_made_again() -> None:
    def kept(found: Facts, revision: str = OTHER) -> Due:
        return kept_traffic(found, Traffic.all_to(revision), _route(revision))

    assert _operations(kept(_facts(None))) == ["CreateEndpoint"]
    assert kept(_facts(endpoint(status="Updating", pending=NEW))).waits
    assert kept(_facts(endpoint())) == Due()
    assert kept(_facts(endpoint(status="Updating")), REVISION) == Due()
    assert kept_traffic(_facts(None), Traffic(), _route(OTHER)) == Due()


class _Maker:
    def __init__(self) -> None:
        self.made = 0

    def make(self, call: object) -> bool:
        del call
        self.made += 1
        return True


def test_another_move_of_traffic_ends_what_is_kept() -> None:
    maker, found = _Maker(), facts()
    duties = Duties(None, maker, lambda: found)  # type: ignore[arg-type]
    wish = _route(OTHER)(_facts(endpoint()))
    assert wish.calls
    duties.begin(Duty("stage", lambda _: Due(), OTHER, keep=lambda _: Due(wish.calls, "more")), found)
    assert not duties.over
    duties.go_on(found)
    assert maker.made
    duties.begin(Duty("route", lambda _: Due()), found)
    assert duties.over
