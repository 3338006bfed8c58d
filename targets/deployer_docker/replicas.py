"""The containers of one revision: as many as are wished, each in its place; those that failed are made anew."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import Record, Release
from deployer.errors import BuildError, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target.container import auth_of
from deployer_docker.addresses import free_address
from deployer_docker.client import is_missing, status_of, told, unless_gone
from deployer_docker.facts import ContainerFact
from deployer_docker.marks import Role, image_tag, object_name
from deployer_docker.networks import network_of, subnet_of
from deployer_docker.removing import remove_container
from deployer_docker.requests import Place, count_of, joined, replica_body, weights_volume
from deployer_docker.survey import Holdings, container_fact

__all__ = ["Plan", "Replicas", "condemn"]


@dataclass(frozen=True)
class Plan:
    """What is to become of a revision's containers.

    Attributes:
        whole: They stay.
        broken: They failed, or were only half made, and go.
        surplus: They end their requests, and go.
        missing: How many are to be made.
    """

    whole: tuple[ContainerFact, ...]
    broken: tuple[ContainerFact, ...]
    surplus: tuple[ContainerFact, ...]
    missing: int


class Replicas:
    """One revision's containers.

    Args:
        api: docker-py's low-level client.
        spec: The endpoint's wish.
        release: The revision.
        record: The Record as it was read last.
        held: Raises ClaimLost unless the claim holds; called before each change.
    """

    def __init__(
        self, api: Any, spec: DeploymentSpec, release: Release, record: Record, held: Callable[[], object]
    ) -> None:
        self._api = api
        self._spec = spec
        self._release = release
        self._record = record
        self._held = held
        self._user = ""

    def plan(self, live: Sequence[ContainerFact], ready: Callable[[ContainerFact], bool]) -> Plan:
        """What stays, what is made anew since it is broken, and what goes: the highest numbers, and others' auth."""
        count, auth = count_of(self._spec), auth_of(self._spec)
        fitting = [each for each in live if each.labels.get("auth", auth) == auth]
        others = [each for each in live if each not in fitting]

        def is_broken(each: ContainerFact) -> bool:
            return not ready(each) and (each.failing or not each.placed)

        ordered = sorted(fitting, key=lambda each: (is_broken(each), not ready(each), each.number))
        kept, surplus = ordered[:count], ordered[count:]
        broken = tuple(each for each in kept if is_broken(each))
        whole = tuple(each for each in kept if each not in broken)
        return Plan(whole, broken, (*surplus, *others), count - len(whole))

    def hold_image(self) -> None:
        """Raises BuildError when the engine has not the image; else lets the revision hold on to it by a tag."""
        image = self._release.image
        if image is None:
            raise BuildError(f"{self._release.revision} has no image", where=self._spec.name)
        repository, tag = image_tag(self._spec.name, self._release.revision)
        with told("look for the image", image.reference):
            try:
                found = self._api.inspect_image(image.reference)
            except Exception as error:
                if not is_missing(error):
                    raise
                raise BuildError(
                    f"the image of {self._release.revision} is not in the engine: {image.reference}",
                    where=self._spec.name, hint="run the same command again, which delivers it",
                ) from None  # fmt: skip
            if self._spec.image.use:
                self._user = str((found.get("Config") or {}).get("User") or "")
            if f"{repository}:{tag}" not in (found.get("RepoTags") or ()):
                self._held()
                self._api.tag(image.reference, repository, tag, force=True)

    def find_weights(self) -> None:
        """Raises BuildError when the weights that it mounts are not there; the engine would mount an empty volume."""
        if self._spec.image.weights != "mount":
            return
        name = weights_volume(self._release.model.digest)
        with told("look for the weights", name):
            try:
                self._api.inspect_volume(name)
            except Exception as error:
                if not is_missing(error):
                    raise
                raise BuildError(
                    f"the weights of {self._release.revision} are not in the engine: {name}",
                    where=self._spec.name, hint="run the same command again, which delivers them",
                ) from None  # fmt: skip

    def make(self, held: Holdings, missing: int) -> list[ContainerFact]:
        """So many more containers, started.

        Raises:
            TargetUnavailable: The engine cannot.
        """
        network = network_of(held, Role.NETWORK)
        if network is None:
            raise TargetUnavailable(f"the network of {self._spec.name} is gone", transient=True)
        edge = network_of(held, Role.EDGE) if self._spec.network.egress == "internet" else None
        subnet = subnet_of(held, network)
        port = held.gateway.labels.get("port", "") if held.gateway is not None else ""
        addresses = {each.address for each in held.replicas}
        numbers = {each.number for each in held.replicas if each.revision == self._release.revision}
        made = []
        for _ in range(missing):
            number = next(each for each in range(1, 10_000) if each not in numbers)
            address = free_address(subnet, addresses)
            numbers.add(number)
            addresses.add(address)
            name = object_name(self._spec.name, f"{self._release.revision}-{number}")
            made.append(self._create(Place(name, number, network, address, edge, port, self._user)))
        return [self.start(each) for each in made]

    def _create(self, place: Place) -> ContainerFact:
        self._held()
        body = replica_body(self._spec, self._release, self._record.owner, place)
        with told("make a container", place.name):
            try:
                made = self._api.create_container_from_config(body, place.name)["Id"]
            except Exception as error:
                if status_of(error) == 409:
                    raise TargetUnavailable(
                        f"another writer, or somebody by hand, has made {place.name}: {error}",
                        transient=True, where=place.name,
                    ) from error  # fmt: skip
                raise
            if place.edge is not None:
                (config,) = joined(place).values()
                self._api.connect_container_to_network(
                    made, place.network, ipv4_address=config["IPAMConfig"]["IPv4Address"]
                )
            return container_fact(self._api.inspect_container(made))

    def start(self, fact: ContainerFact) -> ContainerFact:
        """Start a container. That its program cannot be run is the revision's own failure, and told by `observe`."""
        if fact.status in ("running", "restarting"):
            return fact
        self._held()
        with told("start a container", fact.name):
            try:
                self._api.start(fact.id)
            except Exception as error:
                if not _is_own_fault(error):
                    raise
            return container_fact(self._api.inspect_container(fact.id))


def _is_own_fault(error: Exception) -> bool:
    """Whether the engine started the container and its program could not be run: another architecture, no such file."""
    said = str(error)
    return status_of(error) in (400, 404, 500) and any(
        each in said
        for each in ("exec format error", "executable file not found", "no such file or directory: unknown")
    )


def condemn(api: Any, fact: ContainerFact, *, serving: bool) -> None:
    """Have a container end its requests, and never start it again; one that serves nobody is ended at once.

    Its restart policy is what tells that it is condemned, to whoever looks; a process that has not come to serve yet
    would not hear a SIGTERM.
    """
    if not fact.running:
        remove_container(api, fact.id)
        return
    with told("stop a container", fact.name), unless_gone():
        api.update_container(fact.id, restart_policy={"Name": "no"})
        with contextlib.suppress(Exception):
            api.kill(fact.id, "SIGTERM" if serving else "SIGKILL")
    if not serving:
        remove_container(api, fact.id)
