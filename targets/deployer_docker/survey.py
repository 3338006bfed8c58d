"""Looking at one endpoint: gathers the facts that `observe` and `diagnose` judge. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer_docker.client import is_missing, told, unless_gone
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.gateway import Gateway, Report
from deployer_docker.marks import PREFIX, Role, belongs_by_name, filters, read_marks
from deployer_docker.observe import is_ready
from deployer_docker.record import Records, read_version
from deployer_docker.requests import settings_for

__all__ = [
    "Holdings",
    "adopted_volumes",
    "container_fact",
    "foreign_to",
    "gateway_of",
    "holdings",
    "last_lines",
    "survey",
    "unless_gone",
    "when",
]

LAST_LINES = 400
READY = '"event": "ready"'
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


def when(text: str | None) -> float | None:
    """The engine's time stamps, of which year 1 means never, as seconds since the epoch."""
    match = _MOMENT.fullmatch(text or "")
    if match is None or match[1].startswith("0001"):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.fromisoformat(f"{match[1]}.{(match[2] or '0')[:6].ljust(6, '0')}{zone}").timestamp()


def container_fact(found: Mapping[str, Any], marked: Mapping[str, str] | None = None) -> ContainerFact:
    """What the engine's inspection of a container tells.

    Args:
        found: The inspection.
        marked: What its labels would be, were it ours; None for one that is.
    """
    state, config, host = found["State"], found["Config"], found["HostConfig"]
    labels = {key.removeprefix(PREFIX): value for key, value in (marked or config.get("Labels") or {}).items()}
    number = labels.get("number", "")
    return ContainerFact(
        id=found["Id"],
        name=found["Name"].lstrip("/"),
        status=state.get("Status", ""),
        created=when(found.get("Created")) or 0.0,
        revision=labels.get("revision", ""),
        number=int(number) if number.isdigit() else 0,
        address=labels.get("address", ""),
        condemned=(host.get("RestartPolicy") or {}).get("Name") in ("no", ""),
        started=when(state.get("StartedAt")),
        finished=when(state.get("FinishedAt")),
        exit_code=int(state.get("ExitCode") or 0),
        oom=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        restarts=int(found.get("RestartCount") or 0),
        pid=int(state.get("Pid") or 0),
        image=found.get("Image", ""),
        owner=labels.get("owner", ""),
        placed=marked is not None or _is_at(found, labels.get("address", "")),
        labels=labels,
    )


def _is_at(found: Mapping[str, Any], address: str) -> bool:
    """Whether a container has an address, or is bound to get it."""
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    known = [{each.get("IPAddress"), (each.get("IPAMConfig") or {}).get("IPv4Address")} for each in networks.values()]
    return not address or any(address in each for each in known)


@dataclass(frozen=True)
class Holdings:
    """Every object that carries an endpoint's marks: containers by role, the rest as listed."""

    replicas: tuple[ContainerFact, ...] = ()
    gateways: tuple[ContainerFact, ...] = ()
    couriers: tuple[ContainerFact, ...] = ()
    networks: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return bool(self.replicas or self.gateways or self.networks or self.volumes or self.couriers)

    @property
    def gateway(self) -> ContainerFact | None:
        """The one that counts: the oldest."""
        return min(self.gateways, key=lambda each: (each.created, each.id), default=None)

    def owner(self) -> str | None:
        """Whose they are."""
        for each in (*self.gateways, *self.replicas, *self.couriers):
            return each.owner
        for thing in (*self.volumes, *self.networks):
            marks = read_marks(thing.get("Labels"))
            if marks is not None:
                return marks.owner
        return None


def holdings(api: Any, endpoint: str) -> Holdings:
    """Look at everything that carries an endpoint's marks."""
    with told("look at its containers", endpoint):
        listed = api.containers(all=True, filters=filters(endpoint))
        networks = api.networks(filters=filters(endpoint))
        volumes = api.volumes(filters=filters(endpoint))["Volumes"] or []
        found: dict[Role, list[ContainerFact]] = {}
        for each in listed:
            marks = read_marks(each.get("Labels"))
            with unless_gone():
                if marks is not None:
                    found.setdefault(marks.role, []).append(container_fact(api.inspect_container(each["Id"])))
        for volume in adopted_volumes(volumes):
            marked = volume["Labels"]
            with unless_gone():
                inspected = api.inspect_container(marked[f"{PREFIX}container"])
                found.setdefault(Role.REPLICA, []).append(container_fact(inspected, marked))
    return Holdings(
        tuple(found.get(Role.REPLICA, ())),
        tuple(found.get(Role.GATEWAY, ())),
        tuple(found.get(Role.COURIER, ())),
        tuple(networks),
        tuple(volumes),
    )


