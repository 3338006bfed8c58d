"""Takes over a container that somebody started by hand: it runs on, behind a gateway of ours.

A container's labels cannot be changed, so a volume's labels say what it is (as the Record's do): its id, its revision,
its address in the endpoint's network, which it is joined to while it runs. The port that it publishes itself stays its
own until it goes; the endpoint gets another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployer.endpoint import Claim, ImageRef, Record
from deployer.errors import Conflict
from deployer.gateway import Routing, with_traffic
from deployer.spec import DeploymentSpec
from deployer.target import Adoption, holds_secret, told_variables
from deployer.target.container import asked_of, write_paths
from deployer.value import JSON
from deployer_docker.addresses import free_address
from deployer_docker.artifacts import remove_volume
from deployer_docker.client import is_missing, told
from deployer_docker.config import DockerOptions
from deployer_docker.estate import Estate
from deployer_docker.leading import Led, rewrite
from deployer_docker.marks import PREFIX, Marks, Role, image_tag, object_name, read_marks
from deployer_docker.networks import subnet_of
from deployer_docker.record import Records
from deployer_docker.requests import config_of
from deployer_docker.survey import Holdings, adopted_volumes, holdings
from deployer_docker.wish import with_pool

__all__ = ["Taking", "adopt", "told_of"]

_SHARED = ("host", "none", "container")
"""Network modes under which a container cannot join a network of ours."""
_MLFLOW = {"port": 8080, "ready": "/ping", "invocations": "/invocations"}
"""Where the images of ``mlflow models build-docker`` are asked (MLflow, ``mlflow/models/container``)."""


# Looking.


def told_of(api: Any, endpoint: str) -> Adoption | None:
    """The container of that name, if it carries no marks; None when there is none.

    Raises:
        Conflict: It cannot be taken over while it runs.
    """
    found = _container(api, endpoint)
    if found is None or read_marks(found["Config"].get("Labels")) is not None or _is_adopted(api, endpoint, found):
        return None
    _refuse_unjoinable(endpoint, found)
    image = _image(api, found["Image"])
    config, own = found["Config"], image.get("Config") or {}
    variables, hidden = told_variables(_beyond(config.get("Env"), own.get("Env")))
    spec: dict[str, JSON] = {"image": {"use": _reference(api, found, image)}, "config": _config(found, own)}
    if variables:
        spec["env"] = variables
    if resources := _resources(found["HostConfig"]):
        spec["resources"] = resources
    if _leads_out(api, found):
        spec["network"] = {"egress": "internet"}
    untold = {f"env.{name}": "its value looks secret" for name in hidden} | _untold(found, own)
    return Adoption(
        identity=found["Id"], what=f"container {endpoint} ({config.get('Image') or found['Image'][:19]})", spec=spec,
        untold=untold, image=ImageRef(id=found["Image"], reference=found["Image"]),
    )  # fmt: skip


def _container(api: Any, name: str) -> Mapping[str, Any] | None:
    with told("look at a container", name):
        try:
            found: Mapping[str, Any] = api.inspect_container(name)
        except Exception as error:
            if is_missing(error):
                return None
            raise
    return found if found["Name"] == f"/{name}" else None  # it may have been the beginning of an id


def _image(api: Any, image: str) -> Mapping[str, Any]:
    with told("look at an image", image):
        try:
            found: Mapping[str, Any] = api.inspect_image(image)
        except Exception as error:
            if is_missing(error):
                return {}
            raise
    return found


def _is_adopted(api: Any, endpoint: str, found: Mapping[str, Any]) -> bool:
    held = holdings(api, endpoint)
    return any(each.id == found["Id"] for each in held.replicas)


def _leads_out(api: Any, found: Mapping[str, Any]) -> bool:
    """Whether one of its networks is not an inner one."""
    with told("look at a container's networks", found["Id"][:12]):
        names = [each["NetworkID"] or name for name, each in (found["NetworkSettings"].get("Networks") or {}).items()]
        return any(not api.inspect_network(each).get("Internal") for each in names)


def _refuse_unjoinable(endpoint: str, found: Mapping[str, Any]) -> None:
    host = found["HostConfig"]
    mode = str(host.get("NetworkMode", "")).partition(":")[0]
    if mode in _SHARED:
        raise Conflict(
            f"container {endpoint} was started with --network {mode}, so that it cannot join an endpoint's network",
            where=endpoint, hint=f"start it without, or create the endpoint anew: deployer create {endpoint}",
        )  # fmt: skip
    if host.get("AutoRemove"):
        raise Conflict(
            f"container {endpoint} was started with --rm, so that it would be gone if it ended once", where=endpoint,
            hint="start it without --rm, then it can be taken over",
        )  # fmt: skip


def _reference(api: Any, found: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    """How to name exactly the image that runs: as the person did, if that still means it."""
    named = str(found["Config"].get("Image") or "")
    if named and not named.startswith("sha256:") and _image(api, named).get("Id") == found["Image"]:
        return named
    digests = image.get("RepoDigests") or ()
    return str(digests[0]) if digests else f"docker-daemon:{found['Image']}"


def _beyond(given: list[str] | None, own: list[str] | None) -> dict[str, str]:
    """The variables that its image does not set to the same."""
    return dict(each.split("=", 1) for each in given or () if each not in (own or ()) and "=" in each)


def _config(found: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, JSON]:
    config, host = found["Config"], found["HostConfig"]
    result: dict[str, JSON] = {"read_only": bool(host.get("ReadonlyRootfs"))}
    if _is_mlflow(config):
        result["routes"] = {**_MLFLOW}
    if config.get("Cmd") and config["Cmd"] != own.get("Cmd") and not holds_secret(config["Cmd"]):
        result["command"] = [*config["Cmd"]]
    if (host.get("PidsLimit") or 0) >= 16:
        result["pids"] = host["PidsLimit"]
    return result


def _is_mlflow(config: Mapping[str, Any]) -> bool:
    started = " ".join((*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())))
    return "mlflow.models" in started and "container" in started


def _resources(host: Mapping[str, Any]) -> dict[str, JSON]:
    result: dict[str, JSON] = {}
    cores = (host.get("NanoCpus") or 0) / 1e9
    if not cores and host.get("CpuQuota"):
        cores = host["CpuQuota"] / (host.get("CpuPeriod") or 100_000)
    if cores > 0:
        result["cpu"] = cores
    if host.get("Memory"):
        result["memory"] = host["Memory"]
    gpus = sum(int(each.get("Count") or 0) for each in host.get("DeviceRequests") or ())
    if gpus > 0:
        result["gpu"] = gpus
    return result


def _untold(found: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
    """What a spec has no words for, or cannot be seen."""
    config, result = found["Config"], {}
    if not _is_mlflow(config):
        exposed = ", ".join(each.partition("/")[0] for each in sorted(config.get("ExposedPorts") or {}))
        result["config.routes"] = f"its paths cannot be seen{f'; its port may be {exposed}' if exposed else ''}"
    ports = ", ".join(map(str, sorted(_published(found))))
    if ports:
        result["config.port"] = f"it has {ports} itself, until its revision is retired; the endpoint gets another"
    if holds_secret(config.get("Cmd") or ()):
        result["config.command"] = "an argument looks secret; give the arguments that a new replica is to have"
    if config.get("Entrypoint") != own.get("Entrypoint"):
        result["entrypoint"] = "it was started with another than its image's, which a new replica has"
    if str(config.get("User") or "").partition(":")[0] in ("", "0", "root"):
        result["user"] = "it runs as root; a new replica does not"
    if any(int(each.get("Count") or 0) < 0 for each in found["HostConfig"].get("DeviceRequests") or ()):
        result["resources.gpu"] = "it has all that there are"
    mounted = ", ".join(str(each.get("Destination")) for each in found.get("Mounts") or ())
    if mounted:
        result["mounts"] = f"a new replica would not have {mounted}"
    return result


def _published(found: Mapping[str, Any]) -> set[int]:
    bindings = (found["HostConfig"].get("PortBindings") or {}).values()
    live = (found["NetworkSettings"].get("Ports") or {}).values()
    return {int(one["HostPort"]) for each in (*bindings, *live) for one in each or () if one.get("HostPort")}


# Taking over.


@dataclass(frozen=True)
class Taking:
    """What taking over is done with.

    Attributes:
        api: docker-py's low-level client.
        options: The target's.
        records: The Records there.
        held: Raises ClaimLost unless that claim holds.
        local: Whether the engine's ports are this host's.
    """

    api: Any
    options: DockerOptions
    records: Records
    held: Callable[[Claim], object]
    local: bool


def adopt(record: Record, expected: str | None, identity: str | None, taking: Taking) -> tuple[str, Led | None]:
    """As `deployer.target.Adoptable.adopt`: the Record's new version, and how far the gateway was led."""
    name = record.endpoint
    found = _container(taking.api, name) if identity is not None else None
    if identity is not None:
        if found is None or found["Id"] != identity:
            raise Conflict(f"{name} is something else by now", where=name, hint=f"deployer import {name}")
        _refuse_unjoinable(name, found)
        _refuse_its_port(DeploymentSpec(**record.spec), found)
    version = taking.records.write(record, expected)
    if found is None or record.claim is None:
        return version, None
    return version, _Joining(taking, record, found, partial(taking.held, record.claim)).done()


