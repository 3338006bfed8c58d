"""From a spec and a release to what the engine is asked for. Pure.

The bodies are those of the Docker Engine API, ``POST /containers/create``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.gateway import GatewaySettings, run_command
from deployer.spec import DeploymentSpec
from deployer.target.container import (
    KEYS_FOLDER,
    SECRETS_FOLDER,
    USER,
    WEIGHTS_FOLDER,
    asked_of,
    auth_of,
    server_environment,
    write_paths,
)
from deployer.target.reading import read_config, secret_numbers
from deployer.value import JSON, digest
from deployer_docker.config import DockerConfig, DockerOptions
from deployer_docker.marks import PREFIX, Marks, Role, object_name
from deployer_docker.refusing import LOOPBACK

__all__ = [
    "CERTIFICATE",
    "CURRENT",
    "GATEWAY_FOLDER",
    "GATEWAY_PORT",
    "SOCKETS",
    "GatewayPlace",
    "NetworkWish",
    "Place",
    "config_of",
    "count_of",
    "courier_body",
    "gateway_body",
    "gateway_image",
    "given_volume",
    "joined",
    "network_body",
    "published_host",
    "replica_body",
    "settings_for",
    "shape_of",
    "weights_volume",
]

GATEWAY_PORT = 8080
GATEWAY_FOLDER = "/etc/deployer"
CURRENT = f"{GATEWAY_FOLDER}/current"
SOCKETS = "/run/deployer"
CERTIFICATE = f"{GATEWAY_FOLDER}/tls.pem"
_LIMITS = (90, 300, 900, 3700)
"""What the gateway waits for an answer, so that few changes of the server's own limit are a new gateway."""
_GATEWAY_MEMORY = 256 * 2**20
_GATEWAY_PIDS = 64
_LOG: dict[str, JSON] = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
_SHUT: dict[str, JSON] = {
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "RestartPolicy": {"Name": "always"},
    "LogConfig": _LOG,
    "Privileged": False,
}
"""What every container of ours has.

Not ``unless-stopped``: an engine that was killed stops at its next start what still runs, notes that as somebody's own
wish, and lets it lie (moby's ``killWithSignal``; measured with 20.10). What is not to be started again has ``no``.
"""


def config_of(spec: DeploymentSpec) -> DockerConfig:
    """The spec's ``config``, read.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    return read_config(spec, DockerConfig, "docker")


def count_of(spec: DeploymentSpec) -> int:
    """How many replicas.

    Raises:
        SpecError: It is a range.
    """
    if not isinstance(spec.replicas, int):
        raise SpecError("docker has no autoscaler", where="replicas", hint="give a count, such as replicas: 2")
    return spec.replicas


def settings_for(timeout: float, certificate: str | None) -> GatewaySettings:
    """How a gateway runs in its container.

    Args:
        timeout: The server's own limit for a prediction, seconds.
        certificate: Path of the PEM file with certificate and key, or None.
    """
    server = next(limit for limit in _LIMITS if limit >= timeout + 15 or limit == _LIMITS[-1])
    return GatewaySettings(
        port=GATEWAY_PORT, folder=CURRENT, admin=f"{SOCKETS}/admin.sock", mirror=f"{SOCKETS}/mirror.sock",
        certificate=certificate, server=server,
    )  # fmt: skip


def published_host(spec: DeploymentSpec) -> str:
    """The engine's address that the endpoint's port is published on."""
    return "127.0.0.1" if spec.network.expose in LOOPBACK else spec.network.expose


def given_volume(endpoint: str, revision: str) -> str:
    """The volume with the secrets that one revision takes."""
    return object_name(endpoint, f"secrets.{revision}")


def weights_volume(model: str) -> str:
    """The volume with the model of that digest; no endpoint's name has a dot."""
    return f"deployer.weights.{model[:16]}"


@dataclass(frozen=True)
class Place:
    """Where one replica is put.

    Attributes:
        name: Its container's name.
        number: From 1.
        network: Id of the endpoint's inner network.
        address: Its own there.
        edge: Id of the network with a way out, for those that may have one.
        port: The endpoint's, so that it is known after its gateway was removed by hand.
        user: Whom its image names, for a ready one; root is nobody that anything runs as.
    """

    name: str
    number: int
    network: str
    address: str
    edge: str | None = None
    port: str = ""
    user: str = ""

    @property
    def runs_as(self) -> str | None:
        """None: as its image has it."""
        return f"{USER}:{USER}" if self.user.partition(":")[0] in ("", "0", "root") else None


def replica_body(spec: DeploymentSpec, release: Release, owner: str, place: Place) -> dict[str, JSON]:
    """One replica of a revision."""
    if release.image is None:
        raise SpecError(f"{release.revision} has no image", where=spec.name, hint="run the same command again")
    config, secrets = config_of(spec), secret_numbers(release)
    marks = Marks(owner, spec.name, Role.REPLICA, release.revision)
    labels = marks.labels(
        digest=release.digest, model=release.model.resolved, number=str(place.number), address=place.address,
        drain=f"{config.drain:g}", auth=auth_of(spec), endpoint_port=place.port,
    )  # fmt: skip
    if told := write_paths(asked_of(spec, config)):
        labels[f"{PREFIX}routes"] = told
    mounts = [_volume(given_volume(spec.name, release.revision), SECRETS_FOLDER, read_only=True)] if secrets else []
    if spec.image.weights == "mount":
        mounts.append(_volume(weights_volume(release.model.digest), WEIGHTS_FOLDER, read_only=True))
    if spec.auth.api_keys:
        mounts.append(_volume(object_name(spec.name, "keys"), KEYS_FOLDER, read_only=True))
    host: dict[str, JSON] = {
        **_SHUT,
        "ReadonlyRootfs": config.read_only,
        **_limits(spec, config),
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={config.tmp},mode=1777"},  # noqa: S108 - the container's own
        "Mounts": mounts,
        "NetworkMode": place.edge or place.network,
    }
    if place.edge is None:
        host |= {"Dns": ["127.0.0.1"], "DnsOptions": ["timeout:1", "attempts:1"]}  # names would be a way out
    own: dict[str, JSON] = {"User": place.runs_as} if place.runs_as is not None else {}
    if config.command is not None:
        own["Cmd"] = [*config.command]
    return {
        **own,
        "Image": release.image.reference,
        "Env": [f"{name}={value}" for name, value in server_environment(spec, release, config).items()],
        "Labels": labels,
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {} if place.edge else joined(place)},
    }


