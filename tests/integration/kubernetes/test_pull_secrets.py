"""A registry with a password: the nodes are given the login that this machine has for it, and no other."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Endpoint
from deployer.errors import SpecError
from tests.integration.kubernetes.bay import left_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.docker import ImageRegistry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DOCKER = {"pull_login": "docker"}
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
