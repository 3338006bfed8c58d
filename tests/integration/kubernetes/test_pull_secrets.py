"""A registry with a password: the nodes are given the login that this machine has for it, and no other."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployer.endpoint import Endpoint
from deployer.errors import SpecError
from tests.e2e.kept import kept_folder
from tests.e2e.tiny import TIMES, write_tiny
from tests.integration.kubernetes.bay import deployer_on, left_of

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image, ImageRegistry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DOCKER = {"pull_login": "docker"}
MISSED = "FailedToRetrieveImagePullSecret"
ELSE = base64.b64encode(b"ada:else").decode()


@pytest.fixture
def guarded(bay: Bay, image_registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ready image behind a password, which Docker's configuration here has."""
    reference = f"{image_registry.tls}/{bay.namespace.name}/ready:1"
    login = f"{image_registry.user}:{image_registry.password}"
    words = ["--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds", login]
    copy = ["skopeo", "copy", "--quiet", *words, f"docker://{bay.images.good}", f"docker://{reference}"]
    subprocess.run(copy, check=True, timeout=120)
    monkeypatch.setenv("DOCKER_CONFIG", str(bay.folder))
    monkeypatch.setenv("SSL_CERT_FILE", str(image_registry.ca))
    log_in(bay.folder, image_registry)
    return reference


def log_in(folder: Path, registry: ImageRegistry) -> None:
    auth = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    known = {"auths": {registry.tls: {"auth": auth}, "else.example.com": {"auth": ELSE}}}
    (folder / "config.json").write_text(json.dumps(known))


def stored(bay: Bay) -> Any:
    found = bay.namespace.get("v1", "Secret", f"{bay.name}--pull")
    return json.loads(base64.b64decode(found["data"][".dockerconfigjson"]))["auths"] if found is not None else None


def revision(found: Endpoint) -> str:
    assert found.phase.value == "healthy"
    assert found.revision is not None
    return found.revision.id


def test_it_is_pulled_with_this_machine_s_login_which_goes_with_the_endpoint(
    bay: Bay, guarded: str, image_registry: ImageRegistry
) -> None:
    wish = bay.wish("well", "one", image={"use": guarded}, config=DOCKER)
    first = revision(bay.deployer.apply(wish))
    assert list(stored(bay)) == [image_registry.tls]
    assert bay.deployer.predict(bay.name, {"inputs": "how?"})
    record = bay.namespace.get("v1", "ConfigMap", f"{bay.name}--record")
    told = json.dumps([record, bay.deployer.status(bay.name).model_dump(mode="json")])
    secret = stored(bay)[image_registry.tls]["auth"]
    # What is rendered names the Secret, and applied by somebody leaves it as it is.
    text = yaml.safe_dump_all(bay.deployer.render(wish))
    bay.namespace.cluster.kubectl(
        "apply", "--server-side", "--field-manager=deployer/default", "-n", bay.namespace.name, "-f", "-", given=text
    )
    assert "iris--pull" in text
    assert stored(bay)[image_registry.tls]["auth"] == secret
    assert image_registry.password not in told
    assert secret not in told

    # Of an image that another registry has, the login of that one; of a wish without it, none.
    plain = {"config": {"pull_login": "none"}, "image": {"use": bay.images.good}}
    assert revision(bay.deployer.update(bay.name, plain)) != first
    assert stored(bay) is None
    bay.deployer.delete(bay.name)
    assert left_of(bay.namespace, bay.name) == []


def test_deleted_it_leaves_no_login(bay: Bay, guarded: str) -> None:
    assert revision(bay.deployer.apply(bay.wish("well", "one", image={"use": guarded}, config=DOCKER)))
    bay.deployer.delete(bay.name)
    assert stored(bay) is None
    assert left_of(bay.namespace, bay.name) == []