def adopted_volumes(volumes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that stand for containers which somebody else made."""
    found = ((read_marks(each.get("Labels")), each) for each in volumes)
    return [each for marks, each in found if marks is not None and marks.role is Role.ADOPTED]


def gateway_of(api: Any, fact: ContainerFact) -> Gateway:
    """The gateway in a container, whose labels tell how it runs."""
    timeout = float(fact.labels.get("timeout") or 60.0)
    return Gateway(api, fact.id, settings_for(timeout, fact.labels.get("tls") or None))


def survey(api: Any, records: Records, endpoint: str, target: str) -> Facts:
    """All that can be told of an endpoint at this moment.

    Args:
        api: docker-py's low-level client.
        records: The Records there.
        endpoint: Which.
        target: The target's name.
    """
    held = holdings(api, endpoint)
    if not held.any:
        return Facts(name=endpoint, target=target, there=False, foreign=foreign_to(api, endpoint))
    if not (held.replicas or held.gateways) and (foreign := _half_adopted(api, endpoint)):
        return Facts(name=endpoint, target=target, there=False, foreign=foreign)
    record, trouble = _record(records, endpoint)
    report = _report(api, held.gateway)
    facts = Facts(
        name=endpoint,
        target=target,
        owner=record.owner if record else held.owner(),
        record=record,
        record_trouble=trouble,
        replicas=held.replicas,
        gateway=held.gateway,
        wished=report.wished,
        loaded=report.loaded,
        gateway_trouble=report.trouble,
    )
    return replace(facts, replicas=tuple(_with_past(api, facts, each) for each in facts.replicas))


def _report(api: Any, fact: ContainerFact | None) -> Report:
    if fact is None:
        return Report(trouble="its gateway is gone")
    try:
        return gateway_of(api, fact).report(running=fact.status == "running")
    except TargetUnavailable as error:
        if is_missing(error.__cause__ or error) or "is not running" in error.message:
            return Report(trouble="its gateway does not run")  # it ended after it was listed
        raise


def _record(records: Records, endpoint: str) -> tuple[Record | None, str]:
    current = records.look(endpoint).current
    if current is None:
        return None, ""
    try:
        record = read_version(current)
    except TargetUnavailable as error:
        return None, error.message
    return record, "" if record is not None else "its record cannot be read; apply writes it anew"


def _with_past(api: Any, facts: Facts, container: ContainerFact) -> ContainerFact:
    """Whether one that is not well ever was; only its log tells."""
    if container.condemned or not container.failing or is_ready(facts, container):
        return container
    return replace(container, was_ready=any(READY in line for line in last_lines(api, container.id)))


def last_lines(api: Any, container: str, lines: int = LAST_LINES) -> list[str]:
    """The last lines of a container's log; none when it is gone."""
    with told("read the log", container[:12]), unless_gone():
        data: bytes = api.logs(container, stdout=True, stderr=True, tail=lines)
        return data.decode("utf-8", "replace").splitlines()
    return []


def _half_adopted(api: Any, endpoint: str) -> str:
    """A container of the endpoint's name that is not ours, beside a Record: whoever adopted it was killed."""
    with told("look for a container of its name", endpoint):
        for each in api.containers(all=True, filters={"name": [f"^/?{re.escape(endpoint)}$"]}):
            if read_marks(each.get("Labels")) is None:
                return f"there is a container {endpoint}"
    return ""


def foreign_to(api: Any, endpoint: str) -> str:
    """What lies under an endpoint's name and is not ours, in a phrase; "" when there is nothing."""
    pattern = f"^/?{re.escape(endpoint)}(--|$)"
    with told("look for what has its name", endpoint):
        for each in api.containers(all=True, filters={"name": [pattern]}):
            for name in each.get("Names") or ():
                if belongs_by_name(name.lstrip("/"), endpoint) and read_marks(each.get("Labels")) is None:
                    return f"there is a container {name.lstrip('/')}"
        for what, found in (
            ("network", api.networks(filters={"name": [pattern]})),
            ("volume", api.volumes(filters={"name": [endpoint]})["Volumes"] or []),
        ):
            for each in found:
                if belongs_by_name(each["Name"], endpoint) and read_marks(each.get("Labels")) is None:
                    return f"there is a {what} {each['Name']}"
    return ""
