"""What a registry's refusals mean to a person, as errors of ours. No credentials and no signed URLs get into a text.

Source of the codes: the OCI distribution specification, "Error Codes".
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deployer.errors import BuildError, DeployerError, TargetUnavailable

__all__ = ["Asked", "reason_of", "refused", "unreachable", "untrusted"]

_SHOWN = 200


@dataclass(frozen=True)
class Asked:
    """What a request is about, for the sentence when it fails.

    Attributes:
        where: The image or repository, as people write it.
        host: The registry, for ``docker login``.
        action: ``read`` for a base image, ``write`` for a push.
    """

    where: str
    host: str
    action: Literal["read", "write"] = "read"


def refused(
    asked: Asked,
    status: int,
    body: bytes,
    *,
    with_login: bool,
    trouble: str | None = None,
    secrets: tuple[str, ...] = (),
) -> DeployerError:
    """The error for an answer that is none.

    Args:
        asked: What was asked.
        status: HTTP's.
        body: What the registry wrote; untrusted.
        with_login: Whether credentials were shown.
        trouble: Why configured credentials could not be had.
        secrets: What is struck out, should the registry repeat it.
    """
    code, said = _said(body, secrets)
    told = f" ({said})" if said else ""
    denied = BuildError if asked.action == "read" else TargetUnavailable
    if status == 429 or code == "TOOMANYREQUESTS":
        return TargetUnavailable(
            f"{asked.host} wants fewer requests{told}",
            transient=True,
            where=asked.where,
            hint=f"wait, log in (docker login {asked.host}), or set image.mirror",
        )
    if status == 401 and not with_login:
        absent = ", or there is no such image" if asked.action == "read" else ""
        login = f"docker login {asked.host}"
        return denied(
            f"the registry wants a login{absent}{told}",
            where=asked.where,
            hint=f"{trouble}; repair it, or: {login}" if trouble else f"check the name, or log in: {login}",
        )
    if status == 401:
        return denied(
            f"the registry does not accept these credentials{told}",
            where=asked.where,
            hint=f"log in again: docker login {asked.host}",
        )
    if status == 403:
        verb = "read" if asked.action == "read" else "push to"
        who = "these credentials" if with_login else "anybody without a login"
        absent = ", or there is no such image" if asked.action == "read" else ""
        return denied(
            f"the registry does not allow {who} to {verb} this{absent}{told}",
            where=asked.where,
            hint=f"ask for access, or log in as somebody who has it: docker login {asked.host}",
        )
    if status == 404:
        return _missing(asked, code, told)
    if status >= 500:
        return TargetUnavailable(
            f"the registry failed with HTTP {status}{told}", transient=True, where=asked.where, hint="try again"
        )
    return denied(
        f"the registry refused with HTTP {status}{told}", where=asked.where, hint="see the registry's own log"
    )


def unreachable(asked: Asked, reason: str) -> TargetUnavailable:
    """The error for a registry that does not answer."""
    return TargetUnavailable(
        f"{asked.host} does not answer: {reason}",
        transient=True,
        where=asked.where,
        hint="check the host's name, the network and HTTPS_PROXY; for Docker Hub behind a mirror set image.mirror",
    )


def untrusted(asked: Asked, reason: str) -> TargetUnavailable:
    """The error for a TLS connection that cannot be made."""
    if "certificate" in reason:
        return TargetUnavailable(
            f"the certificate of {asked.host} is not trusted: {reason}",
            where=asked.where,
            hint="give the CA that signed it: requirements.ca_bundle=FILE, or SSL_CERT_FILE=FILE",
        )
    return TargetUnavailable(
        f"{asked.host} does not speak TLS: {reason}",
        where=asked.where,
        hint="plain http is spoken to loopback only, unless the registry is named as one that has nothing else",
    )


def reason_of(error: BaseException) -> str:
    """The innermost reason of an exception, without URLs: what the operating system or OpenSSL says."""
    last = ""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"certificate verify failed, {each.verify_message}"
        if isinstance(each, ssl.SSLError):
            return (each.reason or "TLS failed").lower().replace("_", " ")
        if isinstance(each, TimeoutError):
            return "timed out"
        if isinstance(each, OSError) and each.strerror:
            last = each.strerror
        elif "timeout" in type(each).__name__.lower():
            last = last or "timed out"
    return last or "the connection broke"


def _causes(error: BaseException) -> Iterator[BaseException]:
    queue: list[BaseException] = [error]
    seen: set[int] = set()
    while queue:
        each = queue.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        queue.extend(one for one in inner if isinstance(one, BaseException))


def _missing(asked: Asked, code: str, told: str) -> DeployerError:
    if asked.action == "write":
        return TargetUnavailable(
            f"there is no such repository{told}",
            where=asked.where,
            hint="create it first: some registries want that, Amazon ECR for one",
        )
    what = "repository" if code == "NAME_UNKNOWN" else "image"
    return BuildError(
        f"there is no such {what}{told}", where=asked.where, hint="check the name and the tag in image.base"
    )


def _said(body: bytes, secrets: tuple[str, ...]) -> tuple[str, str]:
    """The first error's code and message; nothing of what is not the specification's form."""
    try:
        found = json.loads(body)
        first = found["errors"][0] if "errors" in found else {"message": found.get("details") or found.get("message")}
        code, message = str(first.get("code") or ""), str(first.get("message") or "")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return "", ""
    for secret in filter(None, secrets):
        message = message.replace(secret, "...")
    readable = "".join(letter if letter.isprintable() else " " for letter in message)[:_SHOWN].strip()
    return code.upper(), readable
