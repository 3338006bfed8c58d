"""What the suite needs of the Docker target: images of the real runtime with models of a few lines.

The environment is an image of its own, made once and kept on the engine: the test's base image, and on it the packages
of these tests that a model needs. A revision's image is that and one small layer more, loaded as an archive that lacks
the layers which the engine has; so its id is known before it is there, and the same whenever it is made again.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from deployer.endpoint import ImageRef, ModelRef, Release, revision_id
from deployer.engine.runtime import runtime_version
from deployer.testing.conformance import Failure, Lot, Workbench
from deployer.testing.writer import Writer
from deployer.value import JSON, digest
from deployer_docker import kind
from deployer_docker.client import connect, engine_address, request_word
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from deployer_docker.marks import read_marks
from tests.conformance.fault_proxy import Fault, is_asked, is_change, unix_proxy
from tests.conformance.images import LOTS, SERVED, image_on, packages_layer, served_layer, versions_of_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deployer.spec import DeploymentSpec
    from deployer.target import Site, Target, TargetKind

__all__ = ["DockerWorkbench", "environment_image"]

STATUSES: dict[Failure, int] = {"throttled": 429, "server-error": 500, "permission": 403}
SURE = ("adopt", "keep_secrets", "retire", "route", "stage", "write_record")
"""Verbs that certainly ask for a change; of these it is the change that fails, of others the first question."""
SILENCE = 1.0
"""Seconds after which a target that is not answered gives up."""


def environment_image(api: Any, base: str) -> str:
    """The id of the image that holds the packages; made on the first call of all."""
    parent = api.inspect_image(base)
    tag = f"deployer-test/conformance:{digest([versions_of_packages(), parent['Id'], 1])[:16]}"
    engine = DockerEngine(api)
    found = engine.find(tag)
    if found is None:
        archive, made = image_on(parent, [packages_layer()], parent["Config"])
        engine.load([archive])
        engine.tag(made, tag)
        found = engine.find(tag)
    assert found is not None
    return found.id


class DockerWorkbench(Workbench):
    """A part of an engine: the endpoints whose names begin with the scope's.

    Args:
        host: The engine's address.
        environment: Id of the image with the packages.
        gateway: Reference of the gateway's image.
        scope: What all that is made here carries in its name, so that no image is another bench's.
    """

    address = "deployer_docker:kind"
    patience = 60.0
    pace = 0.4  # a look runs a command in the gateway
    stride = 1 if os.environ.get("DEPLOYER_TEST_EVERY_STOP") else 5  # each of them takes new containers

    def __init__(self, host: str, environment: str, gateway: str, scope: str) -> None:
        self._open = ExitStack()
        path = f"{self._open.enter_context(tempfile.TemporaryDirectory(prefix='ep-'))}/engine"
        self._proxy = self._open.enter_context(unix_proxy(path, host.removeprefix("unix://")))
        self._options = DockerOptions(host=f"unix://{path}", gateway_image=gateway)
        self._targets: weakref.WeakSet[Target] = weakref.WeakSet()
        self._scope = scope
        self.api = connect(engine_address(DockerOptions(host=host)))
        self._images = {lot: self._made(environment, lot) for lot in LOTS}

    def _made(self, environment: str, lot: Lot) -> tuple[bytes, str]:
        config = {**SERVED, "Labels": {"io.deployer.test": f"{self._scope} {lot}"}}
        return image_on(self.api.inspect_image(environment), [served_layer(lot)], config)

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> DockerOptions:
        return self._options

    def connect(self, site: Site | None = None) -> Target:
        made = super().connect(site)
        self._targets.add(made)
        return made

    def inject(self, verb: str, failure: Failure) -> bool:
        changes = _asks_for_change if verb in SURE else is_change
        if failure in STATUSES:
            fault = Fault("status", _asks_for_change if verb in SURE else is_asked, STATUSES[failure])
        elif failure == "timeout":
            fault = Fault("silence", is_asked, over=self._hurried())
        elif failure == "lost":
            fault = Fault("lost", changes)
        else:
            fault = Fault("status", _after_first(changes), status=503)
        self._proxy.arm(fault)
        return True

    def _hurried(self) -> Callable[[], None]:
        """Have all targets give up soon; what is answered has them be patient again."""
        clients = [vars(target)["_api"] for target in self._targets if "_api" in vars(target)]
        patience = [(client, client.timeout) for client in clients]
        for client in clients:
            client.timeout = SILENCE

        def over() -> None:
            for client, seconds in patience:
                client.timeout = seconds

        return over

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        plain = super().release(lot, secrets)
        uri, image = f"models:/conformance-{lot}/1", self._images[lot][1]
        model = ModelRef(uri=uri, resolved=uri, digest=digest(lot))
        whole = digest([image, plain.fields])
        changes = {"model": model, "runtime": runtime_version(), "digest": whole, "revision": revision_id(whole)}
        return plain.model_copy(update={**changes, "image": ImageRef(id=image, reference=image)})

    def deliver(self, target: Target, spec: DeploymentSpec, release: Release) -> None:
        engine = DockerEngine(self.api)
        assert release.image is not None
        if engine.find(release.image.id) is None:
            engine.load([next(archive for archive, image in self._images.values() if image == release.image.id)])

    def put_foreign(self, name: str) -> None:
        body = {"Image": self._options.gateway_image, "Entrypoint": ["sleep"], "Cmd": ["600"], "Labels": {"by": "hand"}}
        self.api.create_container_from_config(body, name)

    def foreign_untouched(self, name: str) -> bool:
        found = self.api.inspect_container(name)
        return bool(found["Config"]["Labels"] == {"by": "hand"} and found["State"]["Status"] == "created")

    def running(self, name: str) -> JSON:
        containers = self.api.containers(all=True, filters={"name": [f"^/{name}$"]})
        return [[each["Id"], self.api.inspect_container(each["Id"])["State"]["StartedAt"]] for each in containers]

    def leftovers(self) -> list[str]:
        """Containers, networks, volumes and tags of the bench's endpoints, but for the versions of their Records."""
        containers = [each["Names"][0] for each in self.api.containers(all=True)]
        networks = [each["Name"] for each in self.api.networks()]
        volumes = [each["Name"] for each in self.api.volumes()["Volumes"] or []]
        tags = [tag for each in self.api.images() for tag in each.get("RepoTags") or ()]
        mine = [each for each in (*containers, *networks, *volumes, *tags) if self._scope in each]
        return sorted(each for each in mine if "--record" not in each)

    def close(self) -> None:
        """End everything that is there, as a user would."""
        self._proxy.arm(None)
        target = self.connect()
        marks = [read_marks(each.get("Labels")) for each in self.api.volumes()["Volumes"] or []]
        # The suite makes names of other lengths out of this one; everything else is another test's.
        plain = self._scope.replace("-", "") * 4
        for name in {each.endpoint for each in marks if each is not None}:
            if self._scope in name or name in (plain[:3], plain[:32]):
                Writer(target, name).begin(self.spec(name), "delete").destroy()
                self.await_gone(target, name)
        for each in self.api.containers(all=True, filters={"label": ["by=hand"], "name": [self._scope]}):
            self.api.remove_container(each["Id"], force=True)
        for _, image in self._images.values():
            if DockerEngine(self.api).find(image) is not None:
                self.api.remove_image(image, force=True)
        self._open.close()


def _asks_for_change(method: str, path: str) -> bool:
    return bool(request_word(method, path))


def _after_first(changes: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """Whatever may change something once the first change was done."""
    done = False

    def matches(method: str, path: str) -> bool:
        nonlocal done
        if done:
            return is_change(method, path)
        done = changes(method, path)
        return False

    return matches