def joined(place: Place) -> dict[str, JSON]:
    """How a replica is in the endpoint's inner network."""
    return {place.network: {"IPAMConfig": {"IPv4Address": place.address}}}


def _limits(spec: DeploymentSpec, config: DockerConfig) -> dict[str, JSON]:
    found: dict[str, JSON] = {"PidsLimit": config.pids}
    resources = spec.resources
    if resources.memory is not None:
        found |= {"Memory": resources.memory, "MemorySwap": resources.memory}
    if resources.cpu is not None:
        found["NanoCpus"] = round(resources.cpu * 1e9)
    if resources.gpu:
        found["DeviceRequests"] = [{"Driver": "", "Count": resources.gpu, "Capabilities": [["gpu"]]}]
    return found


def _volume(name: str, target: str, *, read_only: bool) -> dict[str, JSON]:
    return {
        "Type": "volume",
        "Source": name,
        "Target": target,
        "ReadOnly": read_only,
        "VolumeOptions": {"NoCopy": True},
    }


@dataclass(frozen=True)
class GatewayPlace:
    """Where a gateway is put: the network that it is published on, and the engine's address and port."""

    edge: str
    host: str
    port: int


def gateway_body(
    spec: DeploymentSpec, owner: str, place: GatewayPlace, image: str, certificate: str | None = None
) -> dict[str, JSON]:
    """The endpoint's gateway, which is started after it has joined the inner network too.

    Args:
        spec: The wish.
        owner: Whose it is.
        place: Where.
        image: The reference that the wish names; what it means is the engine's affair.
        certificate: What tells one certificate from another, or None for plain HTTP.
    """
    settings = settings_for(config_of(spec).timeout, None if certificate is None else CERTIFICATE)
    port, command = f"{GATEWAY_PORT}/tcp", run_command(settings)
    body: dict[str, JSON] = {
        "Image": image,
        "User": f"{USER}:{USER}",
        "Entrypoint": command[:1],
        "Cmd": command[1:],
        "StopSignal": "SIGUSR1",
        "Healthcheck": {"Test": ["NONE"]},
        "ExposedPorts": {port: {}},
        "HostConfig": {
            **_SHUT,
            "Memory": _GATEWAY_MEMORY,
            "MemorySwap": _GATEWAY_MEMORY,
            "PidsLimit": _GATEWAY_PIDS,
            "Tmpfs": {SOCKETS: f"rw,nosuid,nodev,noexec,size=1m,uid={USER},gid={USER},mode=0700"},
            "Mounts": [_volume(object_name(spec.name, "gateway"), GATEWAY_FOLDER, read_only=False)],
            "NetworkMode": place.edge,
            "PortBindings": {port: [{"HostIp": place.host, "HostPort": str(place.port)}]},
        },
    }
    shape = digest([body, asdict(settings), certificate])[:16]
    labels = Marks(owner, spec.name, Role.GATEWAY).labels(
        shape=shape, port=str(place.port), host=place.host, image=image,
        timeout=f"{config_of(spec).timeout:g}", tls=CERTIFICATE if certificate is not None else "",
        certificate=certificate or "",
    )  # fmt: skip
    return {**body, "Labels": labels}


def shape_of(body: Mapping[str, JSON]) -> str:
    """What a gateway is compared by: another one is another container."""
    return str(body["Labels"][f"{PREFIX}shape"])


def courier_body(endpoint: str, owner: str, image: str, volumes: Mapping[str, str]) -> dict[str, JSON]:
    """A container that is never started: files go through it into volumes.

    Args:
        endpoint: Whose.
        owner: Its owner.
        image: Any that the engine has.
        volumes: Folder in the container -> volume.
    """
    return {
        "Image": image,
        "Entrypoint": ["/none"],
        "Labels": Marks(owner, endpoint, Role.COURIER).labels(),
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [_volume(name, target, read_only=False) for target, name in volumes.items()],
            "RestartPolicy": {"Name": "no"},
        },
    }


@dataclass(frozen=True)
class NetworkWish:
    """One of an endpoint's two networks."""

    name: str
    role: Role
    subnet: str

    @property
    def options(self) -> dict[str, str]:
        """The bridge's. Without an address of the engine's host in it, a model reaches nothing that listens there."""
        return {"com.docker.network.bridge.inhibit_ipv4": "true"} if self.role is Role.NETWORK else {}


def network_body(wish: NetworkWish, labels: Mapping[str, str]) -> dict[str, JSON]:
    """``POST /networks/create``."""
    return {
        "Name": wish.name,
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Internal": wish.role is Role.NETWORK,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": wish.subnet}]},
        "Options": wish.options,
        "Labels": dict(labels),
    }


def gateway_image(spec: DeploymentSpec, options: DockerOptions) -> str:
    """The reference of the gateway's image."""
    return config_of(spec).gateway_image or options.gateway_image
