"""Images in ECR that nobody names any more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import ImageRef
from deployer.target import Orphan
from deployer.target.named import Pushed, left_of
from deployer_sagemaker.client import Aws
from deployer_sagemaker.ecr import DOCKER, Ecr
from deployer_sagemaker.images import Images, named_by
from deployer_sagemaker.naming import Naming
from deployer_sagemaker.records import Records
from tests.unit.sagemaker.living import OTHER, REVISION, ROLE, Living

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SHA = f"sha256:{'a' * 64}"
AGED = -5.0
"""Seconds: AWS's clock is read to a second."""


# Pure.


def _image(*tags: str, digest: str = SHA, repository: str = "deployer/iris") -> Pushed:
    return Pushed(repository, "iris", digest, tags, 0.0)


@pytest.mark.parametrize(
    ("image", "left"),
    [
        (_image(REVISION), True),
        (_image(REVISION, OTHER), True),
        (_image(f"weights-{'0' * 16}"), True),
        (_image(REVISION, "latest"), False),
        (_image("v1"), False),
        (_image(), False),
    ],
)
def test_only_what_we_pushed_is_ours(image: Pushed, left: bool) -> None:
    assert bool([*left_of([image], frozenset())]) is left


@pytest.mark.parametrize(
    "name",
    [f"{HOST}/deployer/iris@{SHA}", f"{HOST}/deployer/iris:{OTHER}", f"{HOST}/deployer/iris:{OTHER}@{SHA}"],
)
def test_one_name_of_it_is_enough(name: str) -> None:
    assert [*left_of([_image(REVISION, OTHER)], named_by([name], HOST))] == []


@pytest.mark.parametrize("name", [f"{HOST}/deployer/rose@{SHA}", f"other.example/deployer/iris@{SHA}", "iris"])
def test_names_of_others_keep_nothing(name: str) -> None:
    assert [*left_of([_image(REVISION)], named_by([name], HOST))] == [_image(REVISION)]


# On the double.


@pytest.fixture
def images(aws: Aws) -> Images:
    return Images(aws, Ecr(aws), Naming(aws, Records(aws)))


@pytest.fixture
def push(aws: Aws) -> Callable[..., str]:
    """Pushes an image of some bytes, and tells its name by digest."""

    def pushed(endpoint: str, *tags: str, owner: str = "team") -> str:
        ecr = Ecr(aws)
        ecr.login(endpoint, owner)
        config = {"mediaType": "application/x", "size": 2, "digest": f"sha256:{uuid.uuid4().hex * 2}"}
        # moto's digest is that of its layers
        layers = [{"digest": f"sha256:{uuid.uuid4().hex * 2}", "size": 2, "mediaType": "application/x"}]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": DOCKER, "config": config, "layers": layers})
        found = ""
        for tag in tags:
            request = {"repositoryName": ecr.name(endpoint), "imageManifest": manifest, "imageTag": tag}
            answer = aws.ask("ecr", "PutImage", {**request, "imageManifestMediaType": DOCKER})
            found = answer["image"]["imageId"]["imageDigest"]
        return f"{ecr.repository(endpoint)}@{found}"

    return pushed


def _of(images: Images, endpoint: str, older_than: float = AGED) -> list[Orphan]:
    return [each for each in images.find(older_than) if each.endpoint == endpoint]


def test_what_no_release_names_is_found_and_removed(
    living: Living, images: Images, push: Callable[..., str], aws: Aws
) -> None:
    kept, gone = push(living.name, REVISION), push(living.name, OTHER)
    living.begin()
    release = living.release().model_copy(update={"image": ImageRef(id="", reference=kept)})
    living.writer.write(releases={REVISION: release})
    assert _of(images, living.name) == [], "somebody changes it"
    living.writer.give_back()
    assert _of(images, living.name, 3600.0) == [], "too young"
    (found,) = _of(images, living.name)
    assert (found.what, found.identity) == (f"image deployer/{living.name}:{OTHER}", f"ecr:{gone.partition('/')[2]}")
    assert found.since is not None
    assert not images.remove(found, 3600.0)
    living.writer.begin(living.spec(), "update")
    assert not images.remove(found, AGED), "somebody changes it"
    living.writer.give_back()
    assert images.remove(found, AGED)
    assert not images.remove(found, AGED)
    left = aws.ask("ecr", "DescribeImages", {"repositoryName": f"deployer/{living.name}"})["imageDetails"]
    assert [each["imageTags"] for each in left] == [[REVISION]]


def test_those_of_an_endpoint_that_is_gone_are_found(living: Living, images: Images, push: Callable[..., str]) -> None:
    push(living.name, REVISION)
    (found,) = _of(images, living.name)
    assert [each.identity for each in living.target.orphans(older_than=AGED) if each.endpoint == living.name] == [
        found.identity
    ]
    assert living.target.remove_orphan(found, older_than=AGED)
    assert _of(images, living.name) == []


def test_a_model_keeps_its_image_whoever_made_it(
    living: Living, images: Images, push: Callable[..., str], aws: Aws
) -> None:
    image = push(living.name, REVISION)
    request = {"ModelName": f"theirs-{living.name}", "ExecutionRoleArn": ROLE}
    aws.ask("sagemaker", "CreateModel", {**request, "Containers": [{"Image": "good:1"}, {"Image": image}]})
    assert _of(images, living.name) == []


def test_a_wish_keeps_its_image(new_living: Callable[..., Living], images: Images, push: Callable[..., str]) -> None:
    one, other = new_living(), new_living()
    image = push(one.name, REVISION)
    other.writer.begin(other.spec(image={"use": image}))
    assert _of(images, one.name) == []


def test_no_image_is_one_s_orphan_where_a_record_cannot_be_read(
    living: Living, images: Images, push: Callable[..., str], aws: Aws
) -> None:
    push(living.name, REVISION)
    bucket = Records(aws).bucket
    broken = {"Bucket": bucket.name, "Key": bucket.key("broken")}
    Living(living.double).begin().writer.give_back()  # so that there is a bucket
    aws.ask("s3", "PutObject", {**broken, "Body": b"{"})
    assert _of(images, living.name) == []
    aws.ask("s3", "DeleteObject", broken)
    assert len(_of(images, living.name)) == 1


def test_repositories_without_our_marks_are_left_alone(images: Images, push: Callable[..., str], aws: Aws) -> None:
    theirs, moved = f"t{uuid.uuid4().hex[:8]}", f"m{uuid.uuid4().hex[:8]}"
    aws.ask("ecr", "CreateRepository", {"repositoryName": f"deployer/{theirs}"})
    push(theirs, REVISION)
    push(moved, REVISION)
    found = aws.ask("ecr", "DescribeRepositories", {"repositoryNames": [f"deployer/{moved}"]})["repositories"][0]
    tags = [{"Key": "deployer:endpoint", "Value": "another"}]
    aws.ask("ecr", "TagResource", {"resourceArn": found["repositoryArn"], "tags": tags})
    assert {each.endpoint for each in images.find(AGED)} & {theirs, moved, "another"} == set()


def test_where_it_may_not_be_looked_at_nothing_is_found(
    living: Living, images: Images, push: Callable[..., str], faults: Any
) -> None:
    push(living.name, REVISION)
    faults("DescribeImages", error="AccessDeniedException", message="not authorized to perform: ecr:DescribeImages")
    assert list(images.find(AGED)) == []