def test_without_a_login_nothing_waits_in_vain(bay: Bay) -> None:
    with pytest.raises(SpecError, match="no login for localhost") as told:
        bay.deployer.apply(bay.wish("well", "one", config=DOCKER))
    assert (told.value.hint or "").startswith("docker login localhost:")
    assert bay.namespace.all("v1", "Pod") == []


def _hidden_till_a_node_has_missed_it(namespace: Namespace, name: str) -> None:
    """Take a Secret away as soon as it is made, and put it back when a kubelet has said that it pulls without it."""
    found = namespace.wait_for("v1", "Secret", name, until=lambda each: each is not None)
    assert found is not None
    namespace.cluster.delete(found)
    deadline = time.monotonic() + 60
    while not any(each["reason"] == MISSED for each in namespace.cluster.events(namespace.name)):
        assert time.monotonic() < deadline, "no node missed it"
        time.sleep(0.01)
    kept = {key: found["metadata"][key] for key in ("name", "labels")}
    namespace.create({**found, "metadata": kept})


def test_a_node_that_pulls_before_it_has_got_the_login_is_waited_for(bay: Bay, guarded: str) -> None:
    """As a busy one does: the kubelet gives a Secret that is new to it one second, and then pulls without it."""
    hiding = ThreadPoolExecutor(1)
    done = hiding.submit(_hidden_till_a_node_has_missed_it, bay.namespace, f"{bay.name}--pull")
    assert revision(bay.deployer.apply(bay.wish("well", "one", image={"use": guarded}, config=DOCKER)))
    done.result()
    said = [each["message"] for each in bay.namespace.cluster.events(bay.namespace.name) if each["reason"] == "Failed"]
    assert any("401" in each or "authorization" in each for each in said), said
    assert bay.deployer.predict(bay.name, {"inputs": "how?"})


@pytest.mark.index
def test_what_is_assembled_is_pushed_and_pulled_with_the_same_login(
    bay: Bay, base_image: Image, image_registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image of the server, and that of the weights beside it."""
    usual = os.environ.get("SSL_CERT_FILE")
    bundle = bay.folder / "bundle.pem"
    bundle.write_bytes(image_registry.ca.read_bytes() + (Path(usual).read_bytes() if usual else b""))
    monkeypatch.setenv("DOCKER_CONFIG", str(bay.folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_folder() / "build-cache"))
    log_in(bay.folder, image_registry)
    registry = f"{image_registry.tls}/{bay.namespace.name}"
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    place = replace(bay, deployer=deployer_on(kubeconfig, bay.namespace.name, registry=registry))
    for factor in (2, 3):
        write_tiny(bay.folder / f"by-{factor}", TIMES.format(factor=factor))
    rows = {"dataframe_split": {"columns": ["a"], "data": [[1.0], [2.0]]}}
    common: dict[str, Any] = {
        "config": DOCKER, "requirements": {"ca_bundle": str(bundle)},
        "resources": {"cpu": 0.05, "memory": 512 * 2**20},
    }  # fmt: skip

    embedded = {"image": {"base": base_image.reference}, "model": str(bay.folder / "by-2"), **common}
    first = revision(place.deployer.apply(place.wish(**embedded)))
    assert place.deployer.predict(bay.name, rows) == [2.0, 4.0]
    assert list(stored(bay)) == [image_registry.tls]

    mounted = {"base": base_image.reference, "weights": "mount"}
    second = place.deployer.apply(place.wish(**{**embedded, "image": mounted, "model": str(bay.folder / "by-3")}))
    assert revision(second) != first
    assert place.deployer.predict(bay.name, rows) == [3.0, 6.0]
    (pod,) = [each for each in bay.namespace.all("v1", "Pod") if not each["metadata"].get("deletionTimestamp")]
    images = [each["image"] for each in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])]
    assert all(each.startswith(f"{registry}/") for each in images)
    place.deployer.delete(bay.name)
    assert left_of(bay.namespace, bay.name) == []
