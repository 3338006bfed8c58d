"""The gateway's files, from the templates in ``manifests/gateway``. Pure, but for reading these."""

from __future__ import annotations

import re

from deployer.errors import SpecError
from deployer.gateway.routes import Routes, slot_name
from deployer.gateway.values import GatewaySettings, Pool, Routing
from deployer.manifests import read_manifest

__all__ = ["check_command", "check_room", "files", "render", "run_command"]

PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")
_KEPT_CONNECTIONS = "    option http-keep-alive\n    http-reuse safe\n"
_NEW_CONNECTIONS = "    option http-server-close\n"
_GOODBYE = "    http-after-response set-header Connection close if { stopping }\n"
_PROBE = """
# Whether it runs, for whoever asks that and nothing else.
frontend probe
    bind {}
    http-request return status 200 unless {{ stopping }}
    http-request return status 503
"""
NOWHERE = "127.0.0.1:9"
"""Where a free slot points to; it is in maintenance, and never asked."""


def files(settings: GatewaySettings, routing: Routing) -> dict[str, bytes]:
    """Path -> content of all that a gateway starts with; it comes up with exactly this state.

    Raises:
        SpecError: There are more revisions or members than the gateway has slots.
    """
    entries = Routes.of(routing).entries()
    return {
        settings.config_path: render(settings, routing).encode(),
        settings.map_path: "".join(f"{key} {value}\n" for key, value in entries.items()).encode(),
        settings.lua_path: read_manifest("gateway/mirror.lua").encode(),
    }


def render(settings: GatewaySettings, routing: Routing) -> str:
    """The configuration file; what it does not hold is in the map beside it (`files`).

    Raises:
        SpecError: There are more revisions or members than the gateway has slots.
    """
    check_room(settings, routing)
    slot = read_manifest("gateway/slot.cfg")
    pools: list[Pool | None] = [*routing.pools]
    pools += [None] * (settings.revisions - len(pools))
    shared = {
        "map": settings.map_path,
        "check_host": settings.check_host,
        "interval": str(round(settings.interval * 1000)),
        "fast": str(round(min(settings.interval, 0.2) * 1000)),
        "fall": "10" if settings.services else "2",
    }
    slots = [
        _filled(slot, {**shared, "slot": slot_name(number), "members": _members(settings, pool)})
        for number, pool in enumerate(pools)
    ]
    return _filled(
        read_manifest("gateway/haproxy.cfg"),
        {
            "map": settings.map_path,
            "lua": settings.lua_path,
            "admin": f"{settings.admin} mode 600" if settings.admin_port is None else f"ipv4@{settings.admin}",
            "mirror_socket": settings.mirror,
            "mirror": f"unix@{settings.mirror}",
            "mirror_connections": str(settings.copies + 16),
            "bind": _bind(settings),
            "body_limit": _body_limit(settings),
            "grace": f"    grace {settings.leave}s\n" if settings.leave else "",
            "goodbye": _GOODBYE if settings.leave else "",
            "probe": _PROBE.format(_place(settings, settings.probe)) if settings.probe is not None else "",
            "reuse": _NEW_CONNECTIONS if settings.services else _KEPT_CONNECTIONS,
            "retries": "6" if settings.services else "3",
            "fallbacks": _fallbacks(settings.revisions),
            "slots": "\n".join(slots),
            **{
                name: str(getattr(settings, name))
                for name in ("connections", "threads", "drain", "buffer", "connect", "check", "client", "server")
            },
            **{name: str(getattr(settings, name)) for name in ("head", "idle", "copies")},
        },
    )


def run_command(settings: GatewaySettings) -> list[str]:
    """What runs the gateway in the foreground: the access log on stdout, the replicas' ups and downs on stderr.

    SIGUSR1 lets requests end first, SIGTERM does not.
    """
    return ["haproxy", "-db", "-f", settings.config_path]


def check_command(settings: GatewaySettings) -> list[str]:
    """What ends with 0 if HAProxy takes the files; new ones are checked in a ``folder`` beside that of those in use."""
    return ["haproxy", "-c", "-f", settings.config_path]


def check_room(settings: GatewaySettings, routing: Routing) -> None:
    """Refuse what the gateway has no slots for.

    Raises:
        SpecError: There are more revisions or members than slots.
    """
    if len(routing.pools) > settings.revisions:
        message = f"the gateway has room for {settings.revisions} revisions, not for {len(routing.pools)}"
        raise SpecError(message, where="gateway", hint="let go of a revision first")
    for pool in routing.pools:
        if len(pool.members) > settings.members:
            message = f"the gateway has room for {settings.members} replicas of a revision, not for {len(pool.members)}"
            raise SpecError(message, where="replicas", hint="ask for fewer, or give the gateway more room")


def _members(settings: GatewaySettings, pool: Pool | None) -> str:
    used = [] if pool is None else list(pool.members)
    lines = [f"    server m{number} {member}" for number, member in enumerate(used)]
    if len(used) < settings.members:
        lines.append(f"    server-template m {len(used)}-{settings.members - 1} {NOWHERE} disabled")
    return "\n".join(lines)


def _bind(settings: GatewaySettings) -> str:
    tls = "" if settings.certificate is None else f" ssl crt {settings.certificate} alpn http/1.1"
    return f"{_place(settings, settings.port)}{tls}"


def _place(settings: GatewaySettings, port: int) -> str:
    address = f"[{settings.address}]" if ":" in settings.address else settings.address
    return f"{address}:{port}" + (" v4v6" if settings.address == "::" else "")


def _body_limit(settings: GatewaySettings) -> str:
    if settings.max_body is None:
        return ""
    body = '\'{"error_code": "PAYLOAD_TOO_LARGE", "message": "The request is larger than this endpoint takes."}\''
    answer = f"status 413 content-type application/json string {body}"
    return f"    http-request return {answer} if {{ req.body_size gt {settings.max_body} }}\n"


def _fallbacks(revisions: int) -> str:
    """One line for each revision that may have to stand in for those before it."""
    none_ready = "unless { var(txn.to),field(1,:),nbsrv gt 0 }"
    lines = [
        f"    http-request set-var(txn.to) var(txn.choice),field({n},|) {none_ready}" for n in range(2, revisions + 1)
    ]
    return "\n".join(lines)


def _filled(template: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found[1]], template)
