"""The verbs, on the double."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deployer.endpoint import Code, Phase, Traffic
from deployer.errors import ClaimLost, Conflict, DeploymentFailed, NotFound, SpecError, TargetUnavailable
from deployer_sagemaker import kind
from deployer_sagemaker.client import Aws
from deployer_sagemaker.target import SageMakerTarget
from tests.unit.sagemaker.living import ASKED, OTHER, REVISION, ROLE, Living, until


def test_the_kind_says_what_the_target_can() -> None:
    assert all(issubclass(SageMakerTarget, each) for each in kind.capabilities)


def test_an_update_is_verified_beside_what_serves_and_then_moved_at_once(living: Living) -> None:
    living.begin().serve()
    living.calls()
    living.stage(OTHER).healthy(OTHER)
    assert living.seen().traffic.root == {REVISION: 100}
    assert living.target.invoke_revision(living.name, OTHER, ASKED).revision == OTHER
    assert living.target.invoke(living.name, ASKED).revision == REVISION
    assert living.calls() == ["CreateModel", "CreateEndpointConfig", "CreateEndpointConfig", "CreateEndpoint"]
    living.route({OTHER: 100})
    assert living.calls() == ["AddTags", "UpdateEndpoint", "DeleteEndpoint"]
    living.writer.retire(REVISION, keep=False)
    living.until(lambda seen: seen.find(REVISION) is None)
    assert living.target.invoke(living.name, ASKED).revision == OTHER
    assert set(living.calls()) == {"DeleteEndpointConfig", "DeleteModel"}


def test_a_verb_that_is_called_again_asks_for_nothing(living: Living) -> None:
    living.begin().serve()
    living.calls()
    living.stage()
    living.route({REVISION: 100})
    living.writer.configure(living.spec())
    assert living.calls() == []


def test_what_was_not_released_serves_nobody(living: Living) -> None:
    living.begin().stage().healthy()
    with pytest.raises(TargetUnavailable, match="serves no revision") as caught:
        living.target.invoke(living.name, ASKED)
    assert caught.value.transient
    assert living.target.invoke_revision(living.name, REVISION, ASKED).revision == REVISION
    with pytest.raises(NotFound):
        living.target.invoke("nothing-here", ASKED)
    with pytest.raises(NotFound):
        living.target.invoke_revision("nothing-here", REVISION, ASKED)


def test_what_another_deleted_a_moment_ago_is_not_found(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer_sagemaker.doors._KNOWN", 1e9)
    living.begin().serve()
    other = SageMakerTarget(living.target.options, living.target.site)
    assert other.invoke(living.name, ASKED).status == 200
    living.writer.destroy()
    until(lambda: living.target.observe(living.name) is None)
    with pytest.raises(NotFound, match="there is no endpoint"):  # by policy it is denied: what is gone has no tags
        other.invoke(living.name, ASKED)


def test_a_denial_is_told_also_where_nothing_more_can_be_found_out(living: Living, faults: Callable[..., None]) -> None:
    living.begin().serve()
    assert living.target.invoke(living.name, ASKED).status == 200
    denied = {"error": "AccessDeniedException", "status": 403}
    words = "User: x is not authorized to perform: sagemaker:InvokeEndpoint on resource: y"
    faults("InvokeEndpoint", message=words, **denied)
    faults("DescribeEndpoint", message="User: x is not authorized to perform: sagemaker:DescribeEndpoint", **denied)
    with pytest.raises(TargetUnavailable, match="sagemaker:InvokeEndpoint is not allowed"):
        living.target.invoke(living.name, ASKED)


def test_an_update_that_AWS_took_back_is_no_success(living: Living, faults: Callable[..., None]) -> None:  # noqa: N802
    living.begin().serve().stage(OTHER).healthy(OTHER)
    faults("UpdateEndpoint", outcome="RolledBack", reason="ping")
    living.writer.route(Traffic.all_to(OTHER))
    seen = living.phase(OTHER, Phase.FAILED)
    assert seen.traffic.root == {REVISION: 100}
    found = living.target.diagnose(living.name, OTHER)
    assert found is not None
    assert found.code is Code.SILENT_ROLLBACK
    # to go back is a mark alone
    living.calls()
    living.route({REVISION: 100})
    assert living.calls()[0] == "AddTags"
    assert living.target.invoke(living.name, ASKED).revision == REVISION


def test_a_revision_that_does_not_start_is_diagnosed_by_what_it_wrote(living: Living) -> None:
    living.begin().serve().stage(OTHER, "unstarted:1")
    living.phase(OTHER, Phase.FAILED)
    found = living.target.diagnose(living.name, OTHER)
    assert found is not None
    assert found.code is Code.IMAGE_MANIFEST
    assert any("serve" in line for line in found.evidence)
    assert living.target.diagnose(living.name, REVISION) is None


def test_what_cannot_be_asked_yet_is_asked_by_a_later_look(living: Living, faults: Callable[..., None]) -> None:
    faults("CreateEndpoint", delay=0.3)
    living.begin().stage()
    living.writer.destroy()  # AWS is making it, and deletes nothing meanwhile
    assert living.calls()[-1:] != ["DeleteEndpointConfig"]
    until(lambda: living.target.observe(living.name) is None)
    assert living.target.read_record(living.name) is None


def test_a_process_that_comes_later_ends_what_was_begun(new_living: Callable[..., Living]) -> None:
    first = new_living()
    first.begin().serve()
    first.writer.destroy()
    from deployer_sagemaker import changing

    changing._DUTIES.clear()  # it was killed
    second = new_living()
    second.name = first.name
    if second.target.observe(first.name) is not None:
        from deployer.testing.writer import Writer

        Writer(second.target, first.name).begin(first.spec(), "delete").destroy()
    until(lambda: second.target.observe(first.name) is None)


def test_a_lost_claim_changes_nothing(living: Living) -> None:
    living.begin().serve()
    claim = living.writer.claim
    living.writer.begin(living.spec(), "update")
    living.calls()
    verbs: tuple[Callable[[], object], ...] = (
        lambda: living.target.configure(living.spec(labels={"a": "b"}), claim),
        lambda: living.target.stage(living.spec(), living.release(OTHER), claim),
        lambda: living.target.route(living.name, Traffic(), claim),
        lambda: living.target.retire(living.name, OTHER, claim, keep=False),
        lambda: living.target.destroy(living.name, claim),
    )
    for verb in verbs:
        with pytest.raises(ClaimLost):
            verb()
    assert living.calls() == []


def test_a_quota_that_is_used_up_is_told_with_what_to_ask_for(living: Living) -> None:
    living.begin().serve()
    living.double.world.quotas["ml.m5.large"] = 0
    living.double.world.quotas["ml.c5.large"] = 0
    try:
        with pytest.raises(DeploymentFailed, match="the quota") as caught:
            living.stage(OTHER)
    finally:
        living.double.world.quotas.clear()
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.QUOTA
    assert "request-service-quota-increase" in str(caught.value.diagnosis.hint)
    assert living.target.invoke(living.name, ASKED).revision == REVISION


def test_what_another_call_does_not_see_yet_is_sent_again(living: Living, faults: Callable[..., None]) -> None:
    living.begin()
    faults("CreateModel", unseen=0.3)
    with pytest.raises(TargetUnavailable, match="Could not find") as caught:
        living.stage()
    assert caught.value.transient

    def staged() -> bool:
        with contextlib.suppress(TargetUnavailable):
            living.stage()
            return True
        return False

    until(staged)
    living.healthy()


def test_an_answer_that_lies_for_a_while_is_no_roll_back(living: Living, faults: Callable[..., None]) -> None:
    living.begin().serve().stage(OTHER).healthy(OTHER)
    faults("DescribeEndpoint", name=living.name, stale=0.6)
    living.writer.route(Traffic.all_to(OTHER))
    for _ in range(5):
        found = living.seen().find(OTHER)
        assert found is not None
        assert found.phase is not Phase.FAILED
    living.until(lambda seen: seen.traffic.root == {OTHER: 100})


def test_two_variants_share_traffic_by_their_weights(living: Living) -> None:
    fields: dict[str, Any] = {"config": {"verify": "variant"}}
    living.begin(**fields).serve(**fields).stage(OTHER, **fields).healthy(OTHER)
    assert living.target.invoke_revision(living.name, OTHER, ASKED).revision == OTHER
    living.route({REVISION: 50, OTHER: 50})
    answers = {living.target.invoke(living.name, ASKED).revision for _ in range(30)}
    assert answers == {REVISION, OTHER}
    living.route({OTHER: 100})
    living.writer.retire(REVISION, keep=True)
    living.until(lambda seen: seen.find(REVISION) is None)


def test_a_range_is_an_autoscalers_from_when_it_serves(living: Living) -> None:
    fields: dict[str, Any] = {"replicas": {"min": 2, "max": 3, "value": 100}}
    living.begin(**fields).serve(**fields)
    seen = living.until(lambda seen: "autoscaler" in seen.revisions[0].facts)
    assert seen.revisions[0].facts["autoscaler"] == "2 to 3"
    assert seen.revisions[0].wanted == 2


def test_a_queue_is_asked_as_if_it_answered_at_once(living: Living) -> None:
    bucket = living.target._records.bucket
    outputs = f"s3://{bucket.name}/deployer/outputs"
    fields: dict[str, Any] = {
        "config": {"async_inference": {"output": f"{outputs}/good", "failures": f"{outputs}/bad"}}
    }
    living.begin(**fields).serve(**fields)
    answer = living.target.invoke(living.name, ASKED)
    assert answer.status == 200
    assert b'"image": "good@' in answer.body
    assert answer.revision == REVISION
    large = replace(ASKED, body=b'{"inputs": "' + b"x" * 200_000 + b'"}')
    assert len(living.target.invoke(living.name, large).body) > 200_000
    failed = living.target.invoke(living.name, replace(ASKED, body=b'{"status": 400, "say": "no"}'))
    assert failed.status == 500
    left = living.target._aws.all("s3", "ListObjectsV2", "Contents", {"Bucket": bucket.name})
    assert not [each["Key"] for each in left if "/requests/" in each["Key"]]


def test_a_serverless_endpoint_that_is_cold_is_asked_again(
    living: Living, faults: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer_sagemaker.doors._COLD", 0.01)
    fields: dict[str, Any] = {"config": {"serverless": {}}}
    living.begin(**fields).serve(**fields)
    faults("InvokeEndpoint", error="ModelNotReadyException", status=429, message="not ready", times=2)
    assert living.target.invoke(living.name, ASKED).status == 200


def test_an_error_of_the_model_is_its_answer(living: Living) -> None:
    living.begin().serve()
    answer = living.target.invoke(living.name, replace(ASKED, body=b'{"status": 418, "say": "short and stout"}'))
    assert (answer.status, answer.body, answer.revision) == (418, b"short and stout", REVISION)


def test_a_foreign_endpoint_is_never_touched(living: Living, aws: Aws) -> None:
    ask = aws.ask
    ask("sagemaker", "CreateModel", {
        "ModelName": f"{living.name}-m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/hosting",
        "PrimaryContainer": {"Image": "good:1"},
    })  # fmt: skip
    variant = {
        "VariantName": "AllTraffic", "ModelName": f"{living.name}-m", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }  # fmt: skip
    ask("sagemaker", "CreateEndpointConfig", {
        "EndpointConfigName": f"{living.name}-c", "ProductionVariants": [variant],
    })  # fmt: skip
    ask("sagemaker", "CreateEndpoint", {"EndpointName": living.name, "EndpointConfigName": f"{living.name}-c"})
    seen = living.seen()
    assert not seen.managed
    assert living.name in {each.name for each in living.target.list()}
    living.calls()
    with pytest.raises(Conflict, match="deployer did not make"):
        living.begin()
    assert living.calls() == []
    assert living.target.read_record(living.name) is None
    until(lambda: living.seen().phase is Phase.HEALTHY)
    found = living.target.adoptable(living.name)
    assert found is not None
    assert found.spec["config"] == {"instance_type": "ml.m5.large", "role": ROLE}
    assert living.calls() == []


@pytest.mark.usefixtures("unheld")
def test_without_an_execution_role_it_says_so_before_anything_is_made(new_living: Callable[..., Living]) -> None:
    living = new_living(role=None)
    assert dict(living.target.unmet(living.spec()))["config.role"].startswith("no execution role")
    with pytest.raises(SpecError, match="no execution role"):
        living.begin()
    named = new_living(role="hosting")
    assert list(named.target.unmet(named.spec())) == []
    named.begin().serve()
    absent = new_living(role="absent")
    assert "no role absent" in dict(absent.target.unmet(absent.spec()))["config.role"]


def test_it_renders_what_the_verbs_would_send(living: Living) -> None:
    told = living.target.render(living.spec(), living.release())
    assert [each["operation"] for each in told] == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
    assert living.target.render(living.spec(), living.release()) == told
    assert living.target.unrendered(living.spec(), living.release())
