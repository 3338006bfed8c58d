"""Makes what an endpoint has beside its replicas: two networks, the gateway's volume and its container."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deployer.endpoint import Record
from deployer.errors import Conflict, DeployerError, NotFound, SpecError, TargetUnavailable
from deployer.gateway import Routing, with_traffic
from deployer.spec import DeploymentSpec
from deployer_docker.addresses import free_ports
from deployer_docker.certificate import Certificate, read_certificate
from deployer_docker.client import is_missing, status_of, told
from deployer_docker.config import DockerOptions
from deployer_docker.facts import ContainerFact
from deployer_docker.gateway import Gateway
from deployer_docker.marks import PREFIX, Marks, Role, object_name, read_marks
from deployer_docker.networks import ensure_network
from deployer_docker.ports import is_free, owner_of_port, published_ports, taken_error
from deployer_docker.removing import remove_container
from deployer_docker.requests import (
    GatewayPlace,
    config_of,
    gateway_body,
    gateway_image,
    published_host,
    shape_of,
)
from deployer_docker.survey import Holdings, container_fact, gateway_of, holdings
from deployer_docker.wish import with_pool

__all__ = ["Estate"]

STARTING = 15.0
"""Seconds that a gateway may take to answer after it was started."""
_TAKEN = ("port is already allocated", "address already in use")


class Estate:
    """The objects of one endpoint.

    Args:
        api: docker-py's low-level client.
        options: The target's.
        spec: The endpoint's wish.
        record: Its Record, as it was read last.
        held: Raises ClaimLost unless the claim holds; called before each change.
        local: Whether the engine's ports are this host's.
    """

    def __init__(
        self,
        api: Any,
        options: DockerOptions,
        spec: DeploymentSpec,
        record: Record,
        held: Callable[[], object],
        *,
        local: bool,
    ) -> None:
        self._local = local
        self._api = api
        self._options = options
        self._spec = spec
        self._record = record
        self._held = held
        self._name = spec.name

    def ensure(self, *, reshape: bool = False) -> tuple[Holdings, Gateway]:
        """Make what is not there, and start what does not run.

        Args:
            reshape: Whether a gateway that differs from the wish is replaced; meanwhile nothing is served.

        Raises:
            Conflict: A name or a port is another's.
            TargetUnavailable: The engine cannot, or has no image for the gateway.
        """
        held = holdings(self._api, self._name)
        inner = self._network(held, Role.NETWORK)
        edge = self._network(held, Role.EDGE)
        self._volume(held)
        gateway = self._gateway(held, inner, edge, reshape=reshape)
        return holdings(self._api, self._name), gateway

    def ensure_inner(self) -> str:
        """Id of the network of its replicas, made if it is not there."""
        return self._network(holdings(self._api, self._name), Role.NETWORK)

    def _network(self, held: Holdings, role: Role) -> str:
        marks = Marks(self._record.owner, self._name, role)
        return ensure_network(self._api, marks, held, self._options.subnets, self._held)

    def _volume(self, held: Holdings) -> None:
        name = object_name(self._name, "gateway")
        if any(each["Name"] == name for each in held.volumes):
            return
        self._held()
        labels = Marks(self._record.owner, self._name, Role.GATEWAY).labels()
        with told("make the gateway's volume", name):
            made = self._api.create_volume(name, driver="local", labels=labels)
        marks = read_marks(made.get("Labels"))
        if marks is None or marks.endpoint != self._name:
            raise Conflict(f"the engine has a volume {name} that deployer did not make", where=name)

    # The gateway.

    def _gateway(self, held: Holdings, inner: str, edge: str, *, reshape: bool) -> Gateway:
        there = held.gateway
        if there is not None and not reshape:
            started = self._start(held, there, inner, None)
            if started is not None:
                return started
        image = gateway_image(self._spec, self._options)
        certificate = read_certificate(self._spec)
        mark = certificate.mark if certificate is not None else self._known_certificate(there)
        for port in self._ports(held):
            place = GatewayPlace(edge, published_host(self._spec), port)
            body = gateway_body(self._spec, self._record.owner, place, image, mark)
            if there is not None and there.labels.get("shape") == shape_of(body):
                started = self._start(held, there, inner, certificate)
            else:
                started = self._make(held, there, body, inner, certificate)
                there = None
            if started is not None:
                return started
        raise TargetUnavailable("no port is free on the engine", where=self._name, hint="--set config.port=PORT")

    def _known_certificate(self, there: ContainerFact | None) -> str | None:
        """The mark of the one that is there, for whoever has not its files: they are where the person is.

        Raises:
            SpecError: There is none.
        """
        if self._spec.network.tls is None:
            return None
        known = there.labels.get("certificate") if there is not None else None
        if known:
            return known
        raise SpecError(
            f"{self._spec.network.tls.cert} or {self._spec.network.tls.key} is not on this host", where="network.tls",
            hint="run this where the certificate is",
        )  # fmt: skip

    def _ports(self, held: Holdings) -> Iterable[int]:
        """The port that is wished, or that it has; else the one that it had, and those that may be free."""
        wished = config_of(self._spec).port
        if wished is not None:
            return [wished]
        known = held.gateway.labels.get("port", "") if held.gateway is not None else ""
        if known.isdigit():
            return [int(known)]
        had = [each.labels.get("endpoint_port", "") for each in held.replicas]
        return [*{int(each) for each in had if each.isdigit()}, *free_ports(published_ports(self._api))]

    def _make(
        self,
        held: Holdings,
        there: ContainerFact | None,
        body: Mapping[str, Any],
        inner: str,
        certificate: Certificate | None,
    ) -> Gateway | None:
        """A new gateway in the place of the one that is there; None when its port is taken, and another may do."""
        name = object_name(self._name, "gateway")
        self._have_image(body["Image"])
        if there is not None:
            self._refuse_taken(there, body)
            self._held()
            remove_container(self._api, there.id)
        self._held()
        with told("make the gateway", name):
            try:
                made = self._api.create_container_from_config(dict(body), name)["Id"]
            except Exception as error:
                if status_of(error) == 409:
                    raise self._name_taken(name, error) from error
                raise
        return self._start(held, self._inspect(made), inner, certificate, new=True)

    def _refuse_taken(self, there: ContainerFact, body: Mapping[str, Any]) -> None:
        """Tell that the new port is taken before the gateway that is there goes.

        Raises:
            Conflict: It is taken.
        """
        labels = body["Labels"]
        port, host = labels[f"{PREFIX}port"], labels[f"{PREFIX}host"]
        if port == there.labels.get("port"):
            return
        if owner_of_port(self._api, int(port)) or (self._local and not is_free(host, int(port))):
            raise taken_error(self._api, int(port), self._name)

    def _name_taken(self, name: str, error: Exception) -> DeployerError:
        with told("look at the gateway", name):
            labels = self._api.inspect_container(name)["Config"].get("Labels")
        if read_marks(labels) is None:
            return Conflict(f"the engine has a container {name} that deployer did not make", where=name)
        return TargetUnavailable(f"another writer makes {name}: {error}", transient=True, where=name)

    def _inspect(self, container: str) -> ContainerFact:
        with told("look at the gateway", container[:12]):
            return container_fact(self._api.inspect_container(container))

    def _start(
        self, held: Holdings, fact: ContainerFact, inner: str, certificate: Certificate | None, *, new: bool = False
    ) -> Gateway | None:
        gateway = gateway_of(self._api, fact)
        if fact.status == "running":
            return gateway
        self._join(fact, inner)
        if certificate is not None:
            gateway.put_certificate(certificate.pem)
        if gateway.report(running=False).wished is None:
            self._held()
            gateway.write(self._rebuilt(held), running=False)
        self._held()
        with told("start the gateway", fact.name):
            try:
                self._api.start(fact.id)
            except Exception as error:
                if status_of(error) is not None and any(each in str(error) for each in _TAKEN):
                    self._taken(fact, error, new=new)
                    return None
                raise
        self._await(gateway, fact)
        return gateway

    def _join(self, fact: ContainerFact, inner: str) -> None:
        self._held()
        with told("join the gateway to its network", fact.name):
            try:
                self._api.connect_container_to_network(fact.id, inner)
            except Exception as error:
                if "already exists" not in str(error) and "already attached" not in str(error):
                    raise

    def _rebuilt(self, held: Holdings) -> Routing:
        """What a gateway is to do whose own wish is lost: what runs is told by the marks, the shares by the Record."""
        routing = Routing()
        for revision in dict.fromkeys(each.revision for each in held.replicas if not each.condemned):
            live = [each for each in held.replicas if each.revision == revision and not each.condemned]
            routing = with_pool(routing, revision, [each.address for each in live if each.address], live[0].asked)
        known = {pool.revision for pool in routing.pools}
        wished = self._record.traffic
        return with_traffic(routing, wished) if wished and known >= set(wished.served) else routing

    def _taken(self, fact: ContainerFact, error: Exception, *, new: bool) -> None:
        """Make room for another port, or say whose it is."""
        if new:
            remove_container(self._api, fact.id)
        if not new or config_of(self._spec).port is not None:
            raise taken_error(self._api, int(fact.labels["port"]), self._name) from error

    def _await(self, gateway: Gateway, fact: ContainerFact) -> None:
        """Until it answers; not for long."""
        until = time.monotonic() + STARTING
        while (report := gateway.report(running=True)).loaded is None:
            if time.monotonic() > until:
                raise TargetUnavailable(
                    f"the gateway does not start: {report.trouble}", transient=True, where=fact.name
                )
            time.sleep(0.05)

    def _have_image(self, reference: str) -> None:
        with told("look for the gateway's image", reference):
            try:
                self._api.inspect_image(reference)
            except Exception as error:
                if not is_missing(error):
                    raise
            else:
                return
        try:
            with told("pull the gateway's image", reference):
                for _ in self._api.pull(reference, stream=True, decode=True):
                    pass
                self._api.inspect_image(reference)
        except DeployerError as error:
            raise NotFound(
                f"the engine does not have the gateway's image {reference}, and cannot pull it: {error.message}",
                where=reference,
                hint="load one with HAProxy 2.6 or newer (docker load), and name it: --set config.gateway_image=NAME",
            ) from error
