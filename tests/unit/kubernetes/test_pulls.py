"""Why a node cannot have an image, in the words that container runtimes and registries really use."""

from __future__ import annotations

import pytest

from deployer.endpoint import Code
from deployer_kubernetes.pulls import diagnosis_of_pull
from tests.unit.kubernetes.values import pod

NAME = "registry.example.com:5000/ml/iris:1"
UNPACK = f'failed to pull and unpack image "{NAME}": '
RESOLVE = f'{UNPACK}failed to resolve reference "{NAME}": '
SAID = {
    f"rpc error: code = NotFound desc = {RESOLVE}{NAME}: not found": (Code.IMAGE_PULL, "no such image"),
    f"{RESOLVE}pull access denied, repository does not exist or may require authorization": (
        Code.IMAGE_PULL, "does not let",
    ),
    f"{RESOLVE}pulling from host x failed with status code [manifests 1]: 401 Unauthorized": (
        Code.IMAGE_PULL, "does not let",
    ),
    f'{RESOLVE}failed to do request: Head "https://x/v2/": dial tcp 127.0.0.1:1: connect: connection refused': (
        Code.IMAGE_PULL, "does not reach",
    ),
    f"{RESOLVE}dial tcp: lookup registry.example.com: no such host": (Code.IMAGE_PULL, "does not reach"),
    f"{RESOLVE}unexpected status from HEAD request to https://x/v2/: 503 Service Unavailable": (
        Code.IMAGE_PULL, "does not reach",
    ),
    f"{RESOLVE}tls: failed to verify certificate: x509: certificate signed by unknown authority": (
        Code.IMAGE_PULL, "does not trust",
    ),
    f"{RESOLVE}http: server gave HTTP response to HTTPS client": (Code.IMAGE_PULL, "plain HTTP"),
    f"rpc error: code = NotFound desc = {UNPACK}no match for platform in manifest: not found": (
        Code.IMAGE_ARCHITECTURE, "processor",
    ),
    f"{UNPACK}the disk says something new": (Code.IMAGE_PULL, "cannot be pulled"),
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("told_by", ["event", "state"])
def test_which_part_is_wrong(said: str, told_by: str) -> None:
    code, words = SAID[said]
    if told_by == "event":
        waiting = pod(ready=False, waiting="ImagePullBackOff", waiting_message=f'Back-off pulling image "{NAME}"')
        events: tuple[str, ...] = (f'Failed: Failed to pull image "{NAME}": {said}', "Failed: Error: ImagePullBackOff")
    else:
        waiting = pod(ready=False, waiting="ErrImagePull", waiting_message=said)
        events = ()
    found = diagnosis_of_pull(waiting, events, ready_image=False)
    assert found.code is code
    assert words in found.summary
    assert found.hint
    assert "rpc error" not in found.evidence[0]
    if code is Code.IMAGE_PULL:
        assert found.subject == NAME
        assert found.summary.endswith(f": {NAME}")


def test_the_end_of_a_long_word_is_what_tells() -> None:
    long = f"{'n' * 150}/{'m' * 150}"
    said = f'failed to pull and unpack image "{long}": failed to resolve reference "{long}": 401 Unauthorized'
    found = diagnosis_of_pull(pod(ready=False, waiting="ErrImagePull", waiting_message=said), (), ready_image=False)
    assert found.evidence == ("401 Unauthorized",)


def test_a_name_does_not_tell_what_is_wrong_with_it() -> None:
    said = 'failed to pull and unpack image "unauthorized.example.com/denied:404": i/o timeout'
    found = diagnosis_of_pull(pod(ready=False, waiting="ErrImagePull", waiting_message=said), (), ready_image=True)
    assert "does not reach" in found.summary


def test_a_name_that_is_none() -> None:
    message = 'Failed to apply default image tag "ML/Iris:1": couldn\'t parse image name "ML/Iris:1": invalid reference'
    waiting = pod(ready=False, waiting="InvalidImageName", waiting_message=message)
    found = diagnosis_of_pull(waiting, (), ready_image=True)
    assert found.summary.startswith("that is no image's name: ML/Iris:1")


@pytest.mark.parametrize(("ready_image", "words"), [(True, "image.use"), (False, "same command")])
def test_what_is_ours_is_delivered_again(ready_image: bool, words: str) -> None:
    waiting = pod(ready=False, waiting="ErrImagePull", waiting_message=f"{RESOLVE}not found")
    assert words in (diagnosis_of_pull(waiting, (), ready_image=ready_image).hint or "")
