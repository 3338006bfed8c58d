"""Subnets, addresses and ports that nobody has yet. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection, Iterable, Iterator

from deployer.errors import TargetUnavailable

__all__ = ["FIRST_PORT", "edge_subnets", "free_address", "free_ports", "inner_subnets"]

FIRST_PORT = 8321
_LAST_PORT = 9999
_INNER, _EDGE = 24, 28
_RESERVED = 10
"""Addresses at the beginning of a network that no replica gets: the engine's own and the gateway's."""

Network = ipaddress.IPv4Network


def inner_subnets(pool: str, endpoint: str, taken: Iterable[str]) -> Iterator[str]:
    """Networks of 256 addresses from the pool's lower half that overlap nothing; where it begins, the name decides."""
    lower = next(Network(pool).subnets())
    return _free([*lower.subnets(new_prefix=_INNER)], endpoint, taken)


def edge_subnets(pool: str, endpoint: str, taken: Iterable[str]) -> Iterator[str]:
    """Networks of 16 addresses from the pool's upper half that overlap nothing."""
    upper = [*Network(pool).subnets()][1]
    return _free([*upper.subnets(new_prefix=_EDGE)], endpoint, taken)


def _free(candidates: list[Network], endpoint: str, taken: Iterable[str]) -> Iterator[str]:
    known = [ipaddress.ip_network(each, strict=False) for each in taken]
    used = [each for each in known if isinstance(each, Network)]
    start = int.from_bytes(hashlib.sha256(endpoint.encode()).digest()[:4]) % len(candidates)
    for candidate in (*candidates[start:], *candidates[:start]):
        if not any(candidate.overlaps(each) for each in used):
            yield str(candidate)


def free_address(subnet: str, taken: Collection[str]) -> str:
    """The lowest address of a network that no replica has.

    Raises:
        TargetUnavailable: There is none.
    """
    for number, address in enumerate(Network(subnet).hosts(), start=1):
        if number > _RESERVED and str(address) not in taken:
            return str(address)
    raise TargetUnavailable(f"no address is left in {subnet}", hint="deployer gc, or fewer replicas")


def free_ports(taken: Collection[int]) -> Iterator[int]:
    """Ports from 8321 up that no container of the engine publishes."""
    return (port for port in range(FIRST_PORT, _LAST_PORT + 1) if port not in taken)
