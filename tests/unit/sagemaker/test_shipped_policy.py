"""The policy of infra/aws: it allows all that the target does, and nothing in it is allowed in vain.

That every call is allowed, each test of the target on the double shows (conftest's ``double``, and the conformance
suite). That each action of each statement is needed, one life of endpoints shows here, in one process.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import ImageRef
from deployer.errors import DeployerError
from deployer.target import Request
from deployer_sagemaker.client import Aws
from deployer_sagemaker.ecr import DOCKER, Ecr
from deployer_sagemaker.errors import Refused
from tests.unit.sagemaker.living import ASKED, OTHER, REVISION, ROLE, Living, until
from tests.unit.sagemaker.shipped import SHIPPED

if TYPE_CHECKING:
    from deployer.testing.sagemaker import Double

ELSEWHERE: Mapping[str, str] = {
    f"Images ecr:{action}": "a push goes by the registry's own protocol: tests/integration/sagemaker/test_rights.py"
    for action in (
        "BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart",
    )
}  # fmt: skip
"""What no call of this life needs, and where it is seen to be needed."""
AGED = -5.0


@pytest.mark.timeout(180)
def test_each_action_of_it_is_needed_by_some_call(
    double: Double, new_living: Callable[..., Living], aws: Aws, faults: Callable[..., None]
) -> None:
    double.tell("PUT", "policy", SHIPPED)  # from nothing
    double.world.scaled.clear()
    _rehearse_releases(new_living(), aws)
    _rehearse_a_range(new_living())
    _rehearse_a_queue(new_living())
    _rehearse_adoption(new_living(), aws)
    _rehearse_weights(new_living(), faults)
    _rehearse_care(new_living(), aws)
    told = double.tell("GET", "policy")
    assert told["refused"] == []
    shipped = {f"{each['Sid']} {action}" for each in SHIPPED["Statement"] for action in each["Action"]}
    assert sorted(shipped - {*told["actions"]}) == sorted(ELSEWHERE)


def test_a_right_less_is_a_refusal_by_name(double: Double, living: Living) -> None:
    statements = [
        {**each, "Action": [one for one in each["Action"] if one != "sagemaker:CreateEndpoint"]}
        for each in SHIPPED["Statement"]
    ]
    double.tell("PUT", "policy", {**SHIPPED, "Statement": statements})
    try:
        living.begin()
        with pytest.raises(DeployerError, match="sagemaker:CreateEndpoint"):
            living.stage()
    finally:
        double.tell("PUT", "policy", SHIPPED)


def test_what_others_made_is_out_of_its_reach(double: Double, aws: Aws, living: Living) -> None:
    _foreign(aws, living.name)
    ask = living.target._aws.ask
    reached: dict[str, dict[str, Any]] = {
        "DeleteEndpoint": {"EndpointName": living.name},
        "UpdateEndpoint": {"EndpointName": living.name, "EndpointConfigName": f"{living.name}-c"},
        "DeleteModel": {"ModelName": f"{living.name}-m"},
        "CreateModel": {
            "ModelName": f"{living.name}-n", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "good:1"},
        },
    }  # fmt: skip
    try:
        for operation, request in reached.items():
            with pytest.raises(Refused, match=f"not authorized to perform: sagemaker:{operation}"):
                ask("sagemaker", operation, request)
        other = "arn:aws:iam::123456789012:role/another"
        tags = [{"Key": "deployer:managed-by", "Value": "deployer"}]
        with pytest.raises(Refused, match="iam:PassRole on resource: arn:aws:iam::123456789012:role/another"):
            ask("sagemaker", "CreateModel", {**reached["CreateModel"], "ExecutionRoleArn": other, "Tags": tags})
    finally:
        double.tell("PUT", "policy", SHIPPED)  # these refusals were asked for


# The life.


def _rehearse_releases(living: Living, aws: Aws) -> None:
    """From the first push to nothing: releases, traffic, a count, labels, predictions, logs, figures."""
    living.target.sink(living.name)
    Ecr(living.target._aws).login(living.name, "team")
    image = _pushed(aws, living.name, REVISION)
    wish = living.spec(labels={"team": "risk"})
    living.begin(labels={"team": "risk"})
    release = living.release().model_copy(update={"image": ImageRef(id="", reference=image)})
    living.writer.stage(wish, release)
    living.healthy()
    living.route({REVISION: 100})
    living.stage(replicas=2)
    living.until(lambda seen: seen.revisions[0].ready == 2)
    living.writer.configure(living.spec(labels={}))
    assert living.target.invoke(living.name, ASKED).status == 200
    living.target.invoke(living.name, replace(ASKED, passed=bytearray().extend))
    assert [*living.target.logs(living.name)]
    assert living.target.measure(living.name, REVISION, window=600) is not None
    assert living.name in {each.name for each in living.target.list()}
    living.stage(OTHER).healthy(OTHER)
    living.route({OTHER: 100})
    living.writer.retire(REVISION, keep=False)
    living.until(lambda seen: seen.find(REVISION) is None)
    living.writer.destroy()
    until(lambda: living.target.observe(living.name) is None)


def _rehearse_a_range(living: Living) -> None:
    fields: dict[str, Any] = {"replicas": {"min": 1, "max": 2, "value": 100}, "labels": {"team": "risk"}}
    living.begin(**fields).serve(**fields)
    living.until(lambda seen: "autoscaler" in seen.revisions[0].facts)
    living.stage(replicas=1)
    living.until(lambda seen: "autoscaler" not in seen.revisions[0].facts)


def _rehearse_a_queue(living: Living) -> None:
    outputs = f"s3://{living.target._records.bucket.name}/deployer/outputs"
    fields: dict[str, Any] = {"config": {"async_inference": {"output": outputs, "failures": f"{outputs}/failed"}}}
    living.begin(**fields).serve(**fields)
    large = Request(body=b'{"inputs": "' + b"x" * 200_000 + b'"}', headers=ASKED.headers, timeout=10)
    assert living.target.invoke(living.name, large).status == 200


def _rehearse_adoption(living: Living, aws: Aws) -> None:
    _foreign(aws, living.name)
    found = living.target.adoptable(living.name)
    assert found is not None
    living.writer.adopt(living.spec(), living.release(), found.identity)
    assert living.seen().managed


def _rehearse_weights(living: Living, faults: Callable[..., None]) -> None:
    """A large file, which S3 does not take to its end."""
    weights = living.target.sink(living.name).weights
    assert weights is not None
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        about = tarfile.TarInfo("model/large.bin")
        about.size = 17 * 2**20
        archive.addfile(about, io.BytesIO(bytes(about.size)))
    faults("UploadPart", error="AccessDenied", status=403, message="no")
    with pytest.raises(DeployerError):
        weights.put("0" * 64, "", [packed.getvalue()])


def _rehearse_care(living: Living, aws: Aws) -> None:
    """Doctor and gc."""
    assert [each.what for each in living.target.preflight() if each.ok is False] == []
    _pushed(aws, living.name, OTHER)
    (found,) = [each for each in living.target.orphans(older_than=AGED) if each.endpoint == living.name]
    assert living.target.remove_orphan(found, older_than=AGED)


def _pushed(aws: Aws, endpoint: str, tag: str) -> str:
    """An image in ECR, which whoever sets the account up brought there; by its digest."""
    ecr = Ecr(aws)
    ecr.login(endpoint, "team")
    config = {"mediaType": "application/x", "size": 2, "digest": f"sha256:{'c' * 64}"}
    layers = [{"mediaType": "application/x", "size": 2, "digest": f"sha256:{endpoint.encode().hex():0<64}"}]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": DOCKER, "config": config, "layers": layers})
    request = {"repositoryName": ecr.name(endpoint), "imageManifest": manifest, "imageTag": tag}
    answer = aws.ask("ecr", "PutImage", {**request, "imageManifestMediaType": DOCKER})
    return f"{ecr.repository(endpoint)}@{answer['image']['imageId']['imageDigest']}"


def _foreign(aws: Aws, name: str) -> None:
    """An endpoint that somebody else made."""
    model = {"ModelName": f"{name}-m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "good:1"}}
    aws.ask("sagemaker", "CreateModel", model)
    variant = {
        "VariantName": "AllTraffic", "ModelName": f"{name}-m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
    }  # fmt: skip
    aws.ask("sagemaker", "CreateEndpointConfig", {"EndpointConfigName": f"{name}-c", "ProductionVariants": [variant]})
    aws.ask("sagemaker", "CreateEndpoint", {"EndpointName": name, "EndpointConfigName": f"{name}-c"})
    described = {"EndpointName": name}
    until(lambda: aws.ask("sagemaker", "DescribeEndpoint", described)["EndpointStatus"] == "InService")
