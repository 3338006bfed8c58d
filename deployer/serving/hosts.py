"""Which ``Host`` and ``Origin`` are let in over TCP: protection of a loopback port from web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["host_name", "origin_name", "refusal"]


def host_name(host: str) -> str:
    """The name in a ``Host`` header, lower case, without port, brackets and the root's dot; empty if it is not one."""
    host = host.strip().lower()
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        return name if closed and _is_port(rest) else ""
    name, _, port = host.partition(":")
    return name.rstrip(".") if _is_port(":" + port) else ""


def origin_name(origin: str) -> str:
    """The name in an ``Origin`` header, as :func:`host_name`; empty for ``null`` and what is not http or https."""
    scheme, separator, host = origin.strip().partition("://")
    return host_name(host) if separator and scheme.lower() in ("http", "https") else ""


def refusal(hosts: Collection[str], origins: Collection[str], trusted: Collection[str]) -> tuple[int, str] | None:
    """Why a request is not let in, as status and sentence, or None.

    A page whose name was re-bound to the loopback address sends its own name as ``Host``: 421, since this server does
    not answer for that name (RFC 9110, 15.5.20). A page of another site that posts here sends its ``Origin``: 403.
    A request without ``Host`` is 400, as RFC 9112, 3.2, has it.
    """
    if not hosts:
        return 400, "the request has no Host header"
    for host in hosts:
        if host_name(host) not in trusted:
            return 421, "this server does not answer for the host that the request names"
    for origin in origins:
        if origin_name(origin) not in trusted:
            return 403, "requests from pages of another site are refused"
    return None


def _is_port(text: str) -> bool:
    return text in ("", ":") or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit())
