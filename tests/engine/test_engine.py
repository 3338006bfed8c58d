"""What the other tests take for granted of the engine, the registries and the images."""

from __future__ import annotations

import base64
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.engine.api import Engine
from tests.plugins.docker import Image, ImageRegistry, Scope

pytestmark = pytest.mark.real("docker")


def run(scope: Scope, image: Image, *command: str, **host_config: object) -> str:
    """Start a container, and say its id."""
    made = scope.engine.ask(
        "POST",
        f"/containers/create?name={scope.name}",
        {"Image": image.reference, "Cmd": command, "HostConfig": host_config},
    )
    scope.engine.ask("POST", f"/containers/{made['Id']}/start")
    return str(made["Id"])


def get(url: str, *, context: ssl.SSLContext | None = None, **headers: str) -> Any:
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context, timeout=30)


def served(opener: urllib.request.OpenerDirector, url: str) -> str:
    """What is served there, once its server has started."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with opener.open(url, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline, f"nothing is served at {url}"
            time.sleep(0.05)


def test_the_engine_stores_layers_as_users_engines_do(docker_host: str) -> None:
    assert Engine(docker_host).ask("GET", "/info")["Driver"] in {"overlay2", "overlayfs"}


def test_a_container_runs_the_base_images_python(docker_scope: Scope, base_image: Image) -> None:
    code = "import sys; sys.exit(42 if sys.version_info[:2] == (3, 11) else 1)"
    container = run(docker_scope, base_image, "python3", "-c", code)
    ended = docker_scope.engine.ask("POST", f"/containers/{container}/wait")
    assert ended["StatusCode"] == 42


def test_equal_images_go_by_the_name_of_each_test(
    new_docker_scope: Callable[[], AbstractContextManager[Scope]], base_image: Image
) -> None:
    with new_docker_scope() as one:
        with new_docker_scope() as other:
            for scope in (one, other):
                scope.engine.ask("POST", f"/images/{base_image.id}/tag?repo={scope.name}/base&tag=1")
            assert [thing.name for thing in other.left()] == [f"{other.name}/base:1"]
        assert other.left() == []
        assert [thing.name for thing in one.left()] == [f"{one.name}/base:1"]
    assert one.left() == []


def test_the_gateways_shell_and_haproxy_are_there(docker_scope: Scope, gateway_image: Image) -> None:
    container = run(docker_scope, gateway_image, "sh", "-c", "haproxy -v | grep -q 'version 2.6' && socat -V")
    assert docker_scope.engine.ask("POST", f"/containers/{container}/wait")["StatusCode"] == 0


def test_a_scope_reaches_the_networks_that_it_made_and_no_other(docker_scope: Scope, base_image: Image) -> None:
    engine, name = docker_scope.engine, docker_scope.name
    engine.ask("POST", "/networks/create", {"Name": name, "Internal": True})
    container = run(docker_scope, base_image, "python3", "-m", "http.server", "8080", NetworkMode=name)
    address = engine.ask("GET", f"/containers/{container}/json")["NetworkSettings"]["Networks"][name]["IPAddress"]
    docker_scope.reach()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer = served(opener, f"http://{address}:8080/etc/hostname")
    assert answer.strip() == container[:12]
    with pytest.raises(RuntimeError, match="allowed"), pytest.warns(UserWarning, match="allowed"):
        opener.open("http://192.0.2.1/", timeout=1)
    assert {thing.kind for thing in docker_scope.left()} == {"container", "network"}
    docker_scope.remove()
    assert docker_scope.left() == []


def test_the_image_in_the_engine_is_the_one_on_disk(docker_host: str, base_image: Image, gateway_image: Image) -> None:
    engine = Engine(docker_host)
    for image in (base_image, gateway_image):
        layers = engine.ask("GET", f"/images/{image.reference}/json")["RootFS"]["Layers"]
        assert layers == image.blob(image.id)["rootfs"]["diff_ids"]


def test_the_base_is_there_for_two_processors(base_image: Image) -> None:
    for architecture in ("amd64", "arm64"):
        manifest = base_image.manifest(architecture)
        assert base_image.blob(manifest["config"]["digest"])["architecture"] == architecture
        layer = base_image.layout / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
        files = subprocess.run(["tar", "-tzf", layer], capture_output=True, text=True, check=True).stdout.splitlines()
        assert "./usr/bin/python3.11" in files
        assert [name for name in files if name.startswith("./usr/lib/") and name.endswith("-linux-gnu/libc.so.6")]
        assert not [name for name in files if name.startswith("./lib/")], "the link to usr/lib was replaced"


def test_the_plain_registry_is_open(image_registry: ImageRegistry) -> None:
    assert get(f"http://{image_registry.plain}/v2/").status == 200


def test_the_other_registry_wants_its_authority_and_its_password(image_registry: ImageRegistry) -> None:
    url = f"https://{image_registry.tls}/v2/"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        get(url)
    ours = ssl.create_default_context(cafile=str(image_registry.ca))
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        get(url, context=ours)
    refused.value.close()
    token = base64.b64encode(f"{image_registry.user}:{image_registry.password}".encode()).decode()
    assert get(url, context=ours, Authorization=f"Basic {token}").status == 200
