"""What would be sent, as documents."""

from __future__ import annotations

from deployer_sagemaker.marks import tags_of
from deployer_sagemaker.rendering import documents, left_out
from tests.unit.sagemaker.values import REVISION, faults, place, release, spec

REPOSITORY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/deployer/iris"


def test_the_documents_are_the_requests() -> None:
    wish = spec(replicas={"min": 1, "max": 3, "value": 100})
    found = [*documents(wish, release(), place(), REPOSITORY)]
    assert [each["operation"] for each in found] == [
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "RegisterScalableTarget",
        "PutScalingPolicy",
    ]
    for each in found:
        assert faults(each["operation"], each["request"], each["service"]) == []
    assert found == [*documents(wish, release(), place(), REPOSITORY)]
    assert tags_of(found[2]["request"]["Tags"])["deployer:traffic"] == f"{REVISION}=100"
    assert found[1]["request"]["EndpointConfigName"] == found[2]["request"]["EndpointConfigName"]


def test_an_image_that_is_to_be_is_named_by_its_tag() -> None:
    bare = release().model_copy(update={"image": None})
    model = next(iter(documents(spec(), bare, place(), REPOSITORY)))["request"]
    assert model["PrimaryContainer"]["Image"] == f"{REPOSITORY}:{REVISION}"


def test_secrets_are_told_by_reference() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
    wish = spec(secrets={"TOKEN": {"ref": arn}}, network={"egress": "internet"})
    assert arn in str([*documents(wish, release(), place(), REPOSITORY)])


def test_what_is_left_out_is_said() -> None:
    assert any("iris--verify" in each for each in left_out(spec()))
    assert any("two variants" in each for each in left_out(spec(config={"verify": "variant"})))
    assert len([*left_out(spec(config={"verify": "none"}))]) == 1
