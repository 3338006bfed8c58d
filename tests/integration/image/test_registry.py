"""A real registry: pushed to, cut off, pulled from by a real engine, with and without TLS and a login."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.carrying import write_archive, write_layout
from deployer.image.push import push
from deployer.image.registry import RegistryClient, Transport
from deployer.image.registry.upload import Upload, mount_or_start
from deployer.image.values import BaseImage, ImageReference
from deployer.target import Credentials
from deployer_docker.engine import DockerEngine
from tests.integration.image.images import image, layer, ran
from tests.plugins.docker import Image as Given
from tests.plugins.docker import ImageRegistry, Scope
from tests.unit.image.bases import digest_of

skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="no skopeo")


@pytest.fixture(scope="module")
def base(base_image: Given, tmp_path_factory: pytest.TempPathFactory) -> BaseImage:
    places = BasePlaces(tmp_path_factory.mktemp("cache"))
    return inspect_base(f"oci:{base_image.layout}", platform="linux/amd64", python="3.11", places=places)


@pytest.fixture
def engine(docker_host: str) -> Generator[DockerEngine, None, None]:
    client = docker.APIClient(base_url=docker_host, version="auto")
    yield DockerEngine(client)
    client.close()


def tls(registry: ImageRegistry, credentials: Callable[[], Credentials] | None = None) -> RegistryClient:
    return RegistryClient(registry.tls, credentials=credentials, transport=Transport(ca_bundle=registry.ca))


def test_an_image_is_pushed_pulled_and_runs(
    base: BaseImage,
    image_registry: ImageRegistry,
    engine: DockerEngine,
    docker_scope: Scope,
    tmp_path: Path,
) -> None:
    old, new = (
        image(base, layer(tmp_path, "weights", {"opt/weights": text}), command=("cat", "/opt/weights"))
        for text in (b"old", b"new")
    )
    name = f"{image_registry.plain}/{docker_scope.name}"
    place = ImageReference(image_registry.plain, docker_scope.name, "old")
    with RegistryClient(image_registry.plain) as registry:
        first = push(old, place, client=registry, cache=tmp_path / "cache")
        again = push(old, place, client=registry, cache=tmp_path / "cache")
        assert (again.digest, again.sent) == (first.digest, 0)
        second = push(
            new, ImageReference(place.registry, place.repository, "new"), client=registry, cache=tmp_path / "cache"
        )
        assert (second.present, second.mounted) == (1, 0)
        assert second.sent < 5000
    told: list[tuple[int, int | None]] = []
    held = engine.pull(f"{name}@{second.digest}", "linux/amd64", lambda *each: told.append(each))
    assert (held.id, held.diff_ids) == (new.digest, new.diff_ids)
    engine.tag(held.id, f"{name}:new")
    client = docker.APIClient(base_url=os.environ["DOCKER_HOST"], version="auto")
    assert ran(client, f"{name}:new", docker_scope) == "new"
    client.close()


def test_tls_and_a_login(base: BaseImage, image_registry: ImageRegistry, docker_scope: Scope, tmp_path: Path) -> None:
    made = image(base, layer(tmp_path, "x", {"x": b"x"}))
    place = ImageReference(image_registry.tls, docker_scope.name, "1")
    with pytest.raises(TargetUnavailable, match="is not trusted"), RegistryClient(image_registry.tls) as client:
        client.manifest(place)
    with pytest.raises(BuildError, match="wants a login"), tls(image_registry) as client:
        client.manifest(place)
    with (
        pytest.raises(TargetUnavailable, match="does not accept these credentials") as caught,
        tls(image_registry, lambda: Credentials(image_registry.user, "wrong-password")) as client,
    ):
        push(made, place, client=client, cache=tmp_path / "cache")
    assert "wrong-password" not in f"{caught.value} {caught.value.hint}"
    with tls(image_registry, lambda: Credentials(image_registry.user, image_registry.password)) as client:
        done = push(made, place, client=client, cache=tmp_path / "cache", oci=True)
        assert client.manifest(place).digest == done.digest


def test_dockers_own_login(
    image_registry: ImageRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker_scope: Scope
) -> None:
    login = base64.b64encode(f"{image_registry.user}:{image_registry.password}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {image_registry.tls: {"auth": login}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with tls(image_registry) as client:
        assert client.find_manifest(ImageReference(image_registry.tls, docker_scope.name, "none")) is None


def test_another_repository_is_told_where_the_layers_are(
    base_image: Given, image_registry: ImageRegistry, docker_scope: Scope, tmp_path: Path
) -> None:
    places = BasePlaces(tmp_path / "cache")
    found = inspect_base(base_image.reference, platform="linux/amd64", python="3.11", places=places)
    made = image(found, layer(tmp_path, "x", {"x": os.urandom(100)}))
    cache = tmp_path / "other cache"
    with RegistryClient(image_registry.plain) as client:
        place = ImageReference(image_registry.plain, f"{docker_scope.name}/one", "1")
        first = push(made, place, client=client, cache=cache)
        assert first.mounted == len(found.layers)
        assert first.sent < 5000
        other = ImageReference(image_registry.plain, f"{docker_scope.name}/two", "1")
        assert push(made, other, client=client, cache=cache).sent == 0


def test_an_upload_survives_cut_connections(image_registry: ImageRegistry, docker_scope: Scope, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 12
    digest = digest_of(content)
    with cutting(image_registry.plain, [5 << 20, 9 << 20]) as (registry, cuts), RegistryClient(registry) as client:
        place = ImageReference(registry, docker_scope.name, "1")
        started = mount_or_start(client, place, digest, ())
        assert started is not None
        told: list[int] = []
        upload = Upload(client, place, digest, len(content), lambda: io.BytesIO(content), told.append, piece=4 << 20)
        upload.run(started)
        assert client.has_blob(place, digest)
        assert cuts == []
    assert sum(told) == len(content)


@skopeo
def test_others_read_what_we_write(base: BaseImage, tmp_path: Path) -> None:
    made = image(base, layer(tmp_path, "x", {"x": b"x"}))
    digest = write_layout(made, tmp_path / "layout", cache=tmp_path / "cache", tag="one")
    write_archive(made, tmp_path / "image.tar", names=("iris:1",))
    for place, manifest in ((f"oci:{tmp_path}/layout:one", digest), (f"docker-archive:{tmp_path}/image.tar", None)):
        said = json.loads(subprocess.run(["skopeo", "inspect", place], capture_output=True, check=True).stdout)
        assert manifest in {None, said["Digest"]}
        config = subprocess.run(
            ["skopeo", "inspect", "--config", "--raw", place], capture_output=True, check=True
        ).stdout
        assert json.loads(config) == json.loads(made.config)
    subprocess.run(
        ["skopeo", "copy", "--insecure-policy", f"oci:{tmp_path}/layout:one", f"dir:{tmp_path}/copy"],
        check=True,
        capture_output=True,
    )


@contextmanager
def cutting(registry: str, after: list[int]) -> Generator[tuple[str, list[int]], None, None]:
    """A way to a registry that cuts a connection when that many bytes went there; each number once."""
    host, _, port = registry.rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    lock = threading.Lock()
    threads: list[threading.Thread] = []
    passed = [0]

    def copy(source: socket.socket, sink: socket.socket, *, counted: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                with lock:
                    passed[0] += len(piece) if counted else 0
                    cut = counted and bool(after) and passed[0] >= after[0]
                    if cut:
                        after.pop(0)
                if cut:
                    break
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            other = socket.create_connection((host, int(port)))
            pair = [
                threading.Thread(target=copy, args=(one, other), kwargs={"counted": True}),
                threading.Thread(target=copy, args=(other, one), kwargs={"counted": False}),
            ]
            sockets.extend((one, other))
            threads.extend(pair)
            for each in pair:
                each.start()

    sockets: list[socket.socket] = []
    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", after
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for each in sockets:
            each.close()