def _refuse_its_port(spec: DeploymentSpec, found: Mapping[str, Any]) -> None:
    port = config_of(spec).port
    if port in _published(found):
        raise Conflict(
            f"port {port} is the container's own until its revision is retired, so the endpoint cannot have it yet",
            where=spec.name, hint="leave config.port out, and give it when the container is gone",
        )  # fmt: skip


class _Joining:
    """Marks a container, joins it to the endpoint's network, and has the gateway send it what comes."""

    def __init__(self, taking: Taking, record: Record, found: Mapping[str, Any], check: Callable[[], object]) -> None:
        self._api = taking.api
        self._record = record
        self._release = record.releases[record.traffic.served[0]]
        self._spec = DeploymentSpec(**record.spec)
        self._asked = asked_of(self._spec, config_of(self._spec))
        self._found = found
        self._check = check
        self._estate = Estate(taking.api, taking.options, self._spec, record, check, local=taking.local)

    def done(self) -> Led:
        """Do what is left of it; nothing is restarted."""
        inner = self._estate.ensure_inner()
        address = self._mark(inner)[f"{PREFIX}address"]
        self._check()
        with told("take a container over", self._record.endpoint):
            repository, tag = image_tag(self._record.endpoint, self._release.revision)
            self._api.tag(self._found["Image"], repository, tag, force=True)
            if inner not in {each.get("NetworkID") for each in self._found["NetworkSettings"]["Networks"].values()}:
                self._connect(inner, address)
            if (self._found["HostConfig"].get("RestartPolicy") or {}).get("Name") in ("no", ""):
                self._api.update_container(self._found["Id"], restart_policy={"Name": "always"})
        _, gateway = self._estate.ensure()
        report = gateway.report(running=True)
        routing = with_pool(report.wished or Routing(), self._release.revision, [address], self._asked)
        return rewrite(gateway, report, with_traffic(routing, self._record.traffic), self._check)

    def _connect(self, network: str, address: str) -> None:
        try:
            self._api.connect_container_to_network(self._found["Id"], network, ipv4_address=address)
        except Exception as error:
            if "already exists" not in str(error) and "already attached" not in str(error):
                raise

    def _mark(self, network: str) -> Mapping[str, str]:
        """The labels that stand for it; those of a writer who was killed half-way are kept."""
        held, address = holdings(self._api, self._record.endpoint), None
        for each in adopted_volumes(held.volumes):
            known: Mapping[str, str] = each["Labels"]
            if known[f"{PREFIX}container"] != self._found["Id"]:
                continue
            if known[f"{PREFIX}revision"] == self._release.revision:
                return known
            address = known[f"{PREFIX}address"]  # where it is by now; it was to be another revision
            self._check()
            remove_volume(self._api, each["Name"])
        address = address or free_address(subnet_of(held, network), {each.address for each in held.replicas})
        return self._marked(address, _free_number(held, self._release.revision))

    def _marked(self, address: str, number: int) -> Mapping[str, str]:
        name = object_name(self._record.endpoint, f"adopted.{self._found['Id'][:12]}")
        labels = Marks(self._record.owner, self._record.endpoint, Role.ADOPTED, self._release.revision).labels(
            container=self._found["Id"], number=str(number), address=address, auth="none",
            digest=self._release.digest, model=self._release.model.resolved,
            drain=f"{config_of(self._spec).drain:g}", routes=write_paths(self._asked),
        )  # fmt: skip
        self._check()
        with told("mark a container", self._record.endpoint):
            made = self._api.create_volume(name, driver="local", labels=labels)
        known: Mapping[str, str] = made.get("Labels") or {}
        if known.get(f"{PREFIX}container") != self._found["Id"]:
            raise Conflict(f"the engine has a volume {name} that deployer did not make", where=name)
        return known


def _free_number(held: Holdings, revision: str) -> int:
    taken = {each.number for each in held.replicas if each.revision == revision}
    return next(each for each in range(1, 10_000) if each not in taken)
