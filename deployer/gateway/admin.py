"""The language of HAProxy's admin socket: commands put together, answers taken apart. Pure.

One connection takes one line, of commands with ``;`` between them, and is closed when all are answered. Each answer
ends with an empty line, and holds none itself (management.txt of HAProxy 2.6, 9.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from deployer.errors import SpecError
from deployer.gateway.values import GatewaySettings, Member

__all__ = ["add_server", "complaints", "exchanges", "new_certificate", "replace_map", "set_state", "split_answers"]

LONGEST_LINE = 12_000
"""Characters of a line; HAProxy takes as much as its buffer holds, which has 16 KiB at least."""

PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n(?:[A-Za-z0-9+/=]+\n)+-----END \1-----")

AS_WISHED = (
    "New version created:",
    "no need to change",
    "nothing changed",
    "IP changed from",
    "port changed from",
    "Transaction created for certificate",
)
"""How an answer begins that is no complaint; beside these, a command that does what it says answers nothing."""


def exchanges(commands: Sequence[str], longest: int = LONGEST_LINE) -> list[str]:
    """The lines to send, each by a connection of its own and one after the other; without a line end."""
    lines: list[str] = []
    for command in commands:
        if lines and len(lines[-1]) + 1 + len(command) <= longest:
            lines[-1] += ";" + command
        else:
            lines.append(command)
    return lines


def split_answers(text: str) -> list[str]:
    """The answers to the commands of one line, in their order, each without the empty line at its end."""
    answers: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if line:
            lines.append(line)
        else:
            answers.append("\n".join(lines))
            lines = []
    return answers if not lines else [*answers, "\n".join(lines)]


def complaints(text: str) -> list[str]:
    """What the gateway did not want to do, out of the answers to commands that change something; empty is well."""
    return [answer for answer in split_answers(text) if answer and not _as_wished(answer)]


def _as_wished(answer: str) -> bool:
    if answer.startswith("Committing"):
        return answer.endswith("Success!")
    return answer.startswith(AS_WISHED)


def new_certificate(settings: GatewaySettings, pem: str) -> list[str]:
    """The lines to send, each by a connection of its own, that put a new certificate in the place of the old one.

    Connections that are open keep theirs. The file is written too, so that a gateway which starts anew has it. The
    lines hold the private key: they are for the admin socket's input, never for a command line or a log.

    Args:
        settings: With a ``certificate``.
        pem: Certificate chain and key.

    Raises:
        SpecError: The gateway has no TLS, or the text has no certificate and key in it.
    """
    if settings.certificate is None:
        raise SpecError("the gateway has no TLS", where="certificate", hint="that is a change of its settings")
    blocks = [found[0] for found in PEM.finditer(pem.replace("\r\n", "\n"))]
    kinds = [block.partition("-----BEGIN ")[2].partition("-----")[0] for block in blocks]
    if "CERTIFICATE" not in kinds or not any(kind.endswith("PRIVATE KEY") for kind in kinds):
        raise SpecError("the PEM text holds no certificate with its key", where="certificate")
    text = "\n".join(blocks)
    return [f"set ssl cert {settings.certificate} <<\n{text}\n", f"commit ssl cert {settings.certificate}"]


def add_server(name: str, member: Member) -> list[str]:
    """Point a free server to a replica, which counts once a health check has passed and not before.

    A server that leaves maintenance is taken for healthy until the first check says otherwise, so it leaves it without
    traffic and is called down by hand before it may have some.
    """
    return [
        f"set server {name} addr {member.address} port {member.port}",
        set_state(name, "drain"),
        f"set server {name} health down",
        set_state(name, "ready"),
    ]


def set_state(name: str, state: str) -> str:
    """``ready``, ``drain`` (no new requests) or ``maint`` (free)."""
    return f"set server {name} state {state}"


def replace_map(number: int, version: int, entries: dict[str, str]) -> list[str]:
    """Put entries in the place of all that a map holds, at once for all requests.

    Args:
        number: The map's.
        version: The one that ``prepare map`` will give.
        entries: Key -> value.
    """
    adding = [f"add map @{version} #{number} {key} {value}" for key, value in entries.items()]
    return [f"prepare map #{number}", *adding, f"commit map @{version} #{number}"]
