"""The connection to an engine: where it is, and its errors in our words."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployer.errors import Conflict, DeployerError, SpecError, TargetUnavailable
from deployer.importing import library
from deployer_docker.config import DockerOptions
from deployer_docker.ssh import ssh_adapter

__all__ = [
    "REQUEST",
    "EngineAddress",
    "connect",
    "engine_address",
    "is_missing",
    "request_word",
    "status_of",
    "told",
    "unless_gone",
]

DEFAULT = "unix:///var/run/docker.sock"
REQUEST = "deployer.docker.request"
"""The audit event of each change that is about to be asked for, so that a test can stop a process before it."""
TIMEOUT = 60
"""Seconds that the engine may take to answer a request."""
_FIRST = "reach the engine"
_OLDEST = "1.41"
"""The oldest version of the interface that is spoken; see preflight."""
_VERSION = re.compile(r"v\d+\.\d+")
_FULL = "no space left on device"
_GOING = "dead or marked for removal"


class EngineAddress:
    """Where an engine is, and how it is spoken to.

    Attributes:
        url: ``unix://``, ``ssh://`` or ``tcp://`` with TLS.
        tls: docker-py's own TLS settings, or None.
        local: Whether its loopback is this process's.
    """

    def __init__(self, url: str, tls: Any = None) -> None:
        self.url = url
        self.tls = tls
        self.local = url.startswith(("unix://", "npipe://"))


def engine_address(options: DockerOptions) -> EngineAddress:
    """The engine that is meant: the target's own option, then Docker's variables, then its current context.

    Raises:
        SpecError: It is spoken to over plain tcp, or there is no such context.
    """
    if options.host is None and options.context is None and "DOCKER_HOST" in os.environ:
        return _checked(os.environ["DOCKER_HOST"], _tls_of_environment(), "DOCKER_HOST")
    if options.host is not None:
        return _checked(options.host, _tls_of(options), "host")
    contexts: Any = library("docker.context").ContextAPI
    with told("read Docker's contexts"):
        name = options.context or os.environ.get("DOCKER_CONTEXT") or None
        found = contexts.get_context(name) if name else contexts.get_current_context()
    if found is None:
        if name:
            stored = _stored_context(name)
            if stored is not None:
                return _checked(*stored, f"the context {name}")
            raise SpecError(f"Docker has no context {name!r}", where="context", hint="docker context ls")
        return EngineAddress(DEFAULT)
    return _checked(found.Host or DEFAULT, found.TLSConfig, f"the context {found.Name}")


def _stored_context(name: str) -> tuple[str, Any] | None:
    """A context's host and TLS settings, as Docker stores them; docker-py finds none where there is no config.json."""
    root = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "contexts"
    identifier = hashlib.sha256(name.encode()).hexdigest()
    try:
        stored = json.loads((root / "meta" / identifier / "meta.json").read_text(encoding="utf-8"))
        host = str(stored["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    files = [root / "tls" / identifier / "docker" / f"{each}.pem" for each in ("ca", "cert", "key")]
    ca, cert, key = (str(each) if each.exists() else "" for each in files)
    return host, _tls(ca, cert, key) if ca or cert else None


def _checked(url: str, tls: Any, where: str) -> EngineAddress:
    scheme = urlsplit(url).scheme
    if scheme in ("tcp", "http", "https"):
        if not tls:
            raise SpecError(
                f"{url} would be spoken to without TLS, so that anybody on the way could run what they like there",
                where=where, hint="use ssh://HOST, or tcp:// with tls_ca, tls_cert and tls_key (DOCKER_TLS_VERIFY=1)",
            )  # fmt: skip
    elif scheme not in ("unix", "npipe", "ssh"):
        raise SpecError(
            f"{url!r} is no engine's address", where=where, hint="unix:///PATH, ssh://HOST or tcp://HOST:2376"
        )
    return EngineAddress(url, tls)


def _tls_of(options: DockerOptions) -> Any:
    if options.tls_ca is None and options.tls_cert is None:
        return None
    return _tls(str(options.tls_ca or ""), str(options.tls_cert or ""), str(options.tls_key or ""))


def _tls_of_environment() -> Any:
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    folder = os.environ.get("DOCKER_CERT_PATH") or os.path.join(os.path.expanduser("~"), ".docker")  # noqa: PTH111, PTH118
    return _tls(*(os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem")))  # noqa: PTH118


def _tls(ca: str, cert: str, key: str) -> Any:
    docker: Any = library("docker")
    with told("read the certificates"):
        return docker.tls.TLSConfig(
            ca_cert=ca or None, client_cert=(cert, key) if cert else None, verify=ca or True
        )  # fmt: skip


def connect(address: EngineAddress, timeout: float = TIMEOUT) -> Any:
    """docker-py's low-level client, which speaks the newest version of the interface that both know.

    Args:
        address: The engine's.
        timeout: Seconds between two signs of life.

    Raises:
        TargetUnavailable: No engine answers there.
    """
    docker: Any = library("docker")
    with told(_FIRST, address.url):
        adapter = ssh_adapter(address.url, timeout) if address.url.startswith("ssh://") else None
        first = _client(docker, address, timeout, _OLDEST, adapter)
        version = str(first.version(api_version=False)["ApiVersion"])
        if adapter is None:
            first.close()
        return _client(docker, address, timeout, version, adapter)


def _client(docker: Any, address: EngineAddress, timeout: float, version: str, adapter: Any) -> Any:
    # Over ssh what is mounted carries the requests, in place of a socket that nobody looks up.
    url = address.url if adapter is None else "unix:///ssh"
    client = docker.APIClient(base_url=url, version=version, timeout=timeout, tls=address.tls or False)
    if adapter is not None:
        client.mount("http+docker://", adapter)
    # No proxy is on the way through a socket, and looking for one takes longer than many an answer.
    client.trust_env = bool(address.tls)
    send = client.send

    def audited(request: Any, **options: Any) -> Any:
        word = request_word(request.method, request.path_url)
        if word:
            sys.audit(REQUEST, word)
        if address.tls:
            # requests prefers REQUESTS_CA_BUNDLE to what its own session was told.
            options["verify"] = client.verify
        return send(request, **options)

    client.send = audited
    return client


def request_word(method: str, path: str) -> str:
    """Which change a request asks for, as ``POST containers start``; "" for one that changes nothing.

    What is run in a container may be a question as well as a change, so who runs it tells (`REQUEST`).
    """
    parts = [part for part in path.partition("?")[0].split("/") if part]
    parts = parts[1:] if parts and _VERSION.fullmatch(parts[0]) else parts
    if method in ("GET", "HEAD") or not parts or parts[0] == "exec" or parts[-1] in ("exec", "wait", "auth"):
        return ""
    verb = "" if method == "DELETE" or len(parts) == 1 else parts[-1]
    return " ".join(filter(None, (method, parts[0], verb)))


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the engine answered with, when it did."""
    status = getattr(error, "status_code", None)
    return int(status) if status is not None else None


def is_missing(error: BaseException) -> bool:
    """Whether the engine said that there is no such thing."""
    return status_of(error) == 404


@contextlib.contextmanager
def told(doing: str, where: str | None = None) -> Iterator[None]:
    """Turn every error of docker-py, of requests and of the system into one of ours."""
    try:
        yield
    except DeployerError:
        raise
    except Exception as error:
        mapped = _mapped(error, doing, where)
        if mapped is None:
            raise
        raise mapped from error


@contextlib.contextmanager
def unless_gone() -> Iterator[None]:
    """Pass over what is not there any more, or is just being removed (moby says 409 to who reads such a one's log)."""
    try:
        yield
    except Exception as error:
        if not is_missing(error) and not (status_of(error) == 409 and _GOING in str(error)):
            raise


def _mapped(error: Exception, doing: str, where: str | None) -> DeployerError | None:
    module = type(error).__module__.partition(".")[0]
    status = status_of(error) if module == "docker" else None
    if status is not None:
        return _of_status(status, str(getattr(error, "explanation", "") or error), doing, where)
    if module in ("docker", "requests", "urllib3") or isinstance(error, OSError):
        return _unreachable(error, doing, where)
    return None


def _of_status(status: int, said: str, doing: str, where: str | None) -> DeployerError:
    text = f"the engine cannot {doing}: {said.strip()[:600]}"
    if _FULL in said:
        return TargetUnavailable(
            f"the engine cannot {doing}: its disk is full", where=where, hint="make room: deployer gc, docker system df"
        )
    if status in (401, 403):
        return TargetUnavailable(text, where=where, hint="deployer doctor")
    if status == 409:
        return Conflict(text, where=where)
    return TargetUnavailable(text, transient=status in (408, 429, 502, 503, 504) or status == 500, where=where)


def _unreachable(error: Exception, doing: str, where: str | None) -> TargetUnavailable:
    said = str(error)
    if _FULL in said:
        return TargetUnavailable(f"cannot {doing}: the disk is full", where=where, hint="make room: deployer gc")
    if "Permission denied" in said or "PermissionError" in said:
        return TargetUnavailable(
            f"cannot {doing}: this user may not speak to the engine", where=where,
            hint="join the group docker (newgrp docker), or use rootless Docker",
        )  # fmt: skip
    if any(each in said for each in ("FileNotFoundError", "No such file", "ConnectionRefusedError")):
        # One that answered before may be about to come back.
        again = doing != _FIRST or "ConnectionRefusedError" in said
        return TargetUnavailable(
            f"cannot {doing}: no engine listens there", transient=again, where=where,
            hint="start Docker, or name another engine: DOCKER_HOST, or host in deployer.toml",
        )  # fmt: skip
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return TargetUnavailable(
            f"cannot {doing}: its certificate is of no authority that is known here", where=where,
            hint="give its authority's certificate: tls_ca in deployer.toml, or DOCKER_CERT_PATH",
        )  # fmt: skip
    if "alert certificate required" in said.replace("_", " ").lower() or "bad certificate" in said.lower():
        return TargetUnavailable(
            f"cannot {doing}: it wants a certificate of whoever asks", where=where,
            hint="give yours: tls_cert and tls_key in deployer.toml, or DOCKER_CERT_PATH",
        )  # fmt: skip
    reason = "it did not answer in time" if "timed out" in said.lower() else said[:300] or type(error).__name__
    return TargetUnavailable(f"cannot {doing}: {reason}", transient=True, where=where, hint="deployer doctor")
