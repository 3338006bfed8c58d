"""An endpoint's two networks: the inner one, which leads nowhere else, and the one that its port is published on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.errors import Conflict, TargetUnavailable
from deployer_docker.addresses import edge_subnets, inner_subnets
from deployer_docker.client import status_of, told
from deployer_docker.marks import Marks, Role, object_name, read_marks
from deployer_docker.requests import NetworkWish, network_body
from deployer_docker.survey import Holdings

__all__ = ["ensure_network", "network_of", "subnet_of"]

_OVERLAP = "overlaps with other one"


def network_of(held: Holdings, role: Role) -> str | None:
    """Id of an endpoint's network; the oldest, should two writers have made one at the same moment."""
    found = [
        each for each in held.networks if (marks := read_marks(each.get("Labels"))) is not None and marks.role is role
    ]
    first = min(found, key=lambda each: (each.get("Created", ""), each["Id"]), default=None)
    return str(first["Id"]) if first is not None else None


def subnet_of(held: Holdings, network: str) -> str:
    """The addresses of a network."""
    for each in held.networks:
        if each["Id"] == network:
            return str(each["IPAM"]["Config"][0]["Subnet"])
    raise TargetUnavailable(f"the network {network[:12]} is gone", transient=True)


def ensure_network(api: Any, marks: Marks, held: Holdings, pool: str, check: Callable[[], object]) -> str:
    """Id of one of an endpoint's networks, made if it is not there.

    Args:
        api: docker-py's low-level client.
        marks: Whose it is, and which.
        held: What the endpoint has.
        pool: What its addresses are cut from.
        check: Raises ClaimLost unless the claim holds.

    Raises:
        Conflict: One of that name is not ours.
        TargetUnavailable: No addresses are left.
    """
    found = network_of(held, marks.role)
    if found is not None:
        return found
    inner = marks.role is Role.NETWORK
    name = object_name(marks.endpoint, "net" if inner else "edge")
    with told("look at the engine's networks", marks.endpoint):
        others = api.networks()
    if any(each["Name"] == name for each in others):
        raise Conflict(f"the engine has a network {name} that deployer did not make", where=name)
    taken = [each["Subnet"] for other in others for each in (other.get("IPAM") or {}).get("Config") or ()]
    for subnet in (inner_subnets if inner else edge_subnets)(pool, marks.endpoint, taken):
        check()
        made = _make(api, network_body(NetworkWish(name, marks.role, subnet), marks.labels()))
        if made is not None:
            return made
    raise TargetUnavailable(
        f"no network is left in {pool}", where=name,
        hint="give the target another range: subnets = ... in deployer.toml",
    )  # fmt: skip


def _make(api: Any, body: dict[str, Any]) -> str | None:
    """Its id; None when another network has its addresses."""
    with told("make a network", body["Name"]):
        try:
            made = api.create_network(
                body["Name"], driver=body["Driver"], options=body["Options"], ipam=body["IPAM"],
                check_duplicate=body["CheckDuplicate"], internal=body["Internal"], labels=body["Labels"],
            )  # fmt: skip
        except Exception as error:
            if status_of(error) is not None and _OVERLAP in str(error):
                return None
            raise
    return str(made["Id"])
